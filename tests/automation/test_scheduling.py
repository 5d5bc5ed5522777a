# ruff: noqa: DTZ001 - wall-clock times have no zone; that is what makes them so
"""Against an independent source: dateutil's rrule counts on the wall clock, we on numbered occurrences."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from masspayout.automation.scheduling import (
    DAILY,
    HOURLY,
    MONTHLY,
    WEEKLY,
    next_number,
    occurrence,
    occurrences,
)
from masspayout.kernel.errors import Invalid
from masspayout.kernel.time_zones import find_zone

MADRID = ZoneInfo("Europe/Madrid")
ZONES = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]).map(
    ZoneInfo
)
STARTS = st.datetimes(datetime(1999, 1, 1), datetime(2060, 12, 31)).map(lambda wall: wall.replace(microsecond=0))
QUICK = settings(max_examples=40, deadline=None)
FREQUENCIES = st.sampled_from([HOURLY, DAILY, WEEKLY, MONTHLY])


def in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def exists(wall: datetime, zone: ZoneInfo) -> bool:
    return in_utc(wall, zone).astimezone(zone).replace(tzinfo=None) == wall


@QUICK
@given(STARTS, ZONES)
def test_days_and_weeks_are_those_of_rrule(wall: datetime, zone: ZoneInfo) -> None:
    if not exists(wall, zone):
        return
    start = in_utc(wall, zone)
    days = [in_utc(due, zone) for due in rrule.rrule(rrule.DAILY, dtstart=wall, count=400)]
    assert list(islice(occurrences(DAILY, start, zone), 400)) == days
    weeks = [in_utc(due, zone) for due in rrule.rrule(rrule.WEEKLY, dtstart=wall, count=400)]
    assert list(islice(occurrences(WEEKLY, start, zone), 400)) == weeks


@QUICK
@given(STARTS, ZONES)
def test_months_are_those_of_rrule_or_end_with_the_month(wall: datetime, zone: ZoneInfo) -> None:
    if not exists(wall, zone):
        return
    # The last of the days 28 to n that a month has is its day n, or its end.
    days = [wall.day] if wall.day <= 28 else list(range(28, wall.day + 1))
    rule = rrule.rrule(rrule.MONTHLY, dtstart=wall, bymonthday=days, bysetpos=-1, count=120)
    expected = [in_utc(due, zone) for due in rule]
    assert list(islice(occurrences(MONTHLY, in_utc(wall, zone), zone), 120)) == expected
    assert expected == [in_utc(wall + relativedelta(months=n), zone) for n in range(120)]


@QUICK
@given(STARTS)
def test_hours_are_hours_also_when_clocks_change(wall: datetime) -> None:
    start = in_utc(wall, MADRID)
    expected = [
        due.replace(tzinfo=UTC) for due in rrule.rrule(rrule.HOURLY, dtstart=start.replace(tzinfo=None), count=50)
    ]
    assert list(islice(occurrences(HOURLY, start, MADRID), 50)) == expected


@QUICK
@given(FREQUENCIES, STARTS, ZONES, st.integers(0, 5000), st.integers(-1, 1))
def test_the_next_one_is_the_first_that_is_later(
    frequency: str, wall: datetime, zone: ZoneInfo, number: int, seconds: int
) -> None:
    start = in_utc(wall, zone)
    after = occurrence(frequency, start, zone, number) + timedelta(seconds=seconds)
    found = next_number(frequency, start, zone, after)
    assert occurrence(frequency, start, zone, found) > after
    assert found == 0 or occurrence(frequency, start, zone, found - 1) <= after


def test_nine_in_madrid_stays_nine_through_a_clock_change() -> None:
    due = list(islice(occurrences(DAILY, in_utc(datetime(2026, 3, 27, 9), MADRID), MADRID), 4))
    assert [moment.astimezone(MADRID).hour for moment in due] == [9, 9, 9, 9]
    assert [moment.hour for moment in due] == [8, 8, 7, 7]


def test_the_end_of_the_month_is_kept() -> None:
    due = list(islice(occurrences(MONTHLY, datetime(2027, 10, 31, 12, tzinfo=UTC), ZoneInfo("UTC")), 5))
    assert [(moment.month, moment.day) for moment in due] == [(10, 31), (11, 30), (12, 31), (1, 31), (2, 29)]


def test_a_time_that_the_clock_skips_is_due_as_much_later() -> None:
    due = list(islice(occurrences(DAILY, in_utc(datetime(2026, 3, 28, 2, 30), MADRID), MADRID), 3))
    assert [moment.astimezone(MADRID).strftime("%d %H:%M") for moment in due] == ["28 02:30", "29 03:30", "30 02:30"]


def test_the_end_belongs_to_the_series() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(list(occurrences(DAILY, start, ZoneInfo("UTC"), end=datetime(2026, 1, 3, tzinfo=UTC)))) == 3


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "Madrid"])
def test_a_zone_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(Invalid, match="is not a time zone"):
        find_zone(name)
