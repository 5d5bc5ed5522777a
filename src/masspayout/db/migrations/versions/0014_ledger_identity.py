"""On which ledger assets, distributions and listeners are: what began on one is never asked for on another."""

from alembic import op

revision = "0014"
down_revision = "0013"

_TABLES = ("asset", "distribution", "blockchain_event_listener_config")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN ledger_identity VARCHAR")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN ledger_identity")
