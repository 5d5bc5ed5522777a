"""Creators of distributions, approvals, and the amounts that were started within a day."""

from alembic import op

revision = "0009"
down_revision = "0008"

COLUMNS = (
    ("distribution", "created_by", "VARCHAR"),
    ("distribution", "created_by_name", "VARCHAR"),
    ("distribution", "approvals_required", "INT NOT NULL DEFAULT 0"),
    ("series", "created_by", "VARCHAR"),
    ("series", "created_by_name", "VARCHAR"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, column, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    op.execute(
        """
        CREATE TABLE approval (
            id UUID PRIMARY KEY,
            distribution_id UUID NOT NULL REFERENCES distribution (id),
            person VARCHAR NOT NULL,
            actor_kind VARCHAR NOT NULL,
            actor_name VARCHAR NOT NULL,
            source_address VARCHAR,
            approved_at TIMESTAMP NOT NULL,
            register_hash VARCHAR NOT NULL,
            payment_token_id VARCHAR NOT NULL,
            payer_account_id VARCHAR NOT NULL,
            total_amount DECIMAL NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_approval_person UNIQUE (distribution_id, person)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE payout_start (
            id UUID PRIMARY KEY,
            distribution_id UUID NOT NULL REFERENCES distribution (id),
            payment_token_id VARCHAR NOT NULL,
            amount DECIMAL NOT NULL,
            started_at TIMESTAMP NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX idx_payout_start_token ON payout_start (payment_token_id, started_at)")
    op.execute("CREATE INDEX idx_payout_start_distribution ON payout_start (distribution_id)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TABLE payout_start")
    op.execute("DROP TABLE approval")
    for table, column, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
