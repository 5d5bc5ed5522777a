"""Tables of the EVM adapter: every version of a transaction, and the balances of tokens by block."""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class EvmTransaction(Base):
    """One signed version of a transaction, stored before it is sent and kept for ever.

    Versions of one transaction have the same nonce, so at most one of them is ever executed.

    Attributes:
        transaction_id: The hash of the first version, by which the transaction is known.
        token_id: The token that it pays in.
        max_fee_wei: The most that it pays for a unit of gas.
        is_cancellation: True if it pays nobody, and takes the place of the other versions.
        signed_at_block: The newest final block at the signing: no earlier block has the transaction.
        ledger_identity: The chain that it was signed for, told apart by its first block too.
    """

    __tablename__ = "evm_transaction"
    __table_args__ = (
        UniqueConstraint("hash", name="idx_evm_transaction_hash"),
        Index("idx_evm_transaction_id", "transaction_id"),
        Index("idx_evm_transaction_nonce", "chain_id", "sender", "nonce"),
    )

    transaction_id: Mapped[str]
    hash: Mapped[str]
    chain_id: Mapped[int] = mapped_column(BigInteger)
    sender: Mapped[str]
    nonce: Mapped[int] = mapped_column(BigInteger)
    token_id: Mapped[str]
    signed_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    max_fee_wei: Mapped[Decimal]
    is_cancellation: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    signed_at_block: Mapped[int] = mapped_column(BigInteger)
    ledger_identity: Mapped[str | None]


class EvmToken(Base):
    """A token whose transfers are read, and the block up to which they are."""

    __tablename__ = "evm_token"
    __table_args__ = (UniqueConstraint("chain_id", "token_id", name="idx_evm_token"),)

    chain_id: Mapped[int] = mapped_column(BigInteger)
    token_id: Mapped[str]
    first_block: Mapped[int] = mapped_column(BigInteger)
    read_block: Mapped[int] = mapped_column(BigInteger)
    read_block_hash: Mapped[str]


# One row for each account and block in which its balance changed. There may be many millions: they have no key of
# their own and no times.
evm_balance_change = Table(
    "evm_balance_change",
    Base.metadata,
    Column("evm_token_id", ForeignKey("evm_token.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("block_number", BigInteger, primary_key=True),
    Column("change_units", Numeric, nullable=False),
)
