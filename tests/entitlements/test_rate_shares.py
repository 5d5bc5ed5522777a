"""Amounts by a rate for each unit: equal to the fraction rounded once, in Python and in the database."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import text

from masspayout.db.repositories import rate_shares
from masspayout.db.session import Database
from masspayout.entitlements.rates import UnitRate, by_rate, require_within, to_each
from masspayout.kernel.errors import LimitExceeded
from masspayout.kernel.states import Rounding

BALANCES = st.integers(0, 2**63 - 1)
RATES = st.builds(Fraction, st.integers(0, 10**24), st.sampled_from([1, 3, 365, 366 * 365, 10**18]))
DECIMALS = st.integers(0, 18)
ROUNDINGS = st.sampled_from(Rounding)
IN_DECIMAL = {
    Rounding.DOWN: ROUND_DOWN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
}
MANY = st.dictionaries(st.integers(0, 10**6).map("0.0.{}".format), BALANCES, max_size=40)


@given(BALANCES, RATES, DECIMALS, DECIMALS, ROUNDINGS)
@example(1, Fraction(1, 2), 0, 0, Rounding.HALF_EVEN)
@example(3, Fraction(1, 2), 0, 0, Rounding.HALF_EVEN)
@example(1, Fraction(1, 2), 0, 0, Rounding.HALF_UP)
def test_an_amount_is_the_exact_product_rounded_once(
    balance: int, rate: Fraction, asset_decimals: int, payment_decimals: int, rounding: Rounding
) -> None:
    unit_rate = UnitRate.of(rate, asset_decimals=asset_decimals, payment_decimals=payment_decimals, rounding=rounding)
    units = unit_rate.gross_units(balance)
    exact = Fraction(balance) * rate * 10**payment_decimals / 10**asset_decimals
    assert unit_rate.rounding_units(balance, units) == exact - units
    assert abs(exact - units) <= (1 if rounding is Rounding.DOWN else Fraction(1, 2))
    match rounding:
        case Rounding.DOWN:
            assert units <= exact < units + 1
        case Rounding.HALF_UP:
            assert units - Fraction(1, 2) <= exact < units + Fraction(1, 2)
        case Rounding.HALF_EVEN:
            assert units == round(exact)


@given(BALANCES, st.decimals(0, 10**6, places=18), DECIMALS, DECIMALS, ROUNDINGS)
def test_a_decimal_rate_gives_what_decimal_arithmetic_gives(
    balance: int, rate: Decimal, asset_decimals: int, payment_decimals: int, rounding: Rounding
) -> None:
    with localcontext(prec=200):
        expected = (balance * rate).scaleb(payment_decimals - asset_decimals).to_integral_value(IN_DECIMAL[rounding])
    unit_rate = UnitRate.of(
        Fraction(rate), asset_decimals=asset_decimals, payment_decimals=payment_decimals, rounding=rounding
    )
    assert unit_rate.gross_units(balance) == expected


@given(MANY, RATES, ROUNDINGS)
def test_what_is_declared_is_what_is_paid_and_what_rounding_leaves(
    balances: dict[str, int], rate: Fraction, rounding: Rounding
) -> None:
    unit_rate = UnitRate.of(rate, asset_decimals=6, payment_decimals=2, rounding=rounding)
    amounts = by_rate(balances, unit_rate)
    assert set(amounts.units) == {account for account, balance in balances.items() if balance}
    assert sum(balances.values()) * rate / 10**4 == amounts.total_units + amounts.rounding_units
    if rounding is Rounding.DOWN:
        assert amounts.rounding_units >= 0


@given(MANY, RATES)
def test_excluding_somebody_raises_nobody(balances: dict[str, int], rate: Fraction) -> None:
    unit_rate = UnitRate.of(rate, asset_decimals=0, payment_decimals=6)
    amounts = by_rate(balances, unit_rate)
    fewer = by_rate(dict(list(balances.items())[1:]), unit_rate)
    assert all(amounts.units[account] == units for account, units in fewer.units.items())


def test_each_holder_gets_the_same() -> None:
    amounts = to_each({"0.0.1": 5, "0.0.2": 0, "0.0.3": 7}, 250)
    assert amounts.units == {"0.0.1": 250, "0.0.3": 250}
    assert (amounts.total_units, amounts.rounding_units) == (500, Fraction(0))


def test_a_rate_below_zero_is_none() -> None:
    with pytest.raises(ValueError, match="not below zero"):
        UnitRate.of(Fraction(-1), asset_decimals=0, payment_decimals=0)


def test_a_total_above_the_most_that_may_be_paid_is_refused() -> None:
    require_within(10**9, None, 6)
    require_within(10**9, 10**9, 6)
    with pytest.raises(LimitExceeded) as refusal:
        require_within(10**9 + 1, 10**9, 6)
    assert refusal.value.message == (
        "The rate comes to 1000.000001, which is more than the 1000.000000 that the payout may cost."
    )


@given(st.dictionaries(st.integers(0, 10**6).map("0.0.{}".format), BALANCES, min_size=1, max_size=40), RATES)
@example({"0.0.1": 1, "0.0.2": 3, "0.0.3": 5, "0.0.4": 2**63 - 1}, Fraction(1, 2))
def in_the_database(balances: dict[str, int], rate: Fraction) -> None:
    """Draw registers and rates for the next test, which keeps them: Hypothesis runs no coroutines."""
    DRAWN.append((balances, rate))


DRAWN: list[tuple[dict[str, int], Fraction]] = []

_OVER_DRAWN = """
    WITH eligible AS (
        SELECT account_id, CAST(balance AS BIGINT) AS balance
          FROM unnest(CAST(:accounts AS VARCHAR[]), CAST(:balances AS BIGINT[])) AS drawn (account_id, balance)
         WHERE balance > 0
    ){share}
    SELECT account_id, units FROM share
"""


@pytest.mark.parametrize("rounding", Rounding)
async def test_the_database_computes_the_same_amounts(database: Database, rounding: Rounding) -> None:
    DRAWN.clear()
    in_the_database()
    assert len(DRAWN) > 50
    async with database.unit_of_work() as work:
        for balances, rate in DRAWN:
            unit_rate = UnitRate.of(rate, asset_decimals=2, payment_decimals=6, rounding=rounding)
            rows = await work.execute(
                text(_OVER_DRAWN.format(share=rate_shares.BY_RATE[rounding])),
                {
                    "accounts": list(balances),
                    "balances": list(balances.values()),
                    "numerator": unit_rate.numerator,
                    "denominator": unit_rate.denominator,
                },
            )
            assert {account: int(units) for account, units in rows} == by_rate(balances, unit_rate).units


async def test_the_database_gives_each_the_same(database: Database) -> None:
    parameters = {"accounts": ["0.0.1", "0.0.2"], "balances": [4, 0], "each_units": 2**70}
    async with database.unit_of_work() as work:
        rows = await work.execute(text(_OVER_DRAWN.format(share=rate_shares.TO_EACH)), parameters)
        assert {account: int(units) for account, units in rows} == {"0.0.1": 2**70}
