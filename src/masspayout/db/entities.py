"""The domain objects, which are the tables.

The five tables of the users' schema come first, their added columns under a line that says so; then the tables that are
ours alone. Relationships raise when they were not asked for: a query says what it loads.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from masspayout.db.types import OneOf, UtcTimestamp, uuid7


class SyncStatus(StrEnum):
    """How the register of an asset stands against the ledger."""

    SYNCED = "SYNCED"
    SYNCING = "SYNCING"
    FAILED = "FAILED"


class DistributionType(StrEnum):
    """What is being paid out."""

    DIVIDEND = "DIVIDEND"
    COUPON = "COUPON"
    SNAPSHOT = "SNAPSHOT"


class ExecutionType(StrEnum):
    """What starts a distribution."""

    MANUAL = "MANUAL"
    SCHEDULED = "SCHEDULED"
    RECURRING = "RECURRING"
    AUTOMATIC = "AUTOMATIC"


class PayoutType(StrEnum):
    """How the amount is divided: the same for everyone, or pro rata to balances."""

    FIXED = "FIXED"
    PERCENTAGE = "PERCENTAGE"


class Frequency(StrEnum):
    """How often a recurring distribution occurs."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class DistributionStatus(StrEnum):
    """Where a distribution stands in its life."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (DistributionStatus.COMPLETED, DistributionStatus.CANCELLED)

    @property
    def can_execute(self) -> bool:
        """Whether a first execution may start."""
        return self is DistributionStatus.PENDING

    @property
    def can_cancel(self) -> bool:
        """Whether it can be called off: only while nothing was sent."""
        return self is DistributionStatus.PENDING

    @property
    def can_retry(self) -> bool:
        """Whether those who are still unpaid may be tried again."""
        return self is DistributionStatus.FAILED


class BatchStatus(StrEnum):
    """Where a batch payout stands."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do, or to find out."""
        return self in (BatchStatus.PENDING, BatchStatus.PROCESSING)


class AttemptStatus(StrEnum):
    """What is known of one signed transaction."""

    SIGNED = "SIGNED"  # stored, certainly not sent yet
    SUBMITTED = "SUBMITTED"  # may have been sent; only the ledger knows
    SETTLED = "SETTLED"  # its outcome is known and written down
    DEAD = "DEAD"  # proven never to have happened, and that it never can

    @property
    def is_open(self) -> bool:
        """Whether this transaction could still pay somebody."""
        return self in (AttemptStatus.SIGNED, AttemptStatus.SUBMITTED)


def _one_of(column: str, enumeration: type[StrEnum], table: str) -> CheckConstraint:
    values = ", ".join(f"'{member.value}'" for member in enumeration)
    return CheckConstraint(f"{column} IN ({values})", name=f"{table}_{column}_check")


class Base(DeclarativeBase):
    """The root of all entities, with PostgreSQL's own naming of constraints."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
        }
    )
    type_annotation_map = {datetime: UtcTimestamp, Decimal: Numeric, str: String}  # noqa: RUF012 - SQLAlchemy's way

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)
    created_at: Mapped[datetime | None] = mapped_column(server_default=func.now(), sort_order=1000)
    updated_at: Mapped[datetime | None] = mapped_column(server_default=func.now(), onupdate=func.now(), sort_order=1001)


class Asset(Base):
    """An imported token, with its payment token and its LifeCycle Cash Flow contract."""

    __tablename__ = "asset"
    __table_args__ = (
        UniqueConstraint("token_id", name="idx_asset_token_id"),
        Index("idx_asset_sync_status", "sync_status"),
        _one_of("sync_status", SyncStatus, "asset"),
    )

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


class Distribution(Base):
    """One payout of one asset. ``amount`` is in whole payment tokens; so are all amounts that are not ``…_units``."""

    __tablename__ = "distribution"
    __table_args__ = (
        Index("idx_distribution_asset", "asset_id"),
        Index("idx_distribution_status", "status"),
        Index("idx_distribution_scheduled", "scheduled_time", postgresql_where=text("status = 'PENDING'")),
        UniqueConstraint("obligation_key", name="idx_distribution_obligation"),
        _one_of("type", DistributionType, "distribution"),
        _one_of("execution_type", ExecutionType, "distribution"),
        _one_of("payout_type", PayoutType, "distribution"),
        _one_of("frequency", Frequency, "distribution"),
        _one_of("status", DistributionStatus, "distribution"),
    )

    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    type: Mapped[DistributionType] = mapped_column(OneOf(DistributionType))
    execution_type: Mapped[ExecutionType] = mapped_column(OneOf(ExecutionType))
    payout_type: Mapped[PayoutType | None] = mapped_column(OneOf(PayoutType))
    amount: Mapped[Decimal | None]
    concept: Mapped[str | None]
    scheduled_time: Mapped[datetime | None]
    frequency: Mapped[Frequency | None] = mapped_column(OneOf(Frequency))
    start_time: Mapped[datetime | None]
    trigger_condition: Mapped[str | None]
    status: Mapped[DistributionStatus] = mapped_column(OneOf(DistributionStatus), default=DistributionStatus.PENDING)
    executed_at: Mapped[datetime | None]

    # Added to the users' schema: the terms
    record_time: Mapped[datetime | None]
    excluded_accounts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"), default=list)
    included_accounts: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=text("'{}'"), default=list)
    obligation_key: Mapped[str | None]
    # … what the freeze found
    frozen_at: Mapped[datetime | None]
    snapshot_at: Mapped[datetime | None]
    register_hash: Mapped[str | None]
    payment_token_id: Mapped[str | None]
    payment_token_decimals: Mapped[int | None] = mapped_column(Integer)
    payer_account_id: Mapped[str | None]
    entitlement_count: Mapped[int | None] = mapped_column(Integer)
    payable_count: Mapped[int | None] = mapped_column(Integer)
    batch_count: Mapped[int | None] = mapped_column(Integer)
    total_amount: Mapped[Decimal | None]
    remainder_amount: Mapped[Decimal | None]
    # … and why it stopped, when something concerned everybody
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None] = mapped_column(Text)

    asset: Mapped[Asset] = relationship(lazy="raise")
    holders: Mapped[list["Holder"]] = relationship(lazy="raise", viewonly=True)
    batches: Mapped[list["BatchPayout"]] = relationship(
        lazy="raise", viewonly=True, order_by="BatchPayout.batch_number"
    )

    @property
    def is_frozen(self) -> bool:
        """Whether the entitlements are written and will change no more."""
        return self.frozen_at is not None


class Holder(Base):
    """A row of the register (no distribution), or an entitlement (with a distribution and a payment amount).

    ``batch_number`` is set at the freeze for what is to be sent; entitlements of 0 have none. ``attempt_id`` is the
    guard against double payment: a holder is in at most one attempt that could still pay.
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
        CheckConstraint("balance >= 0", name="holder_balance_check"),
        CheckConstraint("payment_amount >= 0", name="holder_payment_amount_check"),
        # Half of each page stays free, so that "attached" and "paid" are heap-only updates.
        {"postgresql_with": {"fillfactor": 50}},
    )

    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    distribution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("distribution.id"))
    account_id: Mapped[str]
    balance: Mapped[int] = mapped_column(BigInteger)
    payment_amount: Mapped[Decimal | None]
    paid: Mapped[bool | None] = mapped_column(server_default=text("false"))

    # Added to the users' schema
    batch_number: Mapped[int | None] = mapped_column(Integer)
    # Deferred: holders are attached to an attempt before it is signed and stored, in the same transaction.
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("attempt.id", deferrable=True, initially="DEFERRED")
    )
    failure_code: Mapped[str | None]


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
        _one_of("status", BatchStatus, "batch_payout"),
    )

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
    slices: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    claimed_until: Mapped[datetime | None]

    distribution: Mapped[Distribution] = relationship(lazy="raise", viewonly=True)


class EventListener(Base):
    """A cursor over one contract's events, in integer nanoseconds since 1970."""

    __tablename__ = "blockchain_event_listener_config"
    __table_args__ = (UniqueConstraint("contract_id", name="idx_listener_contract"),)

    contract_id: Mapped[str]
    last_processed_timestamp: Mapped[int | None] = mapped_column(BigInteger)
    enabled: Mapped[bool | None] = mapped_column(server_default=text("true"))


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
        _one_of("status", AttemptStatus, "attempt"),
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
