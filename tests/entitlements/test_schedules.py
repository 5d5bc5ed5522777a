"""Schedules of bonds: by hand, and against QuantLib for random bonds; and each bad input with its sentence."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import quantlib_oracle as oracle
from masspayout.entitlements.bond_terms import BondTerms
from masspayout.entitlements.schedules import FactorChange, ScheduledPayment, schedule_of, shown, unadjusted_dates
from masspayout.kernel.business_days import BusinessCalendar, BusinessDayConvention, DaysBefore
from masspayout.kernel.day_counts import DayCount
from masspayout.kernel.errors import Invalid
from masspayout.kernel.months import MONTHS_PER_YEAR, months_later

WEEKENDS = BusinessCalendar("WEEKENDS", date(1999, 1, 1), date(2062, 12, 31))
TERMS = BondTerms(
    par=Decimal(1000),
    rate=Decimal("4.25"),
    day_count=DayCount.ACT_ACT_ICMA,
    coupons_a_year=2,
    issue_date=date(2025, 10, 1),
    first_coupon_date=date(2026, 2, 15),
    maturity_date=date(2028, 2, 15),
)


def scheduled(*factors: FactorChange, **changes: object) -> Sequence[ScheduledPayment]:
    return schedule_of(replace(TERMS, **changes), WEEKENDS, factors)  # type: ignore[arg-type]


def test_a_bond_with_a_short_first_period() -> None:
    payments = scheduled()
    assert [payment.unadjusted_payment_date for payment in payments] == [
        date(2026, 2, 15),
        date(2026, 8, 15),
        date(2027, 2, 15),
        date(2027, 8, 15),
        date(2028, 2, 15),
    ]
    first, second, *_, last = payments
    assert first.fields() == {
        "number": 1,
        "period_start": date(2025, 10, 1),
        "period_end": date(2026, 2, 15),
        "unadjusted_payment_date": date(2026, 2, 15),  # a Sunday
        "payment_date": date(2026, 2, 16),
        "record_date": date(2026, 2, 13),
        "days": 137,
        "fraction": "137/368",
        "amount_per_unit": "15.822010869565217391",
        "principal_per_unit": "0",
    }
    assert (second.coupon, second.fraction) == (Fraction("21.25"), Fraction(1, 2))
    assert (last.coupon, last.principal) == (Fraction("21.25"), Fraction(1000))
    assert sum(payment.principal for payment in payments) == 1000


@pytest.mark.parametrize("day_count", DayCount)
@pytest.mark.parametrize("convention", BusinessDayConvention)
def test_unadjusted_periods_move_the_payment_and_not_the_amount(
    day_count: DayCount, convention: BusinessDayConvention
) -> None:
    moved = scheduled(day_count=day_count, convention=convention)
    unmoved = scheduled(day_count=day_count, convention=BusinessDayConvention.NONE)
    assert [payment.coupon for payment in moved] == [payment.coupon for payment in unmoved]
    assert [payment.payment_date for payment in moved] == [
        WEEKENDS.adjust(payment.payment_date, convention) for payment in unmoved
    ]


def test_adjusted_periods_move_both() -> None:
    payments = scheduled(day_count=DayCount.ACT_360, adjusted=True)
    assert [(payment.period_start, payment.period_end) for payment in payments[:3]] == [
        (date(2025, 10, 1), date(2026, 2, 16)),
        (date(2026, 2, 16), date(2026, 8, 17)),
        (date(2026, 8, 17), date(2027, 2, 15)),
    ]
    assert payments[0].coupon == 1000 * Fraction("4.25") / 100 * Fraction(138, 360)


def test_stubs_at_both_ends_are_split_at_notional_dates() -> None:
    payments = scheduled(issue_date=date(2025, 6, 1), maturity_date=date(2028, 4, 1))
    assert payments[0].fraction == Fraction(75, 362) + Fraction(1, 2)
    assert payments[-1].fraction == Fraction(46, 364)  # 15 February to 15 August 2028
    long_last = scheduled(maturity_date=date(2028, 4, 1), last_coupon_date=date(2027, 8, 15))
    assert len(long_last) == len(payments) - 1
    assert long_last[-1].fraction == Fraction(1, 2) + Fraction(46, 364)
    assert long_last[-1].days == 230


def test_coupons_at_the_ends_of_months_are_counted_from_the_longer_month() -> None:
    ends = list(unadjusted_dates(replace(TERMS, first_coupon_date=date(2026, 2, 28), maturity_date=date(2027, 8, 31))))
    assert ends[1:] == [date(2026, 2, 28), date(2026, 8, 31), date(2027, 2, 28), date(2027, 8, 31)]
    quarters = replace(TERMS, first_coupon_date=date(2026, 8, 31), maturity_date=date(2027, 5, 31), coupons_a_year=4)
    assert list(unadjusted_dates(quarters))[1:] == [
        date(2026, 8, 31),
        date(2026, 11, 30),
        date(2027, 2, 28),
        date(2027, 5, 31),
    ]


def test_a_factor_repays_principal_and_lessens_the_interest_after_it() -> None:
    half, quarter = FactorChange(date(2026, 8, 15), Decimal("0.5")), FactorChange(date(2027, 8, 15), Decimal("0.25"))
    payments = scheduled(half, quarter)
    assert [payment.principal for payment in payments] == [0, 500, 0, 250, 250]
    assert [payment.factor for payment in payments] == [1, 1, Fraction(1, 2), Fraction(1, 2), Fraction(1, 4)]
    assert [payment.coupon for payment in payments[1:]] == [
        Fraction("21.25"),
        Fraction("10.625"),
        Fraction("10.625"),
        Fraction("5.3125"),
    ]
    issued_at_less = scheduled(factor=Decimal("0.8"))
    assert sum(payment.principal for payment in issued_at_less) == 800


def test_a_bond_with_one_payment_and_no_interest() -> None:
    (payment,) = scheduled(rate=Decimal(0), first_coupon_date=TERMS.maturity_date)
    assert (payment.period_start, payment.period_end) == (TERMS.issue_date, TERMS.maturity_date)
    assert payment.fields()["amount_per_unit"] == "0"
    assert payment.fields()["principal_per_unit"] == "1000"


BAD: list[tuple[dict[str, object], str]] = [
    ({"maturity_date": date(2025, 10, 1)}, "The maturity 2025-10-01 is not after the issue date 2025-10-01."),
    ({"first_coupon_date": date(2025, 10, 1)}, "The first coupon date 2025-10-01 is not after the issue date"),
    (
        {"first_coupon_date": date(2028, 2, 16)},
        "A schedule from 2028-02-16 never meets its maturity 2028-02-15: the first coupon date is after it.",
    ),
    (
        {"last_coupon_date": date(2027, 9, 1)},
        "Coupons every 6 months from 2026-02-15 never meet the last coupon date 2027-09-01: they fall on 2027-08-15",
    ),
    ({"last_coupon_date": date(2028, 2, 15)}, "The last coupon date 2028-02-15 is not between the first one"),
    ({"last_coupon_date": date(2026, 1, 15)}, "The last coupon date 2026-01-15 is not between the first one"),
    ({"maturity_date": date(2126, 2, 15)}, "A bond from 2025-10-01 to 2126-02-15 is none of the last and next hundred"),
    ({"issue_date": date(1899, 12, 31)}, "A bond from 1899-12-31 to 2028-02-15 is none"),
    ({"coupons_a_year": 3}, "A bond has 1, 2, 4 or 12 coupons a year, and not 3."),
    ({"coupons_a_year": 0}, "A bond has 1, 2, 4 or 12 coupons a year, and not 0."),
    ({"par": Decimal(0)}, "The par 0 is zero or below."),
    ({"par": Decimal(-1)}, "The par -1 is zero or below."),
    ({"par": Decimal("NaN")}, "The par NaN is not a number that anybody pays."),
    ({"par": Decimal("1E+99")}, "The par 1E+99 is not a number that anybody pays."),
    ({"rate": Decimal("-0.1")}, "The rate -0.1 is below zero."),
    ({"rate": Decimal("0.1234567890123456789")}, "The rate 0.1234567890123456789 has more than 18 decimals."),
    ({"factor": Decimal("1.01")}, "The factor 1.01 is not between 0 and 1."),
    ({"factor": Decimal(0)}, "The factor 0 is zero or below."),
    ({"time_zone": "Europe/Atlantis"}, "'Europe/Atlantis' is not a time zone."),
    (
        {"record_rule": DaysBefore(200, is_in_business_days=False)},
        "The record date 2025-07-31 of the payment of 2026-02-15 is before the issue date 2025-10-01.",
    ),
    (
        {
            "issue_date": date(2026, 2, 14),
            "adjusted": True,
            "convention": BusinessDayConvention.PRECEDING,
            "record_rule": DaysBefore(0),
        },
        "The calendar moves the coupon date 2026-02-15 to 2026-02-13, before its period begins on 2026-02-14.",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_terms_that_make_no_sense_are_refused_with_their_reason(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        scheduled(**changes)
    assert refusal.value.message.startswith(sentence)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ([FactorChange(date(2026, 8, 14), Decimal("0.5"))], "is to hold from 2026-08-14, which is no coupon date"),
        ([FactorChange(date(2028, 2, 15), Decimal("0.5"))], "is to hold from 2028-02-15, which is no coupon date"),
        ([FactorChange(date(2025, 10, 1), Decimal("0.5"))], "is to hold from 2025-10-01, which is no coupon date"),
        ([FactorChange(date(2026, 8, 15), Decimal("-0.5"))], "The factor -0.5 is not between 0 and 1."),
        (
            [FactorChange(date(2026, 8, 15), Decimal("0.5")), FactorChange(date(2027, 2, 15), Decimal("0.6"))],
            "The factor 0.6 from 2027-02-15 is above the one before, 0.5.",
        ),
    ],
)
def test_factors_that_make_no_sense_are_refused(factors: list[FactorChange], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        scheduled(*factors)
    assert sentence in refusal.value.message
    assert refusal.value.hint


def test_amounts_for_show_have_at_most_18_decimals() -> None:
    assert [shown(Fraction(*each)) for each in ((1, 3), (2, 3), (5, 2), (10, 1), (0, 1), (1, 10**19))] == [
        "0.333333333333333333",
        "0.666666666666666667",
        "2.5",
        "10",
        "0",
        "0",
    ]


STUBS = st.sampled_from(["none", "short", "long"])


@st.composite
def bonds(draw: st.DrawFn) -> tuple[BondTerms, BusinessCalendar]:
    """Draw a bond of 2000 to 2060 with any stubs at both ends, and a calendar of some years of holidays."""
    coupons_a_year = draw(st.sampled_from([1, 2, 4, 12]))
    interval = MONTHS_PER_YEAR // coupons_a_year
    first = draw(st.dates(date(2003, 1, 1), date(2030, 12, 31)))
    regular_count = draw(st.integers(0, min(20, 25 * coupons_a_year)))
    last = months_later(first, regular_count * interval)
    front, back = draw(STUBS), draw(STUBS)
    whole = {"none": 1, "short": 1, "long": 2}
    issue = months_later(first, -interval * whole[front]) + timedelta(days=0 if front == "none" else draw(SHIFTS))
    end = months_later(first, interval * (regular_count + whole[back]))
    maturity = end - timedelta(days=0 if back == "none" else draw(SHIFTS))
    terms = BondTerms(
        par=draw(st.decimals("0.01", 10**6, places=2)),
        rate=draw(st.decimals(0, 20, places=4)),
        day_count=draw(st.sampled_from(DayCount)),
        coupons_a_year=coupons_a_year,
        issue_date=issue,
        first_coupon_date=first,
        maturity_date=maturity,
        last_coupon_date=last if back == "long" else None,
        convention=draw(st.sampled_from(BusinessDayConvention)),
        adjusted=draw(st.booleans()),
        record_rule=DaysBefore(0),
    )
    holidays = draw(st.sets(st.dates(issue, maturity + timedelta(days=20)), max_size=60))
    return terms, replace(WEEKENDS, holidays=frozenset(holidays))


SHIFTS = st.integers(5, 27)


@given(bonds())
@example((replace(TERMS, first_coupon_date=date(2026, 2, 28), maturity_date=date(2027, 8, 31)), WEEKENDS))
def test_random_bonds_have_quantlibs_dates_days_and_fractions(drawn: tuple[BondTerms, BusinessCalendar]) -> None:
    terms, calendar = drawn
    # A holiday or weekend right after the issue may move the first coupon before it, which is refused.
    assume(calendar.adjust(terms.first_coupon_date, terms.convention) > terms.issue_date)
    payments = schedule_of(terms, calendar)
    unadjusted = oracle.coupon_dates(terms)
    assert [terms.issue_date, *(payment.unadjusted_payment_date for payment in payments)] == unadjusted
    moved = [oracle.adjusted(calendar, day, terms.convention) for day in unadjusted]
    assert [payment.payment_date for payment in payments] == moved[1:]
    # QuantLib moves the effective date as well; interest accrues from the day of issue, business day or not.
    bounds = [terms.issue_date, *moved[1:]] if terms.adjusted else unadjusted
    assert [(payment.period_start, payment.period_end) for payment in payments] == list(pairwise(bounds))
    counter = oracle.day_counter(terms.day_count, maturity=bounds[-1])
    for payment in payments:
        period = (oracle.to_ql(payment.period_start), oracle.to_ql(payment.period_end))
        assert payment.days == counter.dayCount(*period)
        if terms.day_count is DayCount.ACT_ACT_ICMA:
            assert payment.fraction == oracle.icma_fraction(payment.period_start, payment.period_end, terms)
        else:
            assert float(payment.fraction) == pytest.approx(counter.yearFraction(*period), rel=1e-13)
        exact = Fraction(terms.par) * Fraction(terms.rate) / 100 * payment.fraction
        assert payment.coupon == exact
    assert sum(payment.principal for payment in payments) == Fraction(terms.par)
