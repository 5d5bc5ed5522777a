"""Procrastinate's own schema: the queue of background jobs."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # As the driver's own statement: the script holds several, and signs that SQLAlchemy would take for parameters.
    op.get_bind().connection.cursor().execute(SchemaManager.get_schema())


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        DO $$
        DECLARE
            statement text;
        BEGIN
            FOR statement IN
                SELECT format('DROP TABLE %I CASCADE', tablename)
                FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate%'
            LOOP EXECUTE statement; END LOOP;
            FOR statement IN
                SELECT format('DROP ROUTINE %s', oid::regprocedure)
                FROM pg_proc
                WHERE pronamespace = quote_ident(current_schema())::regnamespace AND proname LIKE 'procrastinate%'
            LOOP EXECUTE statement; END LOOP;
            FOR statement IN
                SELECT format('DROP TYPE %s', oid::regtype)
                FROM pg_type
                WHERE typnamespace = quote_ident(current_schema())::regnamespace AND typname LIKE 'procrastinate%'
                  AND typtype IN ('c', 'e')
                ORDER BY typtype -- composite types before the enumerations that they may be made of
            LOOP EXECUTE statement; END LOOP;
        END
        $$
        """
    )
