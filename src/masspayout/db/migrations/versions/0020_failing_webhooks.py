"""Since when a target of webhooks takes nothing: after a day it is switched off."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the column. It has no default, so no row is written."""
    op.execute("ALTER TABLE webhook ADD COLUMN failing_since TIMESTAMP")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE webhook DROP COLUMN failing_since")
