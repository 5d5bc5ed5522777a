"""Bond terms: the facts of a bond from which the dates and amounts of all its payments follow, checked as a whole."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from masspayout.kernel.business_days import BusinessDayConvention, DaysBefore
from masspayout.kernel.day_counts import DayCount
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import MAX_UNITS
from masspayout.kernel.months import MONTHS_PER_YEAR, RegularDates
from masspayout.kernel.next_steps import Field
from masspayout.kernel.time_zones import find_zone

COUPONS_A_YEAR = (1, 2, 4, 12)
# Rates and amounts per unit are exact decimals; no token has more decimals.
MOST_DECIMALS = 18

_ONE_BUSINESS_DAY = DaysBefore(1)
_FIRST_YEAR = 1900
# A century bond is the longest that is sold. A monthly one has 1,200 payments.
_MOST_YEARS = 100


@dataclass(frozen=True, slots=True)
class BondTerms:
    """The terms of a bond. Dates have no time; they are days in the bond's time zone.

    Attributes:
        par: The principal of one whole unit of the asset, in whole payment tokens.
        rate: The interest, in per cent a year.
        day_count: The convention that counts the days of a period.
        coupons_a_year: The number of coupons a year: 1, 2, 4 or 12.
        issue_date: The first day that interest accrues for.
        first_coupon_date: The first coupon date, from which the others are counted.
        maturity_date: The date of the last coupon and of the repayment.
        last_coupon_date: The coupon date before maturity, where the last period is longer than a regular one, or
            shorter in a way of its own; else it follows from the others.
        calendar: The name of the calendar; None for Saturdays and Sundays alone.
        convention: The move of a date that is no business day.
        adjusted: True if a moved date moves the end of its period as well, so that its interest changes.
        record_rule: The record date, counted back from the payment date.
        time_zone: The IANA name of the zone of all dates.
        factor: The part of par that is outstanding from the issue date on.
    """

    par: Decimal
    rate: Decimal
    day_count: DayCount
    coupons_a_year: int
    issue_date: date
    first_coupon_date: date
    maturity_date: date
    last_coupon_date: date | None = None
    calendar: str | None = None
    convention: BusinessDayConvention = BusinessDayConvention.FOLLOWING
    adjusted: bool = False
    record_rule: DaysBefore = _ONE_BUSINESS_DAY
    time_zone: str = "UTC"
    factor: Decimal = Decimal(1)

    def check(self) -> None:
        """Refuse terms that are incomplete or contradict each other.

        Raises:
            Invalid: They do; the sentence says where.
        """
        find_zone(self.time_zone)
        _require_amount("par", self.par, Field.PAR, is_positive=True)
        _require_amount("rate", self.rate, Field.RATE)
        _require_amount("factor", self.factor, Field.FACTOR, is_positive=True)
        require_factor(self.factor)
        if self.coupons_a_year not in COUPONS_A_YEAR:
            raise Invalid(
                f"A bond has 1, 2, 4 or 12 coupons a year, and not {self.coupons_a_year}.",
                "Choose one with ",
                Field.COUPONS_A_YEAR,
                ".",
            )
        _require_order(self)
        self.coupon_dates()

    def coupon_dates(self) -> RegularDates:
        """Return the regular coupon dates, with the notional ones before the first and after the last coupon.

        They are counted from the first coupon date. Where that is the end of a short month, as 28 February is for a
        bond that matures on 31 August, they are counted from the last one, and contain the first.

        Raises:
            Invalid: They do not meet the last coupon date that is given.
        """
        interval = MONTHS_PER_YEAR // self.coupons_a_year
        last = self.last_coupon_date or self.maturity_date
        counted_forward, counted_back = RegularDates(self.first_coupon_date, interval), RegularDates(last, interval)
        if last in counted_forward:
            return counted_forward
        if self.first_coupon_date in counted_back:
            return counted_back
        if self.last_coupon_date is not None:
            number = counted_forward.number_at(last)
            raise Invalid(
                f"Coupons every {interval} months from {self.first_coupon_date} never meet the last coupon date "
                f"{last}: they fall on {counted_forward.nth(number)} and {counted_forward.nth(number + 1)}.",
                "Change ",
                Field.LAST_COUPON_DATE,
                " to one of these, or ",
                Field.FIRST_COUPON_DATE,
                ".",
            )
        return counted_forward


def require_factor(factor: Decimal) -> None:
    """Refuse a factor that is no part of par.

    Raises:
        Invalid: It is below 0 or above 1.
    """
    if not 0 <= factor <= 1:
        raise Invalid(
            f"The factor {factor} is not between 0 and 1.",
            "It is the part of par that is outstanding: 0.75, for instance.",
        )


def _require_amount(name: str, amount: Decimal, field: Field, *, is_positive: bool = False) -> None:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount.adjusted() >= len(str(MAX_UNITS)):
        raise Invalid(f"The {name} {amount} is not a number that anybody pays.", "Give another ", field, ".")
    if amount < 0 or (is_positive and not amount):
        bound = "zero or below" if is_positive else "below zero"
        raise Invalid(f"The {name} {amount:f} is {bound}.", "Give a higher ", field, ".")
    if -exponent > MOST_DECIMALS:
        raise Invalid(f"The {name} {amount:f} has more than {MOST_DECIMALS} decimals.", "Round ", field, ".")


def _require_order(terms: BondTerms) -> None:
    """Refuse dates that are not in the order issue, first coupon, last coupon, maturity."""
    issue, first, last, maturity = (
        terms.issue_date,
        terms.first_coupon_date,
        terms.last_coupon_date,
        terms.maturity_date,
    )
    if issue.year < _FIRST_YEAR or maturity.year - issue.year > _MOST_YEARS:
        raise Invalid(
            f"A bond from {issue} to {maturity} is none of the last and next hundred years.",
            "Correct ",
            Field.ISSUE_DATE,
            " or ",
            Field.MATURITY_DATE,
            ".",
        )
    if maturity <= issue:
        raise Invalid(
            f"The maturity {maturity} is not after the issue date {issue}.", "Give a later ", Field.MATURITY_DATE, "."
        )
    if first <= issue:
        raise Invalid(
            f"The first coupon date {first} is not after the issue date {issue}.",
            "Give a later ",
            Field.FIRST_COUPON_DATE,
            ".",
        )
    if first > maturity:
        raise Invalid(
            f"A schedule from {first} never meets its maturity {maturity}: the first coupon date is after it.",
            "Give an earlier ",
            Field.FIRST_COUPON_DATE,
            "; a bond with one payment has it at maturity.",
        )
    if last is not None and not first <= last < maturity:
        raise Invalid(
            f"The last coupon date {last} is not between the first one, {first}, and the maturity {maturity}.",
            "Leave ",
            Field.LAST_COUPON_DATE,
            " out, or give the last regular coupon date before maturity.",
        )
