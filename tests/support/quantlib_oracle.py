"""QuantLib as an independent oracle of day counts, business days and coupon schedules.

QuantLib computes in floats, so it checks days, dates and fractions, and never makes money.
"""

from datetime import date
from fractions import Fraction

import QuantLib as ql  # noqa: N813 - as its own documentation calls it

from masspayout.kernel.business_days import BusinessCalendar, BusinessDayConvention
from masspayout.kernel.day_counts import DayCount

CONVENTIONS = {
    BusinessDayConvention.FOLLOWING: ql.Following,
    BusinessDayConvention.MODIFIED_FOLLOWING: ql.ModifiedFollowing,
    BusinessDayConvention.PRECEDING: ql.Preceding,
    BusinessDayConvention.MODIFIED_PRECEDING: ql.ModifiedPreceding,
    BusinessDayConvention.NONE: ql.Unadjusted,
}
# Every fraction of one regular period has days of at most 31, 92, 184 or 366, times 12, 4, 2 or 1, as its denominator.
_LARGEST_DENOMINATOR = 31 * 12
_DAY_COUNTERS = {
    DayCount.THIRTY_360: ql.Thirty360(ql.Thirty360.BondBasis),
    DayCount.THIRTY_E_360: ql.Thirty360(ql.Thirty360.EurobondBasis),
    DayCount.ACT_360: ql.Actual360(),
    DayCount.ACT_365F: ql.Actual365Fixed(),
    DayCount.ACT_ACT_ICMA: ql.ActualActual(ql.ActualActual.ISMA),
    DayCount.ACT_ACT_ISDA: ql.ActualActual(ql.ActualActual.ISDA),
}


def to_ql(day: date) -> ql.Date:
    return ql.Date(day.day, day.month, day.year)


def from_ql(day: ql.Date) -> date:
    return date(day.year(), day.month(), day.dayOfMonth())


def exact(fraction: float) -> Fraction:
    """Return the fraction of one regular period that a float of QuantLib stands for."""
    return Fraction(fraction).limit_denominator(_LARGEST_DENOMINATOR)


def calendar_of(calendar: BusinessCalendar) -> ql.Calendar:
    """Return QuantLib's calendar with the same days."""
    made = ql.BespokeCalendar(calendar.name)
    for weekday in calendar.weekend:
        made.addWeekend((weekday + 1) % 7 + 1)  # QuantLib's Sunday is 1
    for day in calendar.holidays:
        made.addHoliday(to_ql(day))
    return made


def business_days_before(calendar: BusinessCalendar, day: date, count: int) -> date:
    return from_ql(calendar_of(calendar).advance(to_ql(day), -count, ql.Days))


def day_counter(day_count: DayCount, *, maturity: date | None = None) -> ql.DayCounter:
    """Return QuantLib's day counter; that of ACT/ACT-ICMA is told the regular period at each call."""
    if day_count is DayCount.THIRTY_E_360_ISDA:
        return ql.Thirty360(ql.Thirty360.ISDA, ql.Date() if maturity is None else to_ql(maturity))
    return _DAY_COUNTERS[day_count]
