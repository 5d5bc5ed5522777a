"""References: a payout with one is paid once for it, whoever asks and however the reference is written."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from masspayout import distributions
from masspayout.automation import Calendar, Trigger, series
from masspayout.context import Context
from masspayout.db.entities import Distribution, DistributionStatus, DistributionType, Frequency, PayoutType
from masspayout.distributions import PayoutList, payout_lists
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.obligations import key_of_list
from masspayout.kernel.payout_terms import PayoutTerms
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts

key_of = partial(key_of_list, [("0.0.21", 5), ("0.0.22", 7)], payer_account_id="0.0.1001", token_id="0.0.7001")

# The key of this list by the rule of the version before references.
KEY_WITHOUT_REFERENCE = "eA5bKquLruhL-NwSMhJ-qg"


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 10) for account in accounts(5)])


@pytest.mark.parametrize("reference", [None, "", " ", "\N{ZERO WIDTH SPACE}"])
def test_a_list_without_reference_has_the_key_of_the_version_before(reference: str | None) -> None:
    assert key_of(concept="March", reference=reference) == KEY_WITHOUT_REFERENCE


def test_references_that_look_the_same_are_the_same() -> None:
    keys = {
        key_of(concept="March", reference=reference)
        for reference in ("INV 7", " inv  7", "INV\N{NO-BREAK SPACE}7", "I\N{ZERO WIDTH SPACE}NV 7")
    }
    assert len(keys) == 1
    assert key_of(concept="March", reference="INV 8") not in keys
    assert key_of(concept="INV 7", reference="March") not in keys


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("INV\t7", r"The reference 'INV\\t7' has a control character, '\\t'\."),
        ("INV\N{LINE SEPARATOR}7", "has a control character"),
        ("INV\ud8007", "has a control character"),
        ("7" * 141, r"The reference has 141 characters, more than 140\."),
    ],
)
def test_a_reference_that_cannot_stand_on_one_line_is_refused(reference: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        PayoutTerms(reference=reference)


def test_a_reference_is_kept_without_the_spaces_around_it() -> None:
    assert PayoutTerms(reference=" INV 7 ").reference == "INV 7"
    assert PayoutTerms(reference="7" * 140).reference == "7" * 140
    assert PayoutTerms(reference=" ").reference is None


async def test_a_payout_by_hand_is_made_once_for_its_reference(world: World) -> None:
    first = await world.plan("100", reference="INV-7")
    assert (first.reference, len(first.obligation_key or "")) == ("INV-7", 22)
    with pytest.raises(Conflict) as refusal:
        await world.plan("200", reference="inv-7 ")
    assert str(refusal.value.message) == f"There is a DIVIDEND on {ASSET_TOKEN} with the reference 'inv-7' already."
    assert refusal.value.hint.endswith("To pay the same once more, add --again 2, or give another --reference.")
    assert await world.plan("100", reference="INV-8")
    assert await world.plan("100", reference="INV-7", again=2)
    with pytest.raises(Conflict, match="already"):
        await world.plan("100", reference="INV-7", again=2)


async def test_another_type_is_another_obligation(world: World) -> None:
    await world.plan("100", reference="INV-7")
    coupon = PayoutTerms(DistributionType.COUPON, PayoutType.FIXED, Decimal(100), reference="INV-7")
    assert await distributions.create(world.runtime, world.asset, coupon)


async def test_what_was_cancelled_may_be_planned_again(world: World) -> None:
    first = await world.plan("100", reference="INV-7")
    async with world.runtime.database.unit_of_work() as work:
        await distributions.cancel(work, first.id)
    assert (await world.plan("100", reference="INV-7")).id != first.id


async def test_without_a_reference_there_is_nothing_to_pay_again(world: World) -> None:
    assert await world.plan("100")
    assert await world.plan("100")
    with pytest.raises(Invalid, match="there is none to pay again"):
        await world.plan("100", again=2)


async def test_the_key_of_a_payout_by_hand_outlives_its_freeze_and_payment(world: World) -> None:
    planned = await world.plan("100", reference="INV-7")
    await world.execute(planned.id)
    assert await world.pay(planned.id) is DistributionStatus.COMPLETED
    assert (await world.find(planned.id)).obligation_key == planned.obligation_key
    with pytest.raises(Conflict, match="already"):
        await world.plan("100", reference="INV-7")


async def create_list(world: World, **terms: Any) -> Distribution:
    token = await payout_lists.payment_token(world.runtime, PAYMENT_TOKEN)
    entries = PayoutList(tuple(sorted(accounts(3))), (1, 2, 3), 6)
    return await payout_lists.create(world.runtime, world.asset, token, entries, PayoutTerms(**terms))


async def test_a_list_is_made_once_for_its_concept_and_reference(world: World) -> None:
    first = await create_list(world, concept="March", reference="INV-7")
    assert first.reference == "INV-7"
    with pytest.raises(Conflict, match="a payout for this very list already"):
        await create_list(world, concept="MARCH", reference="inv-7")
    assert await create_list(world, concept="March", reference="INV-8")
    assert await create_list(world, concept="March", reference="INV-7", again=2)
    assert await create_list(world, concept="March")


async def test_a_series_has_nothing_to_pay_again(world: World) -> None:
    terms = PayoutTerms(DistributionType.COUPON, PayoutType.FIXED, Decimal(100), again=2)
    with pytest.raises(Invalid, match="there is none to pay again"):
        await series.create(world.runtime, world.asset, terms, Trigger())


async def test_each_distribution_of_a_series_carries_its_reference(world: World) -> None:
    terms = PayoutTerms(DistributionType.COUPON, PayoutType.FIXED, Decimal(100), reference="LOAN-3")
    start = await world.runtime.database.clock.now() + timedelta(days=1)
    made = await series.create(world.runtime, world.asset, terms, Calendar(Frequency.DAILY, start))
    async with world.runtime.database.unit_of_work() as work:
        (occurrence,) = await work.distributions.find_of_series(made.id, 10)
    assert (made.reference, occurrence.reference) == ("LOAN-3", "LOAN-3")
