"""QuantLib as an independent oracle of day counts, business days and coupon schedules.

QuantLib computes in floats, so it checks days, dates and fractions, and never makes money.
"""

from datetime import date
from fractions import Fraction
from itertools import pairwise

import QuantLib as ql  # noqa: N813 - as its own documentation calls it

from masspayout.entitlements.bond_terms import BondTerms
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


def adjusted(calendar: BusinessCalendar, day: date, convention: BusinessDayConvention) -> date:
    return from_ql(calendar_of(calendar).adjust(to_ql(day), CONVENTIONS[convention]))


def coupon_dates(terms: BondTerms) -> list[date]:
    """Return the unadjusted dates of QuantLib's schedule, from the issue date to maturity.

    QuantLib counts forward from the first coupon date, or back from the last one, as it is told. Forward is right
    unless that leaves a stub at the end and counting back leaves none at the beginning: then the first coupon date is
    the end of a short month, such as 28 February before 31 August.
    """
    return min(_generated(terms, ql.DateGeneration.Forward), _generated(terms, ql.DateGeneration.Backward), key=len)


def _generated(terms: BondTerms, rule: int) -> list[date]:
    last = ql.Date() if terms.last_coupon_date is None else to_ql(terms.last_coupon_date)
    generated = ql.Schedule(
        to_ql(terms.issue_date),
        to_ql(terms.maturity_date),
        ql.Period(12 // terms.coupons_a_year, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        rule,
        False,  # no end-of-month rule
        to_ql(terms.first_coupon_date),
        last,
    )
    return [from_ql(day) for day in generated]


def icma_fraction(start: date, end: date, terms: BondTerms) -> Fraction:
    """Return QuantLib's fraction of a period, one regular period at a time.

    QuantLib takes a period that touches several regular ones for parts of equally long ones, counted from its own
    bounds; the rule of ICMA is that each part is measured by its own notional period.
    """
    forward, backward = (_generated(terms, way) for way in (ql.DateGeneration.Forward, ql.DateGeneration.Backward))
    counts_back = len(backward) < len(forward)
    anchor = (terms.last_coupon_date or terms.maturity_date) if counts_back else terms.first_coupon_date
    months = 12 // terms.coupons_a_year
    first, last = (
        ((day.year - anchor.year) * 12 + day.month - anchor.month) // months + beyond
        for day, beyond in ((start, -1), (end, 2))
    )
    notional = [
        from_ql(ql.NullCalendar().advance(to_ql(anchor), number * months, ql.Months)) for number in range(first, last)
    ]
    total = Fraction(0)
    for regular in pairwise(notional):
        part = (max(start, regular[0]), min(end, regular[1]))
        if part[0] < part[1]:
            total += exact(_DAY_COUNTERS[DayCount.ACT_ACT_ICMA].yearFraction(*map(to_ql, (*part, *regular))))
    return total
