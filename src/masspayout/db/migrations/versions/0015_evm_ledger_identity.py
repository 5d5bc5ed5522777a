"""On which chain a transaction was signed for: one that was started anew has the number of the one before."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE evm_transaction ADD COLUMN ledger_identity VARCHAR")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE evm_transaction DROP COLUMN ledger_identity")
