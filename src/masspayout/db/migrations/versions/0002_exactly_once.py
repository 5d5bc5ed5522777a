"""Attempts, the terms and the freeze of a distribution, and the rules of the schema as constraints."""

from alembic import op

revision = "0002"
down_revision = "0001"

CHECKS = (
    ("asset", "sync_status", "sync_status IN ('SYNCED', 'SYNCING', 'FAILED')"),
    ("distribution", "type", "type IN ('DIVIDEND', 'COUPON', 'SNAPSHOT')"),
    ("distribution", "execution_type", "execution_type IN ('MANUAL', 'SCHEDULED', 'RECURRING', 'AUTOMATIC')"),
    ("distribution", "payout_type", "payout_type IN ('FIXED', 'PERCENTAGE')"),
    ("distribution", "frequency", "frequency IN ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY')"),
    ("distribution", "status", "status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')"),
    ("holder", "balance", "balance >= 0"),
    ("holder", "payment_amount", "payment_amount >= 0"),
    ("batch_payout", "status", "status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')"),
)

COLUMNS = (
    ("asset", "treasury_account_id", "VARCHAR"),
    ("asset", "payment_token_symbol", "VARCHAR"),
    ("asset", "payment_token_decimals", "INT"),
    ("asset", "sync_error", "TEXT"),
    ("distribution", "record_time", "TIMESTAMP"),
    ("distribution", "excluded_accounts", "VARCHAR[] NOT NULL DEFAULT '{}'"),
    ("distribution", "included_accounts", "VARCHAR[] NOT NULL DEFAULT '{}'"),
    ("distribution", "obligation_key", "VARCHAR"),
    ("distribution", "frozen_at", "TIMESTAMP"),
    ("distribution", "snapshot_at", "TIMESTAMP"),
    ("distribution", "register_hash", "VARCHAR"),
    ("distribution", "payment_token_id", "VARCHAR"),
    ("distribution", "payment_token_decimals", "INT"),
    ("distribution", "payer_account_id", "VARCHAR"),
    ("distribution", "entitlement_count", "INT"),
    ("distribution", "payable_count", "INT"),
    ("distribution", "batch_count", "INT"),
    ("distribution", "total_amount", "DECIMAL"),
    ("distribution", "remainder_amount", "DECIMAL"),
    ("distribution", "failure_code", "VARCHAR"),
    ("distribution", "failure_message", "TEXT"),
    ("holder", "batch_number", "INT"),
    ("holder", "attempt_id", "UUID REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED"),
    ("holder", "failure_code", "VARCHAR"),
    ("batch_payout", "total_amount", "DECIMAL"),
    ("batch_payout", "slices", "INT[]"),
    ("batch_payout", "claimed_until", "TIMESTAMP"),
)

# PostgreSQL has no such function before 18. The first 60 bits are the time in steps of a quarter of a microsecond, as
# uuidv7() has them; gen_random_uuid() gives the variant and the random rest.
UUID7_BEFORE_18 = """
    DECLARE
        microseconds CONSTANT bigint := extract(epoch FROM clock_timestamp()) * 1000000;
        fraction CONSTANT int := (microseconds % 1000) * 4096 / 1000;
        bits bytea := uuid_send(gen_random_uuid());
    BEGIN
        bits := overlay(bits PLACING substring(int8send(microseconds / 1000) FROM 3) FROM 1 FOR 6);
        bits := set_byte(bits, 6, 112 | (fraction >> 8));
        bits := set_byte(bits, 7, fraction & 255);
        RETURN encode(bits, 'hex')::uuid;
    END
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_uuid7()
    create_attempt()
    create_ledger_sequence()
    for table, column, definition in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")
    for table, column, condition in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_check CHECK ({condition})")
    op.execute("CREATE INDEX idx_holder_batch ON holder (distribution_id, batch_number) WHERE batch_number IS NOT NULL")
    op.execute(
        "CREATE INDEX idx_batch_open ON batch_payout (distribution_id, batch_number) "
        "WHERE status IN ('PENDING', 'PROCESSING')"
    )
    op.execute("ALTER TABLE batch_payout ADD CONSTRAINT idx_batch_number UNIQUE (distribution_id, batch_number)")
    op.execute("ALTER TABLE distribution ADD CONSTRAINT idx_distribution_obligation UNIQUE (obligation_key)")
    serve_each_constraint_with_one_index()
    # Half of each page stays free, so that "attached" and "paid" are heap-only updates. Only new pages have it.
    op.execute("ALTER TABLE holder SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE holder RESET (fillfactor)")
    serve_each_constraint_with_an_index_of_its_own()
    op.execute("ALTER TABLE batch_payout DROP CONSTRAINT idx_batch_number")
    op.execute("DROP INDEX idx_batch_open")
    for table, column, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_check")
    # A column takes its constraints and indexes with it.
    for table, column, _ in COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("DROP TABLE ledger_sequence")
    op.execute("DROP TABLE attempt")
    op.execute("DROP FUNCTION masspayout_uuid7()")


def create_uuid7() -> None:
    version = op.get_bind().dialect.server_version_info
    if version is not None and version >= (18,):
        body, language = "SELECT uuidv7()", "sql"
    else:
        body, language = UUID7_BEFORE_18, "plpgsql"
    op.execute(
        f"CREATE FUNCTION masspayout_uuid7() RETURNS uuid LANGUAGE {language} VOLATILE PARALLEL SAFE AS $${body}$$"
    )


def create_attempt() -> None:
    op.execute(
        """
        CREATE TABLE attempt (
            id UUID PRIMARY KEY,
            batch_payout_id UUID NOT NULL REFERENCES batch_payout (id),
            transaction_id VARCHAR NOT NULL,
            signed_bytes BYTEA NOT NULL,
            expires_at TIMESTAMP NOT NULL,
            status VARCHAR NOT NULL,
            recipient_count INT NOT NULL,
            total_amount DECIMAL NOT NULL,
            looks INT NOT NULL DEFAULT 0,
            outcome_code VARCHAR,
            outcome_detail TEXT,
            submitted_at TIMESTAMP,
            settled_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_attempt_transaction UNIQUE (transaction_id),
            CONSTRAINT attempt_status_check CHECK (status IN ('SIGNED', 'SUBMITTED', 'SETTLED', 'DEAD'))
        )
        """
    )
    op.execute("CREATE INDEX idx_attempt_batch ON attempt (batch_payout_id)")
    op.execute(
        "CREATE UNIQUE INDEX idx_attempt_open ON attempt (batch_payout_id) WHERE status IN ('SIGNED', 'SUBMITTED')"
    )


def create_ledger_sequence() -> None:
    op.execute(
        """
        CREATE TABLE ledger_sequence (
            id UUID PRIMARY KEY,
            account_id VARCHAR NOT NULL,
            last_number BIGINT NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_ledger_sequence_account UNIQUE (account_id)
        )
        """
    )


def serve_each_constraint_with_one_index() -> None:
    """Keep one index where the users' schema has two on the same columns: the constraint's and a named one."""
    op.execute("ALTER TABLE asset DROP CONSTRAINT asset_token_id_key")
    op.execute("ALTER TABLE asset ADD CONSTRAINT idx_asset_token_id UNIQUE USING INDEX idx_asset_token_id")
    op.execute(
        "ALTER TABLE blockchain_event_listener_config "
        "ADD CONSTRAINT idx_listener_contract UNIQUE USING INDEX idx_listener_contract"
    )
    op.execute("ALTER TABLE holder DROP CONSTRAINT holder_asset_id_distribution_id_account_id_key")
    op.execute("DROP INDEX idx_holder_unique")
    op.execute(
        "ALTER TABLE holder ADD CONSTRAINT idx_holder_unique "
        "UNIQUE NULLS NOT DISTINCT (asset_id, distribution_id, account_id)"
    )


def serve_each_constraint_with_an_index_of_its_own() -> None:
    op.execute("ALTER TABLE holder DROP CONSTRAINT idx_holder_unique")
    op.execute("CREATE UNIQUE INDEX idx_holder_unique ON holder (asset_id, distribution_id, account_id)")
    op.execute("ALTER TABLE holder ADD UNIQUE (asset_id, distribution_id, account_id)")
    op.execute("ALTER TABLE blockchain_event_listener_config DROP CONSTRAINT idx_listener_contract")
    op.execute("CREATE UNIQUE INDEX idx_listener_contract ON blockchain_event_listener_config (contract_id)")
    op.execute("ALTER TABLE asset DROP CONSTRAINT idx_asset_token_id")
    op.execute("CREATE UNIQUE INDEX idx_asset_token_id ON asset (token_id)")
    op.execute("ALTER TABLE asset ADD UNIQUE (token_id)")
