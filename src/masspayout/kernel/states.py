"""The enumerations of the schema, and what each state allows."""

from enum import StrEnum


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


class SeriesStatus(StrEnum):
    """Whether a series still makes distributions."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether it will never make another one."""
        return self in (SeriesStatus.ENDED, SeriesStatus.CANCELLED)


class EventStatus(StrEnum):
    """What became of an event that a contract reported."""

    HANDLED = "HANDLED"
    SET_ASIDE = "SET_ASIDE"


class AttemptStatus(StrEnum):
    """What is known of one transaction."""

    RESERVED = "RESERVED"  # it has its number and its holders, and is to be signed
    SIGNED = "SIGNED"  # stored by an earlier version, and not sent yet
    SUBMITTED = "SUBMITTED"  # signed, and may have been sent; only the ledger knows
    SETTLED = "SETTLED"  # its outcome is known and written down
    DEAD = "DEAD"  # proven never to have happened, and that it never can

    @property
    def is_open(self) -> bool:
        """Whether this transaction could still pay somebody."""
        return self in (AttemptStatus.RESERVED, AttemptStatus.SIGNED, AttemptStatus.SUBMITTED)


class DeliveryStatus(StrEnum):
    """How telling a target of an event stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
