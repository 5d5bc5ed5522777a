"""JSON forms of values, in everything that we write: decimals as strings, times in RFC 3339."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from masspayout.kernel.next_steps import NextStep


def json_form(value: Any) -> Any:
    """Return the JSON form of a value that JSON has no type for, as the ``default`` of ``json.dumps``."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | NextStep):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{value!r} has no JSON form")
