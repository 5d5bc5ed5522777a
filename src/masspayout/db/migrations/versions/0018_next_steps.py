"""What to do about a distribution that does not go on, beside the sentence that says why."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column. It has no default, so no row is written."""
    op.execute("ALTER TABLE distribution ADD COLUMN failure_next_step JSONB")


def downgrade() -> None:
    """Forget the next steps; the sentences stay."""
    op.execute("ALTER TABLE distribution DROP COLUMN failure_next_step")
