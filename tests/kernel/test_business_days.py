"""Business days: the vectors of real calendars, and QuantLib as an oracle of every convention."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantlib_oracle as oracle
from masspayout.kernel.business_days import BusinessCalendar, BusinessDayConvention, DaysBefore
from masspayout.kernel.errors import Invalid

FIRST, LAST = date(2024, 1, 1), date(2032, 12, 31)
F, MF, P, MP, NONE = BusinessDayConvention
TARGET = BusinessCalendar(
    "TARGET", FIRST, LAST, frozenset({date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2027, 1, 1)})
)
NEW_YORK = BusinessCalendar("New York", FIRST, LAST, frozenset({date(2026, 7, 3)}))


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendar:
    weekend = draw(st.sampled_from([{5, 6}, {4, 5}, {6}, set()]))
    holidays = draw(st.sets(st.dates(date(2026, 1, 1), date(2027, 3, 1)), max_size=120))
    return BusinessCalendar("drawn", FIRST, LAST, frozenset(holidays), frozenset(weekend))


DAYS = st.dates(date(2025, 12, 1), date(2027, 4, 1))


@pytest.mark.parametrize(
    ("calendar", "convention", "day", "moved"),
    [
        (TARGET, F, date(2026, 4, 3), date(2026, 4, 7)),
        (TARGET, MF, date(2026, 4, 3), date(2026, 4, 7)),
        (TARGET, P, date(2026, 4, 3), date(2026, 4, 2)),
        (TARGET, F, date(2026, 5, 31), date(2026, 6, 1)),
        (TARGET, MF, date(2026, 5, 31), date(2026, 5, 29)),
        (TARGET, P, date(2026, 5, 31), date(2026, 5, 29)),
        (TARGET, F, date(2027, 1, 1), date(2027, 1, 4)),
        (TARGET, MF, date(2027, 1, 1), date(2027, 1, 4)),
        (TARGET, P, date(2027, 1, 1), date(2026, 12, 31)),
        (TARGET, MP, date(2027, 1, 1), date(2027, 1, 4)),
        (TARGET, NONE, date(2027, 1, 1), date(2027, 1, 1)),
        (NEW_YORK, F, date(2026, 7, 3), date(2026, 7, 6)),
    ],
)
def test_a_date_moves_by_its_convention(
    calendar: BusinessCalendar, convention: BusinessDayConvention, day: date, moved: date
) -> None:
    assert calendar.adjust(day, convention) == moved


@given(calendars(), DAYS, st.sampled_from(BusinessDayConvention))
def test_dates_move_as_in_quantlib(calendar: BusinessCalendar, day: date, convention: BusinessDayConvention) -> None:
    expected = oracle.calendar_of(calendar).adjust(oracle.to_ql(day), oracle.CONVENTIONS[convention])
    assert calendar.adjust(day, convention) == oracle.from_ql(expected)


@given(calendars(), DAYS, st.integers(1, 40))
def test_business_days_are_counted_as_in_quantlib(calendar: BusinessCalendar, day: date, count: int) -> None:
    assert DaysBefore(count).of(day, calendar) == oracle.business_days_before(calendar, day, count)


@given(calendars(), DAYS, st.sampled_from([F, MF, P, MP]))
def test_a_moved_date_is_a_business_day_and_does_not_move_again(
    calendar: BusinessCalendar, day: date, convention: BusinessDayConvention
) -> None:
    moved = calendar.adjust(day, convention)
    assert calendar.is_business_day(moved)
    assert calendar.adjust(moved, convention) == moved
    assert (moved == day) == calendar.is_business_day(day)


def test_a_calendar_says_nothing_beyond_its_days() -> None:
    calendar = BusinessCalendar("XECB", date(2026, 1, 1), date(2026, 1, 31))
    with pytest.raises(Invalid, match="The calendar XECB says nothing of 2026-02-01: it is known from 2026-01-01 to"):
        calendar.adjust(date(2026, 1, 31), F)  # a Saturday


@pytest.mark.parametrize(("text", "days"), [("-1bd", 1), ("-15d", 15), ("0d", 0), (" -003bd ", 3)])
def test_a_rule_for_a_record_date_is_read(text: str, days: int) -> None:
    rule = DaysBefore.parse(text)
    assert rule == DaysBefore(days, "bd" in text)
    assert DaysBefore.parse(str(rule)) == rule


@pytest.mark.parametrize("text", ["", "1bd", "+1bd", "-1", "-1b", "-1bd-", "-1.5d", "-1000d", "bd"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a rule for a record date") as refusal:
        DaysBefore.parse(text)
    assert refusal.value.hint


def test_days_before_are_business_days_or_days() -> None:
    assert DaysBefore(1).of(date(2026, 4, 7), TARGET) == date(2026, 4, 2)
    assert DaysBefore(3, is_in_business_days=False).of(date(2026, 4, 7), TARGET) == date(2026, 4, 4)
    assert DaysBefore(0).of(date(2026, 4, 4), TARGET) == date(2026, 4, 4)
    assert DaysBefore(0, is_in_business_days=False).of(date(2026, 4, 7) + timedelta(1), TARGET) == date(2026, 4, 8)
