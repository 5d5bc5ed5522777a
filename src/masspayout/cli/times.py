"""Times as people type them."""

from datetime import UTC, datetime, tzinfo

from masspayout.kernel.errors import Invalid


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
