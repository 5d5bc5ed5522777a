"""Due times of the occurrences of a series: pure arithmetic on calendars, no clock and no I/O.

Occurrences are numbered from 0 and each is counted from the first, never from the one before, so nothing drifts: a
monthly series that starts on 31 January is due on 28 February and again on 31 March. Days, weeks and months pass on the
wall clock of the series' time zone (09:00 in Madrid stays 09:00 when clocks change); hours are hours.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from masspayout.kernel.months import MONTHS_PER_YEAR, months_later

HOURLY, DAILY, WEEKLY, MONTHLY = "HOURLY", "DAILY", "WEEKLY", "MONTHLY"
_PERIODS = {HOURLY: timedelta(hours=1), DAILY: timedelta(days=1), WEEKLY: timedelta(weeks=1)}


def occurrence(frequency: str, start: datetime, zone: ZoneInfo, number: int) -> datetime:
    """Return when an occurrence is due, in UTC.

    A wall-clock time that a clock change skips is due as much later as the clock was put forward; one that occurs twice
    is due the first time.

    Args:
        frequency: HOURLY, DAILY, WEEKLY or MONTHLY.
        start: When occurrence 0 is due; aware.
        zone: Where the wall clock hangs.
        number: Which occurrence, from 0.
    """
    if frequency == HOURLY:
        return start.astimezone(UTC) + timedelta(hours=number)
    wall = start.astimezone(zone).replace(tzinfo=None)
    if frequency == MONTHLY:
        wall = months_later(wall, number)
    else:
        wall += number * _PERIODS[frequency]
    return wall.replace(tzinfo=zone).astimezone(UTC)


def next_number(frequency: str, start: datetime, zone: ZoneInfo, after: datetime) -> int:
    """Return the number of the first occurrence later than ``after``, without walking through those before."""
    elapsed = after.astimezone(UTC) - start.astimezone(UTC)
    if frequency == MONTHLY:
        wall, start_wall = after.astimezone(zone), start.astimezone(zone)
        estimate = (wall.year - start_wall.year) * MONTHS_PER_YEAR + wall.month - start_wall.month
    else:
        estimate = elapsed // _PERIODS[frequency]
    # Clock changes and short months put the estimate off by one at the most.
    number = max(0, estimate - 1)
    while occurrence(frequency, start, zone, number) <= after:
        number += 1
    return number


def occurrences(frequency: str, start: datetime, zone: ZoneInfo, *, end: datetime | None = None) -> Iterator[datetime]:
    """Yield when a series is due, in UTC, up to and including ``end``; without an end, for ever."""
    for number in count():
        due = occurrence(frequency, start, zone, number)
        if end is not None and due > end:
            return
        yield due
