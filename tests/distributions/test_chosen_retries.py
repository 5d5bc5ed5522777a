"""Some of the unpaid are tried again, and the others stay as they are: still nobody is paid twice, nobody forgotten."""

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal

import pytest

from masspayout.context import Context
from masspayout.db.entities import BatchStatus, Distribution, DistributionStatus
from masspayout.distributions import starts
from masspayout.distributions.starts import Chosen
from masspayout.kernel.errors import Conflict, InsufficientFunds, Invalid
from masspayout.ledger.sandbox import Faults
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts

COUNT = 40
FROZEN = accounts(COUNT)[3:15:3]  # four, in the first two batches
STRANGERS = accounts(COUNT)[20:26]  # six who never associated the payment token, in the third
UNPAID = sorted([*FROZEN, *STRANGERS])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_size": 10})


@pytest.fixture
async def world(runtime: Context) -> World:
    world = await World.make(runtime, [(account, 100) for account in accounts(COUNT)], funds_units=400_000_000)
    await world.sandbox.admin.freeze(FROZEN, PAYMENT_TOKEN)
    await world.sandbox.admin.dissociate(STRANGERS, PAYMENT_TOKEN)
    return world


@pytest.fixture
async def dividend(world: World) -> Distribution:
    """A dividend that four frozen accounts and six without the token did not get."""
    dividend = await world.plan("400")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    assert await unpaid(world, dividend) == UNPAID
    return dividend


async def retry(world: World, dividend: Distribution, **chosen: object) -> None:
    runtime = world.runtime
    await starts.retry(runtime, dividend.id, chosen=Chosen(**chosen))  # type: ignore[arg-type]


async def fix(world: World, accounts: Sequence[str]) -> None:
    await world.sandbox.admin.associate(accounts, PAYMENT_TOKEN)
    await world.sandbox.admin.unfreeze(accounts, PAYMENT_TOKEN)


async def unpaid(world: World, dividend: Distribution) -> list[str]:
    return sorted(holder.account_id for holder in (await world.find(dividend.id)).holders if not holder.paid)


async def require_sound(world: World, dividend: Distribution, *, paid_count: int) -> None:
    """Require that ledger, holders and the batches' counters all say the same."""
    verdict = await world.reconcile(dividend.id)
    assert verdict.agrees
    assert verdict.paid_count == verdict.ledger_count == paid_count
    found = await world.find(dividend.id)
    for batch in found.batches:
        mine = [holder for holder in found.holders if holder.batch_number == batch.batch_number]
        paid = [holder.payment_amount or Decimal(0) for holder in mine if holder.paid]
        assert (batch.successful_payments, batch.failed_payments) == (len(paid), len(mine) - len(paid))
        assert batch.paid_amount == sum(paid)
        assert batch.status is (BatchStatus.COMPLETED if len(paid) == len(mine) else BatchStatus.FAILED)
    assert all(holder.failure_code for holder in found.holders if not holder.paid)


async def test_only_the_accounts_chosen_are_paid(world: World, dividend: Distribution) -> None:
    await fix(world, UNPAID)
    await retry(world, dividend, accounts=[FROZEN[0], STRANGERS[2]])
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    assert await unpaid(world, dividend) == sorted(set(UNPAID) - {FROZEN[0], STRANGERS[2]})
    await require_sound(world, dividend, paid_count=COUNT - 8)


async def test_only_those_with_the_reason_chosen_are_paid_and_then_the_others(
    world: World, dividend: Distribution
) -> None:
    await fix(world, UNPAID)
    await retry(world, dividend, failure_code="ACCOUNT_FROZEN_FOR_TOKEN")
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    assert await unpaid(world, dividend) == sorted(STRANGERS)
    await require_sound(world, dividend, paid_count=COUNT - len(STRANGERS))
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    await require_sound(world, dividend, paid_count=COUNT)


async def test_a_chosen_account_that_fails_again_keeps_its_reason_and_spoils_nothing(
    world: World, dividend: Distribution
) -> None:
    await fix(world, FROZEN[:1])
    await retry(world, dividend, accounts=FROZEN)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    assert await unpaid(world, dividend) == sorted(set(UNPAID) - {FROZEN[0]})
    await require_sound(world, dividend, paid_count=COUNT - 9)


async def test_who_is_paid_or_unknown_cannot_be_chosen_and_nothing_begins(world: World, dividend: Distribution) -> None:
    with pytest.raises(Invalid, match=r"2 of the accounts .* not among the unpaid .*: 0\.0\.20000, 0\.0\.1\."):
        await retry(world, dividend, accounts=[accounts(COUNT)[0], FROZEN[0], "0.0.1"])
    with pytest.raises(Conflict, match="None of the selected holders"):
        await retry(world, dividend, accounts=[])
    with pytest.raises(Conflict, match="None of the selected holders"):
        await retry(world, dividend, failure_code="ACCOUNT_DELETED")
    assert await world.find_status(dividend.id) is DistributionStatus.FAILED
    await require_sound(world, dividend, paid_count=COUNT - len(UNPAID))


async def test_the_payer_needs_no_more_than_what_the_chosen_are_owed(world: World, dividend: Distribution) -> None:
    # 100 of 400 are left. Another dividend, of which the same ten get nothing either, leaves 25.
    other = await world.plan("100")
    await world.execute(other.id)
    await world.pay(other.id)
    with pytest.raises(InsufficientFunds, match=r"25\.0+ of .* 30\.0+ is due"):
        await retry(world, dividend, accounts=STRANGERS[:3])
    await fix(world, STRANGERS)
    await retry(world, dividend, accounts=STRANGERS[:2])
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await require_sound(world, dividend, paid_count=COUNT - 8)


async def test_what_concerns_everybody_midway_leaves_a_reason_on_everybody_chosen(
    world: World, dividend: Distribution
) -> None:
    await fix(world, UNPAID)
    await retry(world, dividend, accounts=[FROZEN[0], *STRANGERS])
    await world.sandbox.admin.set_paused(PAYMENT_TOKEN, paused=True)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await world.sandbox.admin.set_paused(PAYMENT_TOKEN, paused=False)
    assert await unpaid(world, dividend) == UNPAID
    await require_sound(world, dividend, paid_count=COUNT - len(UNPAID))
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    await require_sound(world, dividend, paid_count=COUNT)


async def test_retries_that_race_each_other_pay_each_account_once(world: World, dividend: Distribution) -> None:
    await fix(world, UNPAID)
    tries = [
        retry(world, dividend, accounts=FROZEN),
        retry(world, dividend, accounts=[FROZEN[0], *STRANGERS]),
        retry(world, dividend, failure_code="ACCOUNT_FROZEN_FOR_TOKEN"),
        world.retry(dividend.id),
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(result is None for result in results) == 1
    # One that comes later finds its account among those that are being paid, which is no choice either.
    assert all(result is None or isinstance(result, Conflict | Invalid) for result in results)
    await asyncio.gather(*(world.pay(dividend.id) for _ in range(3)))
    await require_sound(world, dividend, paid_count=COUNT - len(await unpaid(world, dividend)))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_chosen_in_whatever_order_on_a_bad_network_everybody_is_paid_once(
    world: World, dividend: Distribution, seed: int
) -> None:
    chance = random.Random(seed)
    await fix(world, UNPAID)
    await world.sandbox.admin.set_faults(Faults(lose_answer_percent=30, duplicate_percent=30))
    left = UNPAID
    while left:
        await retry(world, dividend, accounts=chance.sample(left, chance.randint(1, min(4, len(left)))))
        await asyncio.gather(world.pay(dividend.id), world.pay(dividend.id))
        left = await unpaid(world, dividend)
        await require_sound(world, dividend, paid_count=COUNT - len(left))
    assert await world.find_status(dividend.id) is DistributionStatus.COMPLETED
