"""Durations as people type and read them."""

import re
from datetime import timedelta

from masspayout.kernel.errors import Invalid

_DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[mhdw])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_duration(text: str) -> timedelta:
    """Read a duration: a number with m (minutes), h (hours), d (days) or w (weeks).

    Raises:
        Invalid: It is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise Invalid(f"{text!r} is not a duration.", "Write it as 90m, 24h, 7d or 2w.")
    return int(found["count"]) * _UNITS[found["unit"]]


def duration_text(duration: timedelta) -> str:
    """Write a duration as it is typed, in the largest unit that it is a whole number of."""
    for name, unit in reversed(_UNITS.items()):
        if duration >= unit and duration % unit == timedelta(0):
            return f"{duration // unit}{name}"
    return f"{duration.total_seconds():g}s"
