"""Day counts are exact: the vectors of the field, and QuantLib as an independent oracle."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantlib_oracle as oracle
from masspayout.kernel.day_counts import DayCount, count_days, year_fraction
from masspayout.kernel.months import RegularDates, months_later

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
EITHER = st.booleans()
INTERVALS = st.sampled_from([1, 3, 6, 12])
FEBRUARY_15 = RegularDates(date(2026, 2, 15), 6)
BASED_ON_360 = [DayCount.THIRTY_360, DayCount.THIRTY_E_360, DayCount.ACT_360]


@st.composite
def periods(draw: st.DrawFn) -> tuple[date, date]:
    """Draw a start and an end, often at the ends of months, where conventions differ."""
    ends = st.sampled_from([28, 29, 30, 31])

    def day() -> date:
        drawn = draw(DAYS)
        return (
            months_later(date(2000, 1, draw(ends)), (drawn.year - 2000) * 12 + drawn.month) if draw(EITHER) else drawn
        )

    first, second = sorted([day(), day()])
    return first, second


@pytest.mark.parametrize(
    ("start", "end", "thirty", "thirty_e", "actual"),
    [
        (date(2026, 1, 15), date(2026, 3, 31), 76, 75, 75),
        (date(2024, 2, 29), date(2024, 8, 31), 182, 181, 184),
        (date(2025, 8, 31), date(2026, 2, 28), 178, 178, 181),
        (date(2026, 2, 28), date(2026, 8, 31), 183, 182, 184),
    ],
)
def test_days_of_published_periods(start: date, end: date, thirty: int, thirty_e: int, actual: int) -> None:
    counted = [count_days(day_count, start, end) for day_count in BASED_ON_360]
    assert counted == [thirty, thirty_e, actual]
    fractions = [year_fraction(day_count, start, end, coupon_dates=FEBRUARY_15) for day_count in BASED_ON_360]
    assert fractions == [Fraction(days, 360) for days in counted]
    assert year_fraction(DayCount.ACT_365F, start, end, coupon_dates=FEBRUARY_15) == Fraction(actual, 365)


def test_the_last_of_february_is_the_thirtieth_but_for_an_end_at_maturity() -> None:
    start, end = date(2025, 8, 31), date(2026, 2, 28)
    assert count_days(DayCount.THIRTY_E_360_ISDA, start, end) == 180
    assert count_days(DayCount.THIRTY_E_360_ISDA, start, end, maturity=end) == 178
    assert count_days(DayCount.THIRTY_E_360_ISDA, end, date(2026, 8, 31), maturity=date(2026, 8, 31)) == 180


@pytest.mark.parametrize(
    ("start", "end", "fraction"),
    [
        (date(2026, 2, 15), date(2026, 8, 15), Fraction(1, 2)),
        (date(2025, 10, 1), date(2026, 2, 15), Fraction(137, 368)),
        (date(2025, 6, 1), date(2026, 2, 15), Fraction(75, 362) + Fraction(1, 2)),
    ],
    ids=["regular", "short first", "long first"],
)
def test_stubs_are_split_at_notional_coupon_dates(start: date, end: date, fraction: Fraction) -> None:
    assert year_fraction(DayCount.ACT_ACT_ICMA, start, end, coupon_dates=FEBRUARY_15) == fraction


def test_days_in_leap_years_are_parts_of_366() -> None:
    fraction = year_fraction(DayCount.ACT_ACT_ISDA, date(2023, 11, 1), date(2024, 5, 1), coupon_dates=FEBRUARY_15)
    assert fraction == Fraction(61, 365) + Fraction(121, 366)


def test_an_end_before_the_start_is_no_period() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        year_fraction(DayCount.ACT_360, date(2026, 2, 2), date(2026, 2, 1), coupon_dates=FEBRUARY_15)


@given(periods(), st.sampled_from(DayCount), EITHER)
def test_days_and_fractions_are_those_of_quantlib(
    period: tuple[date, date], day_count: DayCount, is_maturity: bool
) -> None:
    start, end = period
    maturity = end if is_maturity else None
    counter = oracle.day_counter(day_count, maturity=maturity)
    assert count_days(day_count, start, end, maturity=maturity) == counter.dayCount(
        oracle.to_ql(start), oracle.to_ql(end)
    )
    if day_count is not DayCount.ACT_ACT_ICMA:
        fraction = year_fraction(day_count, start, end, coupon_dates=FEBRUARY_15, maturity=maturity)
        assert float(fraction) == pytest.approx(counter.yearFraction(oracle.to_ql(start), oracle.to_ql(end)), rel=1e-13)


@given(DAYS, st.integers(0, 400), DAYS, INTERVALS)
def test_icma_is_the_sum_of_quantlibs_parts_of_regular_periods(
    start: date, days: int, anchor: date, interval: int
) -> None:
    """QuantLib is given one regular period at a time: over several it takes all of them to be as long as the first."""
    end, dates = start + timedelta(days=days), RegularDates(anchor, interval)
    counter = oracle.day_counter(DayCount.ACT_ACT_ICMA)
    first, last = dates.number_at(start), dates.number_at(end)
    total = Fraction(0)
    for regular in pairwise(map(dates.nth, range(first, last + 2))):
        part = (max(start, regular[0]), min(end, regular[1]))
        if part[0] < part[1]:
            total += oracle.exact(counter.yearFraction(*map(oracle.to_ql, (*part, *regular))))
    assert year_fraction(DayCount.ACT_ACT_ICMA, start, end, coupon_dates=dates) == total


@given(DAYS, DAYS, DAYS, st.sampled_from(DayCount), INTERVALS)
def test_fractions_of_actual_days_add_up(
    first: date, second: date, third: date, day_count: DayCount, interval: int
) -> None:
    start, between, end = sorted([first, second, third])
    dates = RegularDates(date(2026, 8, 31), interval)

    def fraction(a: date, b: date) -> Fraction:
        return year_fraction(day_count, a, b, coupon_dates=dates)

    if day_count.value.startswith("ACT"):
        assert fraction(start, between) + fraction(between, end) == fraction(start, end)
    assert fraction(start, start) == 0


@given(DAYS, st.integers(-300, 300), INTERVALS)
def test_regular_dates_are_counted_from_their_anchor(anchor: date, number: int, interval: int) -> None:
    dates = RegularDates(anchor, interval)
    day = dates.nth(number)
    assert dates.number_at(day) == number
    assert dates.number_at(day + timedelta(days=1)) == number
    assert dates.number_at(day - timedelta(days=1)) == number - 1
    assert day in dates
    assert (day + timedelta(days=1)) not in dates
    assert day.day == anchor.day or (day.day < anchor.day and (day + timedelta(days=1)).day == 1)


def test_quarters_from_the_last_of_august() -> None:
    dates = RegularDates(date(2026, 8, 31), 3)
    assert [dates.nth(number) for number in (1, 2, 3)] == [date(2026, 11, 30), date(2027, 2, 28), date(2027, 5, 31)]
