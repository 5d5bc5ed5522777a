"""Attempts that are reserved before they are signed: number and holders are stored first, bytes later."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE attempt ADD COLUMN sender_account_id VARCHAR, ADD COLUMN number BIGINT")
    for column in ("transaction_id", "signed_bytes", "expires_at"):
        op.execute(f"ALTER TABLE attempt ALTER COLUMN {column} DROP NOT NULL")
    allow("'RESERVED', 'SIGNED', 'SUBMITTED', 'SETTLED', 'DEAD'", "'RESERVED', 'SIGNED', 'SUBMITTED'")
    op.execute("CREATE UNIQUE INDEX idx_attempt_number ON attempt (sender_account_id, number)")
    op.execute("ALTER TABLE ledger_sequence ADD COLUMN returned_numbers BIGINT[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE ledger_sequence ADD COLUMN current_number BIGINT")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE ledger_sequence DROP COLUMN current_number, DROP COLUMN returned_numbers")
    # An attempt that was never signed paid nobody: an older version finds its holders free.
    op.execute(
        "UPDATE holder SET attempt_id = NULL FROM attempt "
        "WHERE attempt.id = holder.attempt_id AND attempt.signed_bytes IS NULL AND NOT holder.paid"
    )
    op.execute(
        "UPDATE attempt SET status = 'DEAD', transaction_id = coalesce(transaction_id, 'unsigned-' || id), "
        "signed_bytes = '', expires_at = coalesce(expires_at, created_at, now()) WHERE signed_bytes IS NULL"
    )
    op.execute("DROP INDEX idx_attempt_number")
    # The deferred key of the holders that were set free is checked before the table is changed.
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")
    allow("'SIGNED', 'SUBMITTED', 'SETTLED', 'DEAD'", "'SIGNED', 'SUBMITTED'")
    for column in ("transaction_id", "signed_bytes", "expires_at"):
        op.execute(f"ALTER TABLE attempt ALTER COLUMN {column} SET NOT NULL")
    op.execute("ALTER TABLE attempt DROP COLUMN number, DROP COLUMN sender_account_id")


def allow(states: str, open_states: str) -> None:
    op.execute("ALTER TABLE attempt DROP CONSTRAINT attempt_status_check")
    op.execute(f"ALTER TABLE attempt ADD CONSTRAINT attempt_status_check CHECK (status IN ({states}))")
    op.execute("DROP INDEX idx_attempt_open")
    op.execute(f"CREATE UNIQUE INDEX idx_attempt_open ON attempt (batch_payout_id) WHERE status IN ({open_states})")
