"""Assets, distributions, holders and batches: the tables of the users' schema that money goes through."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from masspayout.db.entities.base import Base, id_that_others_may_leave_out, one_of
from masspayout.db.entities.terms import TermColumns
from masspayout.db.types import NextStepJson, OneOf
from masspayout.kernel.actors import current_actor
from masspayout.kernel.next_steps import NextStep
from masspayout.kernel.pauses import SentBack
from masspayout.kernel.states import (
    BatchStatus,
    DistributionStatus,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
    SyncStatus,
)


class Asset(Base):
    """An imported token, with its payment token and its LifeCycle Cash Flow contract."""

    __tablename__ = "asset"
    __table_args__ = (
        UniqueConstraint("token_id", name="idx_asset_token_id"),
        Index("idx_asset_sync_status", "sync_status"),
        one_of("sync_status", SyncStatus, "asset"),
    )

    id: Mapped[uuid.UUID] = id_that_others_may_leave_out()
    token_id: Mapped[str]
    name: Mapped[str]
    symbol: Mapped[str]
    total_supply: Mapped[int] = mapped_column(BigInteger)
    decimals: Mapped[int] = mapped_column(Integer)
    lifecycle_contract_id: Mapped[str | None]
    payment_token_id: Mapped[str | None]
    last_synced_at: Mapped[datetime | None]
    sync_status: Mapped[SyncStatus | None] = mapped_column(OneOf(SyncStatus))

    # Added to the users' schema
    treasury_account_id: Mapped[str | None]
    payment_token_symbol: Mapped[str | None]
    payment_token_decimals: Mapped[int | None] = mapped_column(Integer)
    sync_error: Mapped[str | None] = mapped_column(Text)
    sync_every_seconds: Mapped[int | None] = mapped_column(Integer)
    sync_requested_at: Mapped[datetime | None]
    contract_paused: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    holder_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    held_units: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)
    ledger_identity: Mapped[str | None]


class Distribution(TermColumns, Base):
    """One payout of one asset. ``amount`` is in whole payment tokens; so are all amounts that are not ``…_units``."""

    __tablename__ = "distribution"
    __table_args__ = (
        Index("idx_distribution_asset", "asset_id"),
        Index("idx_distribution_status", "status"),
        Index("idx_distribution_created", "created_at", "id"),
        Index("idx_distribution_scheduled", "scheduled_time", postgresql_where=text("status = 'PENDING'")),
        UniqueConstraint("obligation_key", name="idx_distribution_obligation"),
        UniqueConstraint("series_id", "scheduled_time", name="idx_distribution_occurrence"),
        UniqueConstraint("series_id", "trigger_event_id", name="idx_distribution_trigger"),
        one_of("type", DistributionType, "distribution"),
        one_of("execution_type", ExecutionType, "distribution"),
        one_of("payout_type", PayoutType, "distribution"),
        one_of("frequency", Frequency, "distribution"),
        one_of("status", DistributionStatus, "distribution"),
    )

    id: Mapped[uuid.UUID] = id_that_others_may_leave_out()
    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    payout_type: Mapped[PayoutType | None] = mapped_column(OneOf(PayoutType))
    scheduled_time: Mapped[datetime | None]
    status: Mapped[DistributionStatus] = mapped_column(OneOf(DistributionStatus), default=DistributionStatus.PENDING)
    executed_at: Mapped[datetime | None]

    # Added to the users' schema: the terms
    record_time: Mapped[datetime | None]
    obligation_key: Mapped[str | None]
    contract_terms: Mapped[str | None] = mapped_column(Text)
    series_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("series.id"))
    trigger_event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contract_event.id"))
    # … its creator: the key of the person, and the name
    created_by: Mapped[str | None] = mapped_column(default=lambda: current_actor().person)
    created_by_name: Mapped[str | None] = mapped_column(default=lambda: current_actor().name)
    # … the result of the freeze
    frozen_at: Mapped[datetime | None]
    snapshot_at: Mapped[datetime | None]
    register_hash: Mapped[str | None]
    payment_token_id: Mapped[str | None]
    payment_token_decimals: Mapped[int | None] = mapped_column(Integer)
    payer_account_id: Mapped[str | None]
    ledger_identity: Mapped[str | None]
    # The key by which a contract remembers the paid recipients: 0x and 64 hexadecimal digits
    ledger_key: Mapped[str | None]
    entitlement_count: Mapped[int | None] = mapped_column(Integer)
    payable_count: Mapped[int | None] = mapped_column(Integer)
    batch_count: Mapped[int | None] = mapped_column(Integer)
    total_amount: Mapped[Decimal | None]
    remainder_amount: Mapped[Decimal | None]
    approvals_required: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    # How many of these approvals each group gives, and the version of the policy that they were worked out by
    approval_groups: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    policy_number: Mapped[int | None] = mapped_column(BigInteger)
    # … the approver who sent it back: the key of the person, and the name
    sent_back_at: Mapped[datetime | None]
    sent_back_by: Mapped[str | None]
    sent_back_by_name: Mapped[str | None]
    sent_back_reason: Mapped[str | None] = mapped_column(Text)
    # … and the reason of a stop that concerned all holders
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None] = mapped_column(Text)
    failure_next_step: Mapped[NextStep | None] = mapped_column(NextStepJson)

    asset: Mapped[Asset] = relationship(lazy="raise")
    holders: Mapped[list["Entitlement"]] = relationship(lazy="raise", viewonly=True)
    batches: Mapped[list["BatchPayout"]] = relationship(
        lazy="raise", viewonly=True, order_by="BatchPayout.batch_number"
    )

    @property
    def is_frozen(self) -> bool:
        """True once the entitlements are written, which never change afterwards."""
        return self.frozen_at is not None

    @property
    def sent_back(self) -> SentBack | None:
        """The return of the distribution by an approver, until it is handed in again."""
        if self.sent_back_at is None:
            return None
        return SentBack(self.sent_back_reason or "", self.sent_back_by_name or "", self.sent_back_at)


class Entitlement(Base):
    """An entitlement: a row of ``holder`` with a distribution. One without a distribution is a ``RegisterEntry``.

    ``payment_amount`` is owed to ``account_id``. ``batch_number`` is set at the freeze for amounts above 0;
    entitlements of 0 have none. ``attempt_id`` is the guard against double payment: a holder is in at most one attempt
    that could still pay.
    """

    __tablename__ = "holder"
    __table_args__ = (
        UniqueConstraint(
            "asset_id", "distribution_id", "account_id", name="idx_holder_unique", postgresql_nulls_not_distinct=True
        ),
        Index("idx_holder_asset", "asset_id"),
        Index("idx_holder_distribution", "distribution_id"),
        Index("idx_holder_account", "account_id"),
        Index(
            "idx_holder_batch",
            "distribution_id",
            "batch_number",
            postgresql_where=text("batch_number IS NOT NULL"),
        ),
        Index(
            "idx_holder_largest",
            "asset_id",
            "balance",
            "account_id",
            postgresql_where=text("distribution_id IS NULL"),
        ),
        Index(
            "idx_holder_failed",
            "distribution_id",
            "failure_code",
            "account_id",
            postgresql_where=text("failure_code IS NOT NULL"),
        ),
        CheckConstraint("balance >= 0", name="holder_balance_check"),
        CheckConstraint("payment_amount >= 0", name="holder_payment_amount_check"),
        # Half of each page stays free, so that "attached" and "paid" are heap-only updates.
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[uuid.UUID] = id_that_others_may_leave_out()
    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    distribution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("distribution.id"), nullable=True)
    account_id: Mapped[str]
    balance: Mapped[int] = mapped_column(BigInteger)
    payment_amount: Mapped[Decimal | None]
    paid: Mapped[bool | None] = mapped_column(server_default=text("false"))

    # Added to the users' schema
    batch_number: Mapped[int | None] = mapped_column(Integer)
    # No foreign key: it would look the attempt up for each holder, which is a third of what beginning a batch costs.
    # Holders are attached in the transaction that writes their attempt, and no attempt is ever deleted.
    attempt_id: Mapped[uuid.UUID | None]
    failure_code: Mapped[str | None]

    @hybrid_property
    def is_payable(self) -> bool:
        """True if there is an amount to send: a share may round down to nothing."""
        return self.payment_amount is not None and self.payment_amount > 0

    @is_payable.inplace.expression
    @classmethod
    def _is_payable(cls) -> ColumnElement[bool]:
        return cls.payment_amount > 0


class RegisterEntry(Base):
    """The balance of a holder, as last read from the ledger: a row of ``holder`` without a distribution."""

    __table__ = Entitlement.__table__
    __mapper_args__ = {  # noqa: RUF012 - SQLAlchemy's way
        **Base.__mapper_args__,
        "include_properties": [
            "id",
            "asset_id",
            "distribution_id",
            "account_id",
            "balance",
            "created_at",
            "updated_at",
        ],
    }

    asset_id: Mapped[uuid.UUID]
    distribution_id: Mapped[None]
    account_id: Mapped[str]
    balance: Mapped[int]


class BatchPayout(Base):
    """A numbered slice of a distribution's entitlements that goes to the ledger together."""

    __tablename__ = "batch_payout"
    __table_args__ = (
        Index("idx_batch_distribution", "distribution_id"),
        Index("idx_batch_status", "status"),
        UniqueConstraint("distribution_id", "batch_number", name="idx_batch_number"),
        Index(
            "idx_batch_open",
            "distribution_id",
            "batch_number",
            postgresql_where=text("status IN ('PENDING', 'PROCESSING')"),
        ),
        one_of("status", BatchStatus, "batch_payout"),
    )

    id: Mapped[uuid.UUID] = id_that_others_may_leave_out()
    distribution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("distribution.id"))
    batch_number: Mapped[int] = mapped_column(Integer)
    total_holders: Mapped[int] = mapped_column(Integer)
    successful_payments: Mapped[int | None] = mapped_column(Integer, server_default=text("0"))
    failed_payments: Mapped[int | None] = mapped_column(Integer, server_default=text("0"))
    transaction_id: Mapped[str | None]
    status: Mapped[BatchStatus] = mapped_column(OneOf(BatchStatus), default=BatchStatus.PENDING)
    error_message: Mapped[str | None] = mapped_column(Text)
    executed_at: Mapped[datetime | None]

    # Added to the users' schema
    total_amount: Mapped[Decimal | None]
    paid_amount: Mapped[Decimal] = mapped_column(server_default=text("0"), default=Decimal(0))
    slices: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    claimed_until: Mapped[datetime | None]
    transient_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)

    distribution: Mapped[Distribution] = relationship(lazy="raise", viewonly=True)

    @property
    def is_first_claim(self) -> bool:
        """True for a batch that was just claimed for the first time, so it has no attempt yet."""
        return self.executed_at == self.updated_at
