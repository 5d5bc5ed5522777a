"""Attempts, which go to the ledger, and the numbers that make them unique."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf
from masspayout.kernel.states import (
    AttemptStatus,
)


class Attempt(Base):
    """One ledger transaction for (part of) a batch, kept for ever.

    An attempt is stored with its number before it is signed, and with its signed bytes before it is sent.

    Attributes:
        sender_account_id: The ``Sender`` of ``number``, by its name in ``ledger_sequence``.
        number: The number that makes the transaction unique. None once it was returned, because nothing was signed
            with it.
        transaction_id: The id on the ledger; None, like the bytes and their expiry, until the transaction is signed.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("transaction_id", name="idx_attempt_transaction"),
        Index("idx_attempt_batch", "batch_payout_id"),
        # A batch has at most one transaction that could still pay.
        Index(
            "idx_attempt_open",
            "batch_payout_id",
            unique=True,
            postgresql_where=text("status IN ('RESERVED', 'SIGNED', 'SUBMITTED')"),
        ),
        Index("idx_attempt_number", "sender_account_id", "number", unique=True),
        one_of("status", AttemptStatus, "attempt"),
    )

    batch_payout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch_payout.id"))
    sender_account_id: Mapped[str | None]
    number: Mapped[int | None] = mapped_column(BigInteger)
    transaction_id: Mapped[str | None]
    signed_bytes: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    status: Mapped[AttemptStatus] = mapped_column(OneOf(AttemptStatus), default=AttemptStatus.RESERVED)
    recipient_count: Mapped[int] = mapped_column(Integer)
    total_amount: Mapped[Decimal]
    polls: Mapped[int] = mapped_column("looks", Integer, server_default=text("0"), default=0)
    outcome_code: Mapped[str | None]
    outcome_detail: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class LedgerSequence(Base):
    """The numbers that a paying account has handed out: transaction times on Hedera, nonces on an EVM chain.

    Attributes:
        last_number: The greatest number handed out.
        returned_numbers: Numbers that nothing was signed with, in order: they are handed out again first.
        current_number: The number handed out last.
    """

    __tablename__ = "ledger_sequence"
    __table_args__ = (UniqueConstraint("account_id", name="idx_ledger_sequence_account"),)

    account_id: Mapped[str]
    last_number: Mapped[int] = mapped_column(BigInteger)
    returned_numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"), default=list)
    current_number: Mapped[int | None] = mapped_column(BigInteger)
