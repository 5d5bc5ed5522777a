"""Since when a target of webhooks takes nothing: after a day it is switched off."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the column. Without a default, no row is written."""
    op.execute("ALTER TABLE webhook ADD COLUMN failing_since TIMESTAMP")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE webhook DROP COLUMN failing_since")
