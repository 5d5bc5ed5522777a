"""Time zones by their IANA names."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from masspayout.kernel.errors import Invalid


def find_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone by its name.

    Raises:
        Invalid: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name!r} is not a time zone.", "Use an IANA name, such as Europe/Madrid or UTC.") from None
