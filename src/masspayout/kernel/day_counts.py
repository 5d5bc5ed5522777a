"""Day counts: the fraction of a year that interest accrues for, exactly. A start day is included, an end day is not.

The conventions are those of ISDA's and ICMA's rules, with the codes of ISO 20022:

    30/360        A001   bond basis: D1 = 31 → 30; D2 = 31 → 30 if D1 is 30 or 31
    30E/360       A011   both 31 → 30
    30E/360-ISDA  A007   as 30E/360, and the last day of February → 30, but not as the end at maturity
    ACT/360       A004   days / 360
    ACT/365F      A005   days / 365
    ACT/ACT-ICMA  A006   days / (coupons a year x days of the regular period), summed over the regular periods
    ACT/ACT-ISDA  A008   days in leap years / 366 + days in other years / 365
"""

import calendar
from datetime import date
from enum import StrEnum
from fractions import Fraction

from masspayout.kernel.months import MONTHS_PER_YEAR, RegularDates

_LONGEST_MONTH = 30
_FEBRUARY = 2


class DayCount(StrEnum):
    """A day count convention."""

    THIRTY_360 = "30/360"
    THIRTY_E_360 = "30E/360"
    THIRTY_E_360_ISDA = "30E/360-ISDA"
    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    ACT_ACT_ICMA = "ACT/ACT-ICMA"
    ACT_ACT_ISDA = "ACT/ACT-ISDA"


_DAYS_A_YEAR = {
    DayCount.THIRTY_360: 360,
    DayCount.THIRTY_E_360: 360,
    DayCount.THIRTY_E_360_ISDA: 360,
    DayCount.ACT_360: 360,
    DayCount.ACT_365F: 365,
}


def count_days(day_count: DayCount, start: date, end: date, *, maturity: date | None = None) -> int:
    """Return the days from a start to an end, as a convention counts them.

    Args:
        day_count: The convention.
        start: The first day that counts.
        end: The day after the last one that counts.
        maturity: The end of the last period, which 30E/360-ISDA does not move from the last day of February.
    """
    match day_count:
        case DayCount.THIRTY_360:
            start_day = min(start.day, _LONGEST_MONTH)
            end_day = min(end.day, _LONGEST_MONTH) if start_day == _LONGEST_MONTH else end.day
        case DayCount.THIRTY_E_360:
            start_day, end_day = min(start.day, _LONGEST_MONTH), min(end.day, _LONGEST_MONTH)
        case DayCount.THIRTY_E_360_ISDA:
            start_day = _day_of_thirty(start)
            end_day = min(end.day, _LONGEST_MONTH) if end == maturity else _day_of_thirty(end)
        case _:
            return (end - start).days
    months = (end.year - start.year) * MONTHS_PER_YEAR + end.month - start.month
    return months * _LONGEST_MONTH + end_day - start_day


def year_fraction(
    day_count: DayCount, start: date, end: date, *, coupon_dates: RegularDates, maturity: date | None = None
) -> Fraction:
    """Return the fraction of a year from a start to an end.

    Args:
        day_count: The convention.
        start: The first day that counts.
        end: The day after the last one that counts.
        coupon_dates: The regular coupon dates, notional ones before the first and after the last coupon included.
        maturity: The end of the last period, as in ``count_days``.

    Raises:
        ValueError: The end is before the start.
    """
    if end < start:
        raise ValueError(f"a period ends before it starts: {start} to {end}")
    match day_count:
        case DayCount.ACT_ACT_ICMA:
            return _icma_fraction(start, end, coupon_dates)
        case DayCount.ACT_ACT_ISDA:
            return _isda_fraction(start, end)
    return Fraction(count_days(day_count, start, end, maturity=maturity), _DAYS_A_YEAR[day_count])


def _day_of_thirty(day: date) -> int:
    """Return the day of a month that has thirty days."""
    is_last_of_february = day.month == _FEBRUARY and day.day == calendar.monthrange(day.year, day.month)[1]
    return _LONGEST_MONTH if is_last_of_february else min(day.day, _LONGEST_MONTH)


def _icma_fraction(start: date, end: date, coupon_dates: RegularDates) -> Fraction:
    """Sum up the parts of a period in each of the regular periods: a stub may touch several."""
    fraction = Fraction(0)
    number = coupon_dates.number_at(start)
    while (regular_start := coupon_dates.nth(number)) < end:
        regular_end = coupon_dates.nth(number + 1)
        days = (min(end, regular_end) - max(start, regular_start)).days
        regular_days = (regular_end - regular_start).days
        fraction += Fraction(days * coupon_dates.interval_months, regular_days * MONTHS_PER_YEAR)
        number += 1
    return fraction


def _isda_fraction(start: date, end: date) -> Fraction:
    """Sum up the parts of a period in each of the years."""
    fraction = Fraction(0)
    for year in range(start.year, end.year + 1):
        days = (min(end, date(year + 1, 1, 1)) - max(start, date(year, 1, 1))).days
        fraction += Fraction(days, 366 if calendar.isleap(year) else 365)
    return fraction
