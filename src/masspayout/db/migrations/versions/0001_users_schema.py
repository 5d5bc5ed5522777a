"""The users' schema: five tables, as people already have them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = ("asset", "distribution", "holder", "batch_payout", "blockchain_event_listener_config")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        CREATE TABLE asset (
            id UUID PRIMARY KEY,
            token_id VARCHAR NOT NULL UNIQUE,
            name VARCHAR NOT NULL,
            symbol VARCHAR NOT NULL,
            total_supply BIGINT NOT NULL,
            decimals INT NOT NULL,
            lifecycle_contract_id VARCHAR,
            payment_token_id VARCHAR,
            last_synced_at TIMESTAMP,
            sync_status VARCHAR,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX idx_asset_token_id ON asset (token_id)")
    op.execute("CREATE INDEX idx_asset_sync_status ON asset (sync_status)")
    op.execute(
        """
        CREATE TABLE distribution (
            id UUID PRIMARY KEY,
            asset_id UUID NOT NULL REFERENCES asset (id),
            type VARCHAR NOT NULL,
            execution_type VARCHAR NOT NULL,
            payout_type VARCHAR,
            amount DECIMAL,
            concept VARCHAR,
            scheduled_time TIMESTAMP,
            frequency VARCHAR,
            start_time TIMESTAMP,
            trigger_condition VARCHAR,
            status VARCHAR NOT NULL,
            executed_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX idx_distribution_asset ON distribution (asset_id)")
    op.execute("CREATE INDEX idx_distribution_status ON distribution (status)")
    op.execute("CREATE INDEX idx_distribution_scheduled ON distribution (scheduled_time) WHERE status = 'PENDING'")
    op.execute(
        """
        CREATE TABLE holder (
            id UUID PRIMARY KEY,
            asset_id UUID NOT NULL REFERENCES asset (id),
            distribution_id UUID REFERENCES distribution (id),
            account_id VARCHAR NOT NULL,
            balance BIGINT NOT NULL,
            payment_amount DECIMAL,
            paid BOOLEAN DEFAULT FALSE,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            UNIQUE (asset_id, distribution_id, account_id)
        )
        """
    )
    op.execute("CREATE INDEX idx_holder_asset ON holder (asset_id)")
    op.execute("CREATE INDEX idx_holder_distribution ON holder (distribution_id)")
    op.execute("CREATE INDEX idx_holder_account ON holder (account_id)")
    op.execute("CREATE UNIQUE INDEX idx_holder_unique ON holder (asset_id, distribution_id, account_id)")
    op.execute(
        """
        CREATE TABLE batch_payout (
            id UUID PRIMARY KEY,
            distribution_id UUID NOT NULL REFERENCES distribution (id),
            batch_number INT NOT NULL,
            total_holders INT NOT NULL,
            successful_payments INT DEFAULT 0,
            failed_payments INT DEFAULT 0,
            transaction_id VARCHAR,
            status VARCHAR NOT NULL,
            error_message TEXT,
            executed_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX idx_batch_distribution ON batch_payout (distribution_id)")
    op.execute("CREATE INDEX idx_batch_status ON batch_payout (status)")
    op.execute(
        """
        CREATE TABLE blockchain_event_listener_config (
            id UUID PRIMARY KEY,
            contract_id VARCHAR NOT NULL,
            last_processed_timestamp BIGINT,
            enabled BOOLEAN DEFAULT TRUE,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now()
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX idx_listener_contract ON blockchain_event_listener_config (contract_id)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
