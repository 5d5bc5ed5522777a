"""Column types and the primary-key function that every table shares."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import Any

import uuid_utils.compat
from sqlalchemy import Dialect, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from masspayout.kernel.next_steps import NextStep


def uuid7() -> uuid.UUID:
    """Return a new time-ordered UUID (version 7, RFC 9562 §5.7).

    The SQL function ``masspayout_uuid7()`` has the same layout, for rows that are created inside the database.
    """
    return uuid_utils.compat.uuid7()


def uuid7_series() -> Iterator[str]:
    """Yield UUIDs (version 7) as text, counted up from one random one: for many rows, where randomness would cost most.

    SQL that creates many rows does the same (``FIRST_ID``). A bit is cleared so that counting never reaches the
    variant.
    """
    first = uuid7()
    head, tail = str(first)[:19], 1 << 63 | (first.int & ((1 << 61) - 1))
    return (f"{head}{number:016x}" for number in count(tail))


class NextStepJson(TypeDecorator[NextStep]):
    """A ``JSONB`` column of next steps; an empty one is NULL."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: NextStep | None, dialect: Dialect) -> list[Any] | None:
        """Return the parts of a next step."""
        return value.to_json() if value else None

    def process_result_value(self, value: list[Any] | None, dialect: Dialect) -> NextStep | None:
        """Return the next step of stored parts."""
        return None if value is None else NextStep.from_json(value)


class UtcTimestamp(TypeDecorator[datetime]):
    """A ``TIMESTAMP`` column that holds UTC. Python sees aware datetimes only and may bind no others."""

    impl = TIMESTAMP
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC without its zone, as the column stores it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a stored time with the zone UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class OneOf(TypeDecorator[StrEnum]):
    """A ``VARCHAR`` column of one enumeration's values; a CHECK constraint has the same values in SQL."""

    impl = String
    cache_ok = True

    def __init__(self, enumeration: type[StrEnum]) -> None:
        super().__init__()
        self.enumeration = enumeration

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Refuse a value outside the enumeration before the database has to."""
        return None if value is None else self.enumeration(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member of a stored text."""
        return None if value is None else self.enumeration(value)
