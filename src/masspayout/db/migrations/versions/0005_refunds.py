"""Payments that were sent back."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        CREATE TABLE refund (
            id UUID PRIMARY KEY,
            contract_event_id UUID NOT NULL REFERENCES contract_event (id),
            account_id VARCHAR NOT NULL,
            token_id VARCHAR NOT NULL,
            amount_units DECIMAL NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_refund_event UNIQUE (contract_event_id)
        )
        """
    )
    op.execute("CREATE INDEX idx_refund_account ON refund (account_id, token_id)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TABLE refund")
