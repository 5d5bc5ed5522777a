"""Second thoughts: payouts that are sent back, handed in again, and approvals that are withdrawn."""

import asyncio
from functools import partial

import pytest

from approving import ANA, BEN, CREATOR, approve, count_of, run_due, schedule
from masspayout.app import Payouts
from masspayout.context import Context
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories import AuditEntries
from masspayout.kernel.actors import acting_as
from masspayout.kernel.errors import ApprovalsMissing, Conflict, Invalid
from payouts import World, accounts


@pytest.fixture
async def world(runtime: Context) -> World:
    made = await World.make(runtime, [(account, 100) for account in accounts(3)])
    return made.using(approvals_required=1)


@pytest.fixture
def payouts(world: World) -> Payouts:
    return Payouts(world.runtime)


@pytest.fixture
async def dividend(world: World) -> Distribution:
    with acting_as(CREATOR):
        return await world.plan("1000")


async def actions(world: World, distribution: Distribution) -> list[str]:
    async with world.runtime.database.unit_of_work() as work:
        entries = (await AuditEntries(work).find(subject_id=str(distribution.id))).items
    return [entry.action.removeprefix("distribution.") for entry in reversed(entries)]


async def test_what_is_sent_back_neither_starts_nor_is_approved_until_it_is_handed_in_again(
    world: World, payouts: Payouts, dividend: Distribution
) -> None:
    await approve(world, dividend, ANA)
    with acting_as(BEN):
        await payouts.send_back(dividend.id, " Wrong  record date ")
    count = await count_of(world, dividend)
    assert count is not None
    assert (count.given, count.required) == (0, 1), "its approvals are void"
    status = await payouts.status(dividend.id)
    assert status.waits == "was sent back by ben: Wrong record date"
    with pytest.raises(Conflict, match="was sent back by ben: Wrong record date"):
        await world.execute(dividend.id)
    with pytest.raises(Conflict, match="was sent back by ben") as refused:
        await approve(world, dividend, ANA)
    assert f"masspayout distribution resubmit {dividend.id}" in refused.value.hint
    with pytest.raises(Conflict, match="was sent back by ben"):
        await payouts.send_back(dividend.id, "Again")

    with acting_as(CREATOR):
        await payouts.resubmit(dividend.id)
    with pytest.raises(ApprovalsMissing):
        await world.execute(dividend.id)
    await approve(world, dividend, ANA)
    await world.execute(dividend.id)
    assert await world.find_status(dividend.id) is DistributionStatus.PROCESSING
    assert await actions(world, dividend) == [
        *("created", "frozen", "approved", "sent_back", "resubmitted", "approved", "executed")
    ]


async def test_what_is_sent_back_can_be_cancelled(world: World, payouts: Payouts, dividend: Distribution) -> None:
    await payouts.send_back(dividend.id, "Not this year")
    await payouts.cancel(dividend.id)
    assert (await payouts.status(dividend.id)).waits == ""
    with pytest.raises(Conflict, match="cannot be handed in again: it is CANCELLED"):
        await payouts.resubmit(dividend.id)


async def test_a_scheduled_one_that_was_sent_back_starts_after_it_was_handed_in_and_approved(
    world: World, payouts: Payouts
) -> None:
    with acting_as(CREATOR):
        later = await schedule(world)
    assert later.scheduled_time is not None
    assert await run_due(world, later.scheduled_time) == 0
    later = await world.find(later.id)
    assert later.is_frozen
    await payouts.send_back(later.id, "Wait")
    assert await run_due(world, later.scheduled_time) == 0  # type: ignore[arg-type]
    await payouts.resubmit(later.id)
    await approve(world, later, ANA)
    assert await run_due(world, later.scheduled_time) == 1  # type: ignore[arg-type]


async def test_only_what_waits_for_approval_is_sent_back_and_only_for_a_reason(
    world: World, payouts: Payouts, dividend: Distribution
) -> None:
    with pytest.raises(Invalid, match="none was given"):
        await payouts.send_back(dividend.id, "  ")
    with pytest.raises(Conflict, match="was not sent back"):
        await payouts.resubmit(dividend.id)
    free = await world.using(approvals_required=0).plan("10")
    with pytest.raises(Conflict, match="waits for no approval"):
        await payouts.send_back(free.id, "Why not")
    await approve(world, dividend, ANA)
    await world.execute(dividend.id)
    with pytest.raises(Conflict, match="cannot be sent back: it is PROCESSING"):
        await payouts.send_back(dividend.id, "Too late")


async def test_an_approval_is_withdrawn_before_the_start_by_who_gave_it(
    world: World, payouts: Payouts, dividend: Distribution
) -> None:
    await approve(world, dividend, ANA)
    with acting_as(BEN), pytest.raises(Conflict, match="You have not approved"):
        await payouts.withdraw_approval(dividend.id)
    with acting_as(ANA):
        count = await payouts.withdraw_approval(dividend.id)
    assert (count.given, count.required) == (0, 1)
    with pytest.raises(ApprovalsMissing):
        await world.execute(dividend.id)
    await approve(world, dividend, ANA)
    await world.execute(dividend.id)
    with acting_as(ANA), pytest.raises(Conflict, match="cannot be withdrawn any more") as refused:
        await payouts.withdraw_approval(dividend.id)
    assert refused.value.hint == f"Pause it with: masspayout distribution pause {dividend.id}"
    assert await actions(world, dividend) == [
        *("created", "frozen", "approved", "approval_withdrawn", "approved", "executed")
    ]


@pytest.mark.parametrize("second_thought", ["withdraw", "send back"])
async def test_of_a_start_and_a_second_thought_at_once_one_finds_what_the_other_did(
    world: World, payouts: Payouts, second_thought: str
) -> None:
    for _ in range(10):
        with acting_as(CREATOR):
            dividend = await world.plan("1")
        await approve(world, dividend, ANA)
        with acting_as(ANA):
            withdraws = second_thought == "withdraw"
            thinking = payouts.withdraw_approval if withdraws else partial(payouts.send_back, reason="Stop")
            outcomes = await asyncio.gather(thinking(dividend.id), world.execute(dividend.id), return_exceptions=True)
        failed = [isinstance(outcome, Conflict) for outcome in outcomes]
        assert sorted(failed) == [False, True], outcomes
        started = await world.find_status(dividend.id) is DistributionStatus.PROCESSING
        assert started is failed[0]
