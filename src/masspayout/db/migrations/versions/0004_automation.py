"""Series that make distributions by themselves, the events of contracts, and syncs by the clock."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = (
    ("asset", "sync_every_seconds", "INT"),
    ("asset", "sync_requested_at", "TIMESTAMP"),
    ("asset", "contract_paused", "BOOLEAN NOT NULL DEFAULT false"),
    ("distribution", "series_id", "UUID REFERENCES series (id)"),
    ("distribution", "trigger_event_id", "UUID REFERENCES contract_event (id)"),
    ("batch_payout", "transient_failures", "INT NOT NULL DEFAULT 0"),
    ("blockchain_event_listener_config", "last_processed_index", "INT"),
    ("blockchain_event_listener_config", "last_polled_at", "TIMESTAMP"),
    ("blockchain_event_listener_config", "poll_error", "TEXT"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_series()
    create_contract_event()
    for table, column, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    op.execute("ALTER TABLE distribution ADD CONSTRAINT idx_distribution_occurrence UNIQUE (series_id, scheduled_time)")
    op.execute("ALTER TABLE distribution ADD CONSTRAINT idx_distribution_trigger UNIQUE (series_id, trigger_event_id)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # A column takes its constraints and indexes with it.
    for table, column, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("DROP TABLE contract_event")
    op.execute("DROP TABLE series")


def create_series() -> None:
    op.execute(
        """
        CREATE TABLE series (
            id UUID PRIMARY KEY,
            asset_id UUID NOT NULL REFERENCES asset (id),
            type VARCHAR NOT NULL,
            execution_type VARCHAR NOT NULL,
            payout_type VARCHAR NOT NULL,
            amount DECIMAL,
            concept VARCHAR,
            excluded_accounts VARCHAR[] NOT NULL DEFAULT '{}',
            included_accounts VARCHAR[] NOT NULL DEFAULT '{}',
            frequency VARCHAR,
            start_time TIMESTAMP,
            end_time TIMESTAMP,
            time_zone VARCHAR NOT NULL DEFAULT 'UTC',
            catch_up_seconds BIGINT NOT NULL DEFAULT 86400,
            next_number INT NOT NULL DEFAULT 0,
            trigger_condition VARCHAR,
            status VARCHAR NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT series_type_check CHECK (type IN ('DIVIDEND', 'COUPON', 'SNAPSHOT')),
            CONSTRAINT series_execution_type_check CHECK (execution_type IN ('RECURRING', 'AUTOMATIC')),
            CONSTRAINT series_payout_type_check CHECK (payout_type IN ('FIXED', 'PERCENTAGE')),
            CONSTRAINT series_frequency_check CHECK (frequency IN ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY')),
            CONSTRAINT series_status_check CHECK (status IN ('ACTIVE', 'PAUSED', 'ENDED', 'CANCELLED'))
        )
        """
    )
    op.execute("CREATE INDEX idx_series_asset ON series (asset_id)")
    op.execute("CREATE INDEX idx_series_active ON series (execution_type) WHERE status = 'ACTIVE'")


def create_contract_event() -> None:
    op.execute(
        """
        CREATE TABLE contract_event (
            id UUID PRIMARY KEY,
            contract_id VARCHAR NOT NULL,
            timestamp_nanos BIGINT NOT NULL,
            event_index INT NOT NULL,
            name VARCHAR NOT NULL,
            payload JSONB NOT NULL,
            status VARCHAR NOT NULL,
            error TEXT,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_contract_event_position UNIQUE (contract_id, timestamp_nanos, event_index),
            CONSTRAINT contract_event_status_check CHECK (status IN ('HANDLED', 'SET_ASIDE'))
        )
        """
    )
    op.execute("CREATE INDEX idx_contract_event_set_aside ON contract_event (contract_id) WHERE status = 'SET_ASIDE'")
