"""Payers and their statements, this installation, and the key of each obligation."""

import secrets

from alembic import op
from sqlalchemy import text

revision = "0017"
down_revision = "0016"

_CODE_BYTES, _CODE_LENGTH = 6, 6

# Each part as far as the server tells it: a managed one may keep some to itself.
IDENTITY = """
    DECLARE
        system text := '-';
        timeline text := '-';
    BEGIN
        BEGIN
            system := (SELECT system_identifier FROM pg_control_system());
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
            timeline := left(pg_walfile_name(pg_current_wal_lsn()), 8);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        RETURN concat_ws('/', system, timeline,
                         (SELECT oid FROM pg_database WHERE datname = current_database()),
                         'attempt'::regclass::oid, 'holder'::regclass::oid);
    END
"""

TABLES = (
    """
    CREATE TABLE installation (
        id UUID PRIMARY KEY,
        code VARCHAR NOT NULL,
        identity VARCHAR NOT NULL,
        secured_for VARCHAR,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT installation_code_check CHECK (code ~ '^[A-Za-z0-9_-]{6}$')
    )
    """,
    "CREATE UNIQUE INDEX idx_installation_only ON installation ((true))",
    """
    CREATE TABLE payer (
        id UUID PRIMARY KEY,
        ledger VARCHAR NOT NULL,
        account VARCHAR NOT NULL,
        installation VARCHAR NOT NULL,
        beginning BIGINT,
        cursor BIGINT,
        read_until TIMESTAMP,
        read_at TIMESTAMP,
        identity VARCHAR NOT NULL,
        doubt_since TIMESTAMP,
        doubt_reason TEXT,
        read_required_until TIMESTAMP,
        watched_since TIMESTAMP,
        cleared_for VARCHAR,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_payer_account UNIQUE (ledger, account)
    )
    """,
    """
    CREATE TABLE payer_entry (
        id UUID PRIMARY KEY,
        payer_id UUID NOT NULL REFERENCES payer (id),
        position BIGINT NOT NULL,
        transaction_id VARCHAR NOT NULL,
        token_id VARCHAR NOT NULL,
        accounts VARCHAR[] NOT NULL,
        units NUMERIC[] NOT NULL,
        mark VARCHAR,
        number BIGINT,
        occurred_at TIMESTAMP NOT NULL,
        attempt_id UUID REFERENCES attempt (id),
        answer VARCHAR,
        reason TEXT,
        answered_by VARCHAR,
        proposed_answer VARCHAR,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_payer_entry_transaction UNIQUE (payer_id, transaction_id, token_id),
        CONSTRAINT payer_entry_answer_check
            CHECK (answer IN ('LOST_PAYOUT', 'OTHER_INSTALLATION', 'NO_PAYOUT', 'EARLIER')),
        CONSTRAINT payer_entry_proposed_answer_check
            CHECK (proposed_answer IN ('LOST_PAYOUT', 'OTHER_INSTALLATION', 'NO_PAYOUT', 'EARLIER'))
    )
    """,
    "CREATE INDEX idx_payer_entry_attempt ON payer_entry (attempt_id)",
    """
    CREATE INDEX idx_payer_entry_unmatched ON payer_entry (payer_id, position)
     WHERE attempt_id IS NULL AND answer IS NULL
    """,
    """
    CREATE TABLE payer_balance (
        id UUID PRIMARY KEY,
        payer_id UUID NOT NULL REFERENCES payer (id),
        token_id VARCHAR NOT NULL,
        opening_units NUMERIC,
        received_units NUMERIC NOT NULL DEFAULT 0,
        sent_units NUMERIC NOT NULL DEFAULT 0,
        fee_units NUMERIC NOT NULL DEFAULT 0,
        created_at TIMESTAMP DEFAULT now(),
        updated_at TIMESTAMP DEFAULT now(),
        CONSTRAINT idx_payer_balance_token UNIQUE (payer_id, token_id)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"CREATE FUNCTION masspayout_identity() RETURNS text LANGUAGE plpgsql STABLE AS $${IDENTITY}$$")
    for statement in TABLES:
        op.execute(statement)
    op.get_bind().execute(
        text("INSERT INTO installation (id, code, identity) VALUES (masspayout_uuid7(), :code, masspayout_identity())"),
        {"code": secrets.token_urlsafe(_CODE_BYTES)[:_CODE_LENGTH]},
    )
    op.execute("ALTER TABLE distribution ADD COLUMN ledger_key VARCHAR")
    # Contracts know the payouts that are frozen by the ids of their rows.
    op.execute(
        "UPDATE distribution SET ledger_key = '0x' || lpad(replace(id::text, '-', ''), 64, '0') "
        "WHERE frozen_at IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE distribution DROP COLUMN ledger_key")
    for table in ("payer_balance", "payer_entry", "payer", "installation"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION masspayout_identity()")
