"""Controls between a frozen distribution and its payment: approvals, and the started amounts."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base


class Approval(Base):
    """One person's approval of a distribution as it was frozen. It counts as long as the register hash is the same.

    ``person`` is the same for a user and for the tokens that belong to that user: one person approves once.
    """

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("distribution_id", "person", name="idx_approval_person"),)

    distribution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("distribution.id"))
    person: Mapped[str]
    actor_kind: Mapped[str]
    actor_name: Mapped[str]
    source_address: Mapped[str | None]
    approved_at: Mapped[datetime]

    # The approved hash
    register_hash: Mapped[str]
    payment_token_id: Mapped[str]
    payer_account_id: Mapped[str]
    total_amount: Mapped[Decimal]


class PayoutStart(Base):
    """An amount that was started: the whole of a distribution, or the unpaid part at a retry."""

    __tablename__ = "payout_start"
    __table_args__ = (
        Index("idx_payout_start_token", "payment_token_id", "started_at"),
        Index("idx_payout_start_distribution", "distribution_id"),
    )

    distribution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("distribution.id"))
    payment_token_id: Mapped[str]
    amount: Mapped[Decimal]
    started_at: Mapped[datetime]
