"""Terms by which a contract that computes the amounts itself knows a distribution."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE distribution ADD COLUMN contract_terms TEXT")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE distribution DROP COLUMN contract_terms")
