"""The enumerations of the schema, and the transitions that each state allows."""

from enum import StrEnum


class SyncStatus(StrEnum):
    """The status of an asset's register against the ledger."""

    SYNCED = "SYNCED"
    SYNCING = "SYNCING"
    FAILED = "FAILED"


class DistributionType(StrEnum):
    """The kind of a payout."""

    DIVIDEND = "DIVIDEND"
    COUPON = "COUPON"
    SNAPSHOT = "SNAPSHOT"


class ExecutionType(StrEnum):
    """The start of a distribution: by hand, at a time, on a calendar, or on a deposit."""

    MANUAL = "MANUAL"
    SCHEDULED = "SCHEDULED"
    RECURRING = "RECURRING"
    AUTOMATIC = "AUTOMATIC"


class PayoutType(StrEnum):
    """The division of the amount: the same for everyone, or pro rata to balances."""

    FIXED = "FIXED"
    PERCENTAGE = "PERCENTAGE"


class Rounding(StrEnum):
    """The rounding of an amount by rate to a whole unit of the payment token."""

    DOWN = "down"
    HALF_UP = "half-up"
    HALF_EVEN = "half-even"


class Frequency(StrEnum):
    """The interval of a recurring distribution."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class DistributionStatus(StrEnum):
    """The state of a distribution."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """True if the state never changes any more."""
        return self in (DistributionStatus.COMPLETED, DistributionStatus.CANCELLED)

    @property
    def is_running(self) -> bool:
        """True while the holders are being paid."""
        return self is DistributionStatus.PROCESSING

    @property
    def can_execute(self) -> bool:
        """True if a first execution may start."""
        return self is DistributionStatus.PENDING

    @property
    def can_cancel(self) -> bool:
        """True if the distribution may be cancelled: only while nothing was sent."""
        return self is DistributionStatus.PENDING

    @property
    def can_retry(self) -> bool:
        """True if the unpaid holders may be retried."""
        return self is DistributionStatus.FAILED


class BatchStatus(StrEnum):
    """The state of a batch payout."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_open(self) -> bool:
        """True if the batch is still to be paid, or its outcome to be found."""
        return self in (BatchStatus.PENDING, BatchStatus.PROCESSING)


class SeriesStatus(StrEnum):
    """The state of a series: only an active one creates distributions."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """True if the series never creates another distribution."""
        return self in (SeriesStatus.ENDED, SeriesStatus.CANCELLED)


class EventStatus(StrEnum):
    """The outcome of an event that a contract reported."""

    HANDLED = "HANDLED"
    SET_ASIDE = "SET_ASIDE"


class AttemptStatus(StrEnum):
    """The state of one transaction, as far as the database knows."""

    RESERVED = "RESERVED"  # it has its number and its holders, and is to be signed
    SIGNED = "SIGNED"  # stored by an earlier version, and not sent yet
    SUBMITTED = "SUBMITTED"  # signed, and may have been sent; only the ledger knows
    SETTLED = "SETTLED"  # its outcome is known and written down
    DEAD = "DEAD"  # proven never to have happened, and that it never can

    @property
    def is_open(self) -> bool:
        """True if this transaction could still pay somebody."""
        return self in (AttemptStatus.RESERVED, AttemptStatus.SIGNED, AttemptStatus.SUBMITTED)


class DeliveryStatus(StrEnum):
    """The state of one delivery to a webhook."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
