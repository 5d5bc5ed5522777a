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

    The SQL function ``masspayout_uuid7()`` lays its bits out alike, for rows that are made inside the database.
    """
    return uuid_utils.compat.uuid7()


def uuid7_series() -> Iterator[str]:
    """Yield UUIDs (version 7) as text, counted up from one random one: for many rows, where randomness would cost most.

    SQL that makes many rows does it alike (``FIRST_ID``). A bit is cleared so that counting never reaches the variant.
    """
    first = uuid7()
    head, tail = str(first)[:19], 1 << 63 | (first.int & ((1 << 61) - 1))
    return (f"{head}{number:016x}" for number in count(tail))


class NextStepJson(TypeDecorator[NextStep]):
    """A ``JSONB`` column with what to do next; nothing to do is NULL."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: NextStep | None, dialect: Dialect) -> list[Any] | None:
        """Turn a next step into its parts."""
        return value.to_json() if value else None

    def process_result_value(self, value: list[Any] | None, dialect: Dialect) -> NextStep | None:
        """Turn parts into the next step that they are."""
        return None if value is None else NextStep.from_json(value)


class UtcTimestamp(TypeDecorator[datetime]):
    """A ``TIMESTAMP`` column that holds UTC. Python sees aware datetimes only and may bind no others."""

    impl = TIMESTAMP
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware datetime into UTC without its zone, as the column stores it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say of a stored time that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class OneOf(TypeDecorator[StrEnum]):
    """A ``VARCHAR`` column that holds the values of one enumeration (a CHECK constraint beside it says so to SQL)."""

    impl = String
    cache_ok = True

    def __init__(self, enumeration: type[StrEnum]) -> None:
        super().__init__()
        self.enumeration = enumeration

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Refuse what the enumeration does not know before the database has to."""
        return None if value is None else self.enumeration(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member, not its text."""
        return None if value is None else self.enumeration(value)
