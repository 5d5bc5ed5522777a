"""What a distribution is to a contract that works out the amounts itself."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE distribution ADD COLUMN contract_terms TEXT")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE distribution DROP COLUMN contract_terms")
