"""No foreign key from a holder to its attempt: the server looked the attempt up once for each holder of a batch.

Holders are attached in the transaction that writes their attempt, and no attempt is ever deleted.
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Drop the foreign key. Workers of earlier versions do without it."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE holder DROP CONSTRAINT IF EXISTS holder_attempt_id_fkey")


def downgrade() -> None:
    """Restore the foreign key."""
    op.execute(
        "ALTER TABLE holder ADD CONSTRAINT holder_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES attempt (id) "
        "DEFERRABLE INITIALLY DEFERRED"
    )
