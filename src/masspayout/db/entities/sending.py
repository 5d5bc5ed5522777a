"""What goes to the ledger: attempts, and the numbers that make them unique."""

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
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base, one_of
from masspayout.db.entities.states import (
    AttemptStatus,
)
from masspayout.db.types import OneOf


class Attempt(Base):
    """One signed ledger transaction for (part of) a batch, stored before it is sent and kept for ever."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("transaction_id", name="idx_attempt_transaction"),
        Index("idx_attempt_batch", "batch_payout_id"),
        # A batch has at most one transaction that could still pay.
        Index(
            "idx_attempt_open",
            "batch_payout_id",
            unique=True,
            postgresql_where=text("status IN ('SIGNED', 'SUBMITTED')"),
        ),
        one_of("status", AttemptStatus, "attempt"),
    )

    batch_payout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batch_payout.id"))
    transaction_id: Mapped[str]
    signed_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    status: Mapped[AttemptStatus] = mapped_column(OneOf(AttemptStatus), default=AttemptStatus.SIGNED)
    recipient_count: Mapped[int] = mapped_column(Integer)
    total_amount: Mapped[Decimal]
    looks: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    outcome_code: Mapped[str | None]
    outcome_detail: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class LedgerSequence(Base):
    """The last number handed out to a paying account: transaction times on Hedera, nonces on an EVM chain."""

    __tablename__ = "ledger_sequence"
    __table_args__ = (UniqueConstraint("account_id", name="idx_ledger_sequence_account"),)

    account_id: Mapped[str]
    last_number: Mapped[int] = mapped_column(BigInteger)
