"""Money that is promised to one payout starts no other."""

import asyncio

import pytest

from masspayout.context import Context
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.distributions import starts
from masspayout.kernel.errors import InsufficientFunds
from payouts import World, accounts, make_runtime

UNIT = 10**6


@pytest.fixture
async def world(runtime: Context) -> World:
    settings = runtime.settings.model_copy(update={"batch_size": 3})
    mine = make_runtime(runtime.database, settings)
    return await World.make(mine, [(account, 100) for account in accounts(9)], funds_units=1500 * UNIT)


async def execute(world: World, distribution: Distribution) -> None:
    """Execute it as another process would, with nothing shared but the database."""
    runtime = world.runtime
    await starts.execute(runtime, distribution.id)


async def test_what_is_promised_to_a_payout_under_way_is_not_there_for_another(world: World) -> None:
    under_way, too_much, just_enough = await world.plan("900"), await world.plan("601"), await world.plan("600")
    await world.execute(under_way.id)
    with pytest.raises(InsufficientFunds, match=r"1,500\.0+ of .*, 900\.0+ of it promised .* 601\.0+ is due: 1\.0+ is"):
        await world.execute(too_much.id)
    await world.execute(just_enough.id)
    for paid in (under_way, just_enough):
        assert await world.pay(paid.id) is DistributionStatus.COMPLETED
    assert await world.find_status(too_much.id) is DistributionStatus.PENDING


async def test_of_payouts_that_begin_at_once_as_many_begin_as_there_is_money_for(world: World) -> None:
    plans = [await world.plan("400") for _ in range(6)]
    results = await asyncio.gather(*(execute(world, plan) for plan in plans), return_exceptions=True)
    errors = [result for result in results if result is not None]
    assert len(errors) == 3
    assert all(isinstance(refusal, InsufficientFunds) for refusal in errors)
    for plan, result in zip(plans, results, strict=True):
        if result is None:
            assert await world.pay(plan.id) is DistributionStatus.COMPLETED


async def test_what_is_stopped_or_over_holds_no_money_back(world: World) -> None:
    """A payout whose last batches wait for a person, and one that everything stopped, have nothing promised."""
    stopped, next_one = await world.plan("900"), await world.plan("1500")
    await world.execute(stopped.id)
    await world.sandbox.admin.freeze([world.runtime.settings.payer_account_id])
    assert await world.pay(stopped.id) is DistributionStatus.FAILED
    await world.sandbox.admin.unfreeze([world.runtime.settings.payer_account_id])
    await world.execute(next_one.id)
    assert await world.pay(next_one.id) is DistributionStatus.COMPLETED
