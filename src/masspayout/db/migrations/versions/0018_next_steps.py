"""Next steps of distributions that do not go on, beside the sentence with the reason."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column. Without a default, no row is written."""
    op.execute("ALTER TABLE distribution ADD COLUMN failure_next_step JSONB")


def downgrade() -> None:
    """Drop the next steps; the sentences stay."""
    op.execute("ALTER TABLE distribution DROP COLUMN failure_next_step")
