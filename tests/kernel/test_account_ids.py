"""An account id has exactly one spelling."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid

LOWER = "0x" + "ab12" * 10


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.0.1234", "0.0.1234"),
        ("0.0.0", "0.0.0"),
        (" 1.2.3\n", "1.2.3"),
        ("0.0.9223372036854775807", "0.0.9223372036854775807"),
        (LOWER, LOWER),
        (LOWER.upper(), LOWER),
        ("0x" + "AB12" * 10, LOWER),
    ],
)
def test_every_spelling_becomes_the_canonical_one(text: str, canonical: str) -> None:
    assert canonical_account_id(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "0.0",
        "0.0.1.2",
        "0.0.-1",
        "0.0.01",
        "00.0.1",
        "0.0.1-abcde",
        "0.0.\u0661",
        "0.0." + "9" * 20,
        "0x",
        "0x12",
        LOWER[2:],
        LOWER + "0",
        "0x" + "g" * 40,
        "0x" + "0" * 40,
        "0x" + "0" * 24 + " " * 16,
    ],
)
def test_another_form_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        canonical_account_id(text, what="token id")
    assert refusal.value.message == f"{text!r} is not a valid token id."
    assert "0.0.1234" in refusal.value.hint


NUMBERS = st.integers(0, 2**32 - 1)
ENTITY_IDS = st.tuples(NUMBERS, NUMBERS, st.integers(0, 2**59)).map(lambda parts: ".".join(map(str, parts)))
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())


@given(ENTITY_IDS | ADDRESSES)
def test_a_canonical_id_stays_as_it_is(account_id: str) -> None:
    assert canonical_account_id(account_id) == account_id


@given(ADDRESSES, st.randoms(use_true_random=False))
def test_the_case_of_an_address_does_not_matter(address: str, random: Random) -> None:
    mixed = "".join(digit.upper() if random.random() < 0.5 else digit for digit in address)
    assert canonical_account_id(mixed) == address


@given(st.text(max_size=50))
def test_any_text_is_either_refused_or_has_a_canonical_form_that_is_stable(text: str) -> None:
    try:
        canonical = canonical_account_id(text)
    except Invalid:
        return
    assert canonical_account_id(canonical) == canonical
