"""Times as people type them."""

import re
from datetime import UTC, date, datetime, tzinfo

from masspayout.kernel.errors import Invalid

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_time(text: str, zone: tzinfo = UTC) -> datetime:
    """Read a point in time; one without an offset is on the wall clock of ``zone``.

    Raises:
        Invalid: It is none.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is not a time.", "Write it as 2030-03-31 or 2030-03-31T12:00:00Z.") from None


def parse_date(text: str) -> date:
    """Read a day.

    Raises:
        Invalid: It is none.
    """
    try:
        if _DATE.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise Invalid(f"{text!r} is not a date.", "Write it as 2030-03-31.")
