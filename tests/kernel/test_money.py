"""Money is exact: every unit of a total goes somewhere, and nobody is off by a unit or more."""

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from division import split_equal, split_pro_rata
from masspayout.distributions.csv_import import read_payout_list
from masspayout.kernel import money
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import (
    MAX_UNITS,
    parse_amount,
    parse_decimal,
    to_decimal,
    to_units,
)
from shared_data import shared_file

DECIMALS = st.integers(0, 30)
TOTALS = st.integers(1, 10**30)
ACCOUNT_IDS = st.integers(0, 10**6).map("0.0.{}".format)
REGISTERS = st.dictionaries(ACCOUNT_IDS, st.integers(0, 2**63 - 1), min_size=1, max_size=60).filter(
    lambda balances: any(balances.values())
)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("1", 0, 1),
        ("1", 6, 1_000_000),
        ("0.000001", 6, 1),
        ("12821.024209", 6, 12_821_024_209),
        ("007.50", 2, 750),
        ("1.5000000000", 1, 15),
        ("3.000", 0, 3),
        (" 2.25\t", 2, 225),
        ("1234567890123456789012.345678901234567891", 18, 1234567890123456789012345678901234567891),
        (str(MAX_UNITS), 0, MAX_UNITS),
    ],
)
def test_a_plain_decimal_number_is_read_to_the_unit(text: str, decimals: int, units: int) -> None:
    assert parse_amount(text, decimals) == units


@given(st.decimals(-(10**40), 10**40, places=18))
def test_a_number_is_read_with_all_its_decimals(number: Decimal) -> None:
    with localcontext(prec=3):
        assert parse_decimal(f" {number:f} ") == number
    assert parse_decimal(f"{number:f}").as_tuple() == number.as_tuple()


NOT_PLAIN_NUMBERS = (
    *("", " ", ".", "1.", ".5", "+1", "--1", "1.2.3", "1e3", "1E-2", "inf", "-Infinity", "nan", "0x10"),
    *("1,000", "1 000", "1_000", "€5", "5 USD", "1\n2", "1\0"),
    *("\u0661\u0662", "\uff11", "½"),  # digits of other scripts, which int() would take
)


@pytest.mark.parametrize("text", NOT_PLAIN_NUMBERS)
def test_what_is_not_a_plain_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not an amount") as refusal:
        parse_amount(text, 6)
    assert repr(text) in refusal.value.message
    assert refusal.value.hint
    with pytest.raises(Invalid, match="is not a number"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "decimals", "sentence"),
    [
        ("0", 6, "The amount 0 is zero."),
        ("0.00", 6, "The amount 0.00 is zero."),
        ("-0", 6, "The amount -0 is zero."),
        ("-1.5", 6, "The amount -1.5 is negative."),
        ("1.0000001", 6, "The amount 1.0000001 has more decimals than the payment token, which has 6."),
        ("0.5", 0, "The amount 0.5 has more decimals than the payment token, which has 0."),
        (str(MAX_UNITS + 1), 0, f"The amount {MAX_UNITS + 1} is larger than any ledger can hold."),
        ("9" * 5000, 0, f"The amount {'9' * 5000} is larger than any ledger can hold."),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_with_its_reason(text: str, decimals: int, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_amount(text, decimals)
    assert refusal.value.message == sentence
    assert refusal.value.hint


@given(st.integers(1, MAX_UNITS), DECIMALS)
def test_what_is_written_out_is_read_back(units: int, decimals: int) -> None:
    amount = to_decimal(units, decimals)
    assert parse_amount(f"{amount:f}", decimals) == units
    assert to_units(amount, decimals) == units


@given(st.text(alphabet="0123456789.-+eE _,", max_size=30) | st.text(max_size=30), DECIMALS)
def test_any_text_is_either_an_exact_amount_or_refused(text: str, decimals: int) -> None:
    try:
        units = parse_amount(text, decimals)
    except Invalid:
        return
    assert Fraction(units, 10**decimals) == Fraction(Decimal(text.strip()))
    assert units > 0


@given(st.integers(-MAX_UNITS, MAX_UNITS), DECIMALS)
def test_a_decimal_is_exact_whatever_the_callers_context(units: int, decimals: int) -> None:
    with localcontext(prec=1):
        amount = to_decimal(units, decimals)
        back = to_units(amount, decimals)
    assert Fraction(amount) == Fraction(units, 10**decimals)
    assert amount.as_tuple().exponent == -decimals
    assert back == units


@given(st.decimals(), DECIMALS)
@example(Decimal("1E+999999"), 0)
@example(Decimal("1E-999999"), 18)
@example(Decimal("0E+999999"), 6)
@example(Decimal("1E-7"), 6)
@example(Decimal("9.99E-5"), 6)
@example(Decimal("sNaN"), 6)
def test_a_decimal_becomes_units_exactly_or_is_refused(amount: Decimal, decimals: int) -> None:
    is_exact = amount.is_finite() and -decimals <= amount.adjusted() < 70 - decimals
    if not amount.is_zero() and not (is_exact and (Fraction(amount) * 10**decimals).denominator == 1):
        with pytest.raises(Invalid):
            to_units(amount, decimals)
    else:
        units = to_units(amount, decimals)
        assert Fraction(units, 10**decimals) == (Fraction(amount) if units else 0)


@given(many_units=st.lists(st.integers(0, 10**40)), decimals=DECIMALS)
def test_amounts_sum_up_exactly(many_units: list[int], decimals: int) -> None:
    assert to_units(money.total(to_decimal(units, decimals) for units in many_units), decimals) == sum(many_units)


def test_the_smallest_unit_has_all_the_decimals() -> None:
    assert str(to_decimal(1, 0)) == "1"
    assert str(to_decimal(1, 2)) == "0.01"
    assert f"{to_decimal(1, 18):f}" == "0.000000000000000001"


def naive_split(total_units: int, balances: dict[str, int]) -> dict[str, int]:
    """Hand units out one by one to whoever is furthest below the ideal share; the first account id wins a tie."""
    holders = sorted(account_id for account_id, balance in balances.items() if balance > 0)
    supply = sum(balances[account_id] for account_id in holders)
    ideal = {account_id: Fraction(total_units * balances[account_id], supply) for account_id in holders}
    shares = {account_id: int(ideal[account_id]) for account_id in holders}
    while sum(shares.values()) < total_units:
        neediest = max(holders, key=lambda account_id: ideal[account_id] - shares[account_id])
        shares[neediest] += 1
    return shares


@given(TOTALS, REGISTERS)
def test_a_pro_rata_split_sums_to_the_total_and_nobody_is_off_by_a_unit(total: int, balances: dict[str, int]) -> None:
    shares = split_pro_rata(total, balances)
    supply = sum(balances.values())
    assert sum(shares.values()) == total
    assert set(shares) == {account_id for account_id, balance in balances.items() if balance > 0}
    for account_id, share in shares.items():
        assert abs(share - Fraction(total * balances[account_id], supply)) < 1


# Few units over many equal balances are where ties are.
CLOSE_REGISTERS = st.dictionaries(ACCOUNT_IDS, st.integers(0, 4), min_size=1, max_size=30).filter(
    lambda balances: any(balances.values())
)


@given(st.integers(1, 200) | TOTALS, CLOSE_REGISTERS | REGISTERS)
def test_a_pro_rata_split_is_what_handing_out_units_one_by_one_gives(total: int, balances: dict[str, int]) -> None:
    assert split_pro_rata(total, balances) == naive_split(total, balances)


@given(st.integers(1, 200), CLOSE_REGISTERS, st.randoms(use_true_random=False))
def test_a_pro_rata_split_does_not_depend_on_the_order_of_rows(
    total: int, balances: dict[str, int], random: Random
) -> None:
    rows = list(balances.items())
    random.shuffle(rows)
    assert split_pro_rata(total, dict(rows)) == split_pro_rata(total, balances)


@given(TOTALS | st.integers(1, 200), REGISTERS | CLOSE_REGISTERS)
def test_a_larger_balance_never_gets_less(total: int, balances: dict[str, int]) -> None:
    shares = split_pro_rata(total, balances)
    by_balance = sorted(shares, key=lambda account_id: balances[account_id])
    for smaller, larger in pairwise(by_balance):
        if balances[smaller] < balances[larger]:
            assert shares[smaller] <= shares[larger]


def test_equal_claims_on_the_last_unit_are_settled_by_account_id_in_byte_order() -> None:
    assert split_pro_rata(1, {"0.0.9": 5, "0.0.10": 5, "0xaa": 5}) == {"0.0.9": 0, "0.0.10": 1, "0xaa": 0}


@given(TOTALS, st.lists(ACCOUNT_IDS, min_size=1, max_size=60, unique=True))
def test_equal_shares_leave_less_than_one_unit_each(total: int, account_ids: list[str]) -> None:
    share, remainder = split_equal(total, account_ids)
    assert share * len(account_ids) + remainder == total
    assert 0 <= remainder < len(account_ids)


@pytest.mark.parametrize("balances", [{}, {"0.0.1": 0}, {"0.0.1": 0, "0.0.2": -3}])
def test_a_split_among_nobody_is_refused(balances: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="No holder is eligible"):
        split_pro_rata(100, balances)
    with pytest.raises(Invalid, match="No holder is eligible"):
        split_equal(100, [])


@pytest.mark.parametrize("total", [0, -1])
def test_nothing_cannot_be_split(total: int) -> None:
    with pytest.raises(Invalid, match=f"is {total} smallest units"):
        split_pro_rata(total, {"0.0.1": 1})
    with pytest.raises(Invalid, match=f"is {total} smallest units"):
        split_equal(total, ["0.0.1"])


def test_a_dividend_over_a_real_register_sums_to_the_unit() -> None:
    lines = shared_file("register-2457.csv").read_text().splitlines()[1:]
    balances = {account_id: int(balance) for account_id, balance in (line.split(",") for line in lines)}
    total = parse_amount("1000000.000000", 6)
    shares = split_pro_rata(total, balances)
    assert len(shares) == 2_457
    assert to_decimal(sum(shares.values()), 6) == Decimal("1000000.000000")
    supply = sum(balances.values())
    assert all(abs(share - Fraction(total * balances[account_id], supply)) < 1 for account_id, share in shares.items())


def test_a_real_payout_list_sums_to_the_unit() -> None:
    payout_list = read_payout_list(shared_file("payout-list-26093.csv"), 6)
    assert len(payout_list) == 26_093
    assert to_decimal(payout_list.total_units, 6) == Decimal("262998.504996")
