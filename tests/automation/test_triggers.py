from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.automation.triggers import Trigger, parse_trigger
from masspayout.kernel.errors import Invalid

AMOUNTS = st.decimals(0, 10**12, places=6)


@given(st.none() | AMOUNTS)
def test_what_is_stored_is_read_again(minimum_amount: Decimal | None) -> None:
    trigger = Trigger(minimum_amount)
    assert parse_trigger(str(trigger)) == trigger


@given(AMOUNTS, AMOUNTS)
def test_it_matches_from_its_amount_on(minimum_amount: Decimal, amount: Decimal) -> None:
    assert Trigger(minimum_amount).matches(amount) is (amount >= minimum_amount and amount > 0)
    assert Trigger().matches(amount) is (amount > 0)


@pytest.mark.parametrize("text", [" ON_DEPOSIT >= 1000 ", "ON_DEPOSIT>=1000", "ON_DEPOSIT  >=  1000.00"])
def test_blanks_do_not_matter(text: str) -> None:
    assert parse_trigger(text) == Trigger(Decimal(1000))


@pytest.mark.parametrize(
    "text",
    ["", "on_deposit", "ON_DEPOSIT >=", "ON_DEPOSIT > 5", "ON_DEPOSIT >= -5", "ON_DEPOSIT >= 1e3", "ON_DEPOSIT >= ٣"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a trigger"):
        parse_trigger(text)
