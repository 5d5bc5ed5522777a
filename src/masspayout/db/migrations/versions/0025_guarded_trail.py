"""The audit trail for an application that does not own it: the head follows the entries by itself."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE audit_head ADD COLUMN published_number BIGINT NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE audit_head ADD COLUMN published_at TIMESTAMP")
    move_head()
    analyse()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TRIGGER move_head ON audit_entry")
    op.execute("DROP FUNCTION masspayout_move_head()")
    op.execute("DROP FUNCTION masspayout_analyse(regclass[])")
    op.execute("ALTER TABLE audit_head DROP COLUMN published_number, DROP COLUMN published_at")


def move_head() -> None:
    """Have each entry move the head, with the rights of the table's owner.

    Older workers write the same values once more. Nobody else may create a trigger with this function, which would
    then run on tables of theirs.
    """
    op.execute(
        """
        CREATE FUNCTION masspayout_move_head() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            moved BIGINT;
        BEGIN
            EXECUTE format('UPDATE %I.audit_head SET number = $1, hash = $2, updated_at = now() '
                           'WHERE number = $1 - 1 AND hash = $3', TG_TABLE_SCHEMA)
              USING NEW.number, NEW.hash, NEW.previous_hash;
            GET DIAGNOSTICS moved = ROW_COUNT;
            IF moved <> 1 THEN
                RAISE EXCEPTION 'entry % does not follow the last one of the audit trail', NEW.number
                      USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION masspayout_move_head() FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER move_head AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION masspayout_move_head()"
    )


def analyse() -> None:
    """Let others than the owner renew the statistics of the owner's tables: before PostgreSQL 17 no grant does."""
    op.execute(
        """
        CREATE FUNCTION masspayout_analyse(names regclass[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            name regclass;
        BEGIN
            FOR name IN SELECT oid::regclass FROM pg_class
                         WHERE oid = ANY (names) AND relkind IN ('r', 'p') AND relpersistence = 'p'
                           AND relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
            LOOP
                EXECUTE format('ANALYZE %s', name);
            END LOOP;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION masspayout_analyse(regclass[]) FROM PUBLIC")
