"""Tables of the EVM adapter: versions of transactions, and changes of balances."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        """
        CREATE TABLE evm_transaction (
            id UUID PRIMARY KEY,
            transaction_id VARCHAR NOT NULL,
            hash VARCHAR NOT NULL,
            chain_id BIGINT NOT NULL,
            sender VARCHAR NOT NULL,
            nonce BIGINT NOT NULL,
            token_id VARCHAR NOT NULL,
            signed_bytes BYTEA NOT NULL,
            max_fee_wei DECIMAL NOT NULL,
            is_cancellation BOOLEAN NOT NULL DEFAULT false,
            signed_at_block BIGINT NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_evm_transaction_hash UNIQUE (hash)
        )
        """
    )
    op.execute("CREATE INDEX idx_evm_transaction_id ON evm_transaction (transaction_id)")
    op.execute("CREATE INDEX idx_evm_transaction_nonce ON evm_transaction (chain_id, sender, nonce)")
    op.execute(
        """
        CREATE TABLE evm_token (
            id UUID PRIMARY KEY,
            chain_id BIGINT NOT NULL,
            token_id VARCHAR NOT NULL,
            first_block BIGINT NOT NULL,
            read_block BIGINT NOT NULL,
            read_block_hash VARCHAR NOT NULL,
            created_at TIMESTAMP DEFAULT now(),
            updated_at TIMESTAMP DEFAULT now(),
            CONSTRAINT idx_evm_token UNIQUE (chain_id, token_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE evm_balance_change (
            evm_token_id UUID NOT NULL REFERENCES evm_token (id) ON DELETE CASCADE,
            account_id VARCHAR NOT NULL,
            block_number BIGINT NOT NULL,
            change_units DECIMAL NOT NULL,
            PRIMARY KEY (evm_token_id, account_id, block_number)
        )
        """
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TABLE evm_balance_change")
    op.execute("DROP TABLE evm_token")
    op.execute("DROP TABLE evm_transaction")
