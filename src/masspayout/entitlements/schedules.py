"""Schedules of bonds: the dates and amounts of all payments, from the terms alone. Pure; fractions are exact.

A payment is known by its unadjusted date, which no calendar moves. Periods are cut from the regular coupon dates with a
stub at either end, then moved by the calendar, each from its own unadjusted date: a moved date moves no other one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from masspayout.entitlements.bond_terms import MOST_DECIMALS, BondTerms, require_factor
from masspayout.kernel.business_days import BusinessCalendar
from masspayout.kernel.day_counts import count_days, year_fraction
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import to_decimal
from masspayout.kernel.next_steps import Field

_PER_CENT = 100


class FactorChange(NamedTuple):
    """The part of par that is outstanding from a coupon date on."""

    effective_date: date
    factor: Decimal


@dataclass(frozen=True, slots=True)
class ScheduledPayment:
    """One payment of a bond, per whole unit of the asset.

    Attributes:
        number: The position in the schedule, from 1.
        period_start: The first day that interest accrues for.
        period_end: The day after the last one.
        unadjusted_payment_date: The coupon date, or the maturity, as the terms have it.
        payment_date: The same as the calendar moves it.
        record_date: The day whose holders are paid.
        days: The days of the period, as the day count counts them.
        fraction: The part of a year that interest accrues for.
        factor: The part of par that bears the interest.
        coupon: The interest, in whole payment tokens.
        principal: The principal that is repaid, in whole payment tokens.
    """

    number: int
    period_start: date
    period_end: date
    unadjusted_payment_date: date
    payment_date: date
    record_date: date
    days: int
    fraction: Fraction
    factor: Fraction
    coupon: Fraction
    principal: Fraction

    def fields(self) -> dict[str, object]:
        """Return the payment as programs read it. Amounts are rounded for show to 18 decimals."""
        return {
            "number": self.number,
            "period_start": self.period_start,
            "period_end": self.period_end,
            "unadjusted_payment_date": self.unadjusted_payment_date,
            "payment_date": self.payment_date,
            "record_date": self.record_date,
            "days": self.days,
            "fraction": str(self.fraction),
            "amount_per_unit": shown(self.coupon),
            "principal_per_unit": shown(self.principal),
        }


def schedule_of(
    terms: BondTerms, calendar: BusinessCalendar, factors: Sequence[FactorChange] = ()
) -> Sequence[ScheduledPayment]:
    """Return all payments of a bond, the first one first.

    Args:
        terms: The terms, which are checked.
        calendar: The business days of all their years, and of some days before and after.
        factors: The changes of the factor, in order of their dates.

    Raises:
        Invalid: The terms or factors contradict each other or the calendar.
    """
    terms.check()
    coupon_dates, dates = terms.coupon_dates(), list(unadjusted_dates(terms))
    outstanding = _factors_after(terms, dates, factors)
    bounds = [terms.issue_date, *(_period_end(terms, calendar, day) for day in dates[1:])]
    payments = []
    for number, (start, end) in enumerate(pairwise(bounds), 1):
        day = dates[number]
        payment_date = calendar.adjust(day, terms.convention)
        record_date = terms.record_rule.of(payment_date, calendar)
        _require_possible(terms, day, start, end, record_date)
        fraction = year_fraction(terms.day_count, start, end, coupon_dates=coupon_dates, maturity=bounds[-1])
        factor, factor_after = outstanding[number - 1], outstanding[number]
        payments.append(
            ScheduledPayment(
                number,
                period_start=start,
                period_end=end,
                unadjusted_payment_date=day,
                payment_date=payment_date,
                record_date=record_date,
                days=count_days(terms.day_count, start, end, maturity=bounds[-1]),
                fraction=fraction,
                factor=factor,
                coupon=Fraction(terms.par) * factor * Fraction(terms.rate) * fraction * Fraction(1, _PER_CENT),
                principal=Fraction(terms.par) * (factor - factor_after),
            )
        )
    return payments


def unadjusted_dates(terms: BondTerms) -> Iterator[date]:
    """Yield the issue date, the coupon dates and the maturity, as the terms have them."""
    coupon_dates = terms.coupon_dates()
    yield terms.issue_date
    number = coupon_dates.number_at(terms.first_coupon_date)
    while (day := coupon_dates.nth(number)) < terms.maturity_date:
        yield day
        if day == terms.last_coupon_date:
            break
        number += 1
    yield terms.maturity_date


def shown(amount: Fraction) -> str:
    """Return an amount in whole tokens, to at most 18 decimals. Nothing is paid by it."""
    digits = f"{to_decimal(round(amount * 10**MOST_DECIMALS), MOST_DECIMALS):f}"
    return digits.rstrip("0").rstrip(".")


def _period_end(terms: BondTerms, calendar: BusinessCalendar, day: date) -> date:
    return calendar.adjust(day, terms.convention) if terms.adjusted else day


def _factors_after(terms: BondTerms, dates: Sequence[date], factors: Sequence[FactorChange]) -> Sequence[Fraction]:
    """Return the part of par that is outstanding after each of the dates; after the maturity there is none."""
    factor, changes = terms.factor, dict(factors)
    for effective_date, changed in factors:
        require_factor(changed)
        if effective_date not in dates[1:-1]:
            raise Invalid(
                f"The factor {changed:f} is to hold from {effective_date}, which is no coupon date before the maturity "
                f"{terms.maturity_date}.",
                "Choose a coupon date as the schedule has it before the calendar moves it.",
            )
        if changed > factor:
            raise Invalid(
                f"The factor {changed:f} from {effective_date} is above the one before, {factor:f}.",
                "Repaid principal does not come back: choose a lower factor, or correct the one before.",
            )
        factor = changed
    outstanding = [terms.factor]
    for day in dates[1:-1]:
        outstanding.append(changes.get(day, outstanding[-1]))
    return [*map(Fraction, outstanding), Fraction(0)]


def _require_possible(terms: BondTerms, day: date, start: date, end: date, record_date: date) -> None:
    """Refuse a payment whose dates the calendar or the record rule moved to where they make no sense."""
    if end < start:
        raise Invalid(
            f"The calendar moves the coupon date {day} to {end}, before its period begins on {start}.",
            "Choose another business-day convention, or a later ",
            Field.FIRST_COUPON_DATE,
            ".",
        )
    if record_date < terms.issue_date:
        raise Invalid(
            f"The record date {record_date} of the payment of {day} is before the issue date {terms.issue_date}.",
            "Give a later ",
            Field.FIRST_COUPON_DATE,
            ", or another ",
            Field.RECORD_RULE,
            ".",
        )
