"""References: what people outside know a payout by, such as the number of an invoice."""

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = ("distribution", "series")


def upgrade() -> None:
    """Add the columns. Without a default, no row is written."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN reference VARCHAR")


def downgrade() -> None:
    """Drop the references; the keys of the obligations that they are part of stay."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN reference")
