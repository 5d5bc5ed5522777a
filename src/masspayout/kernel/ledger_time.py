"""Times of ledgers: integer nanoseconds since 1970, while Python's datetimes stop at microseconds."""

from datetime import UTC, datetime, timedelta

NANOS_PER_SECOND = 1_000_000_000
_NANOS_PER_MICROSECOND = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(nanos: int) -> datetime:
    """Return a ledger's time, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanos // _NANOS_PER_MICROSECOND)


def to_nanos(moment: datetime) -> int:
    """Return an aware datetime as a ledger counts it."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * _NANOS_PER_MICROSECOND
