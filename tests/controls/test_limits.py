"""Limits: nothing begins that is too much, at once or within a day."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from approving import run_due, schedule
from masspayout.db.entities import (
    DistributionStatus,
)
from masspayout.distributions import starts
from masspayout.kernel.errors import LimitExceeded
from masspayout.settings import Settings
from masspayout.settings.control import Amounts
from payouts import PAYMENT_TOKEN, World, accounts


@pytest.mark.parametrize("terms", [{"limit_per_distribution_amount": "100"}])
async def test_more_than_one_payout_may_be_does_not_begin(world: World) -> None:
    await world.execute((await world.plan("100")).id)
    too_much = await world.plan("100.000001")
    with pytest.raises(LimitExceeded, match=r"100\.000001 of 0\.0\.7001, and one payout may be 100 at most"):
        await world.execute(too_much.id)


@pytest.mark.parametrize("terms", [{"limit_per_day_amount": f"{PAYMENT_TOKEN}=250"}])
async def test_payouts_that_begin_at_once_stay_within_the_daily_limit_together(world: World) -> None:
    plans = [await world.plan("100") for _ in range(5)]
    results = await asyncio.gather(*(world.execute(plan.id) for plan in plans), return_exceptions=True)
    assert sum(result is None for result in results) == 2
    assert sum(isinstance(result, LimitExceeded) for result in results) == 3
    started = [await world.find_status(plan.id) for plan in plans]
    assert started.count(DistributionStatus.PROCESSING) == 2
    tomorrow = datetime.now(UTC) + timedelta(hours=24, minutes=1)
    runtime = world.runtime
    (waiting,) = [plan for plan, status in zip(plans, started, strict=True) if status is DistributionStatus.PENDING][:1]
    await starts.execute(runtime, waiting.id, now=tomorrow)


@pytest.mark.parametrize("terms", [{"limit_per_day_amount": "100"}])
async def test_what_is_tried_again_counts_once_a_day(world: World) -> None:
    bad = accounts(10)[3]
    await world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    dividend = await world.plan("100")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await world.sandbox.admin.unfreeze([bad], PAYMENT_TOKEN)
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    with pytest.raises(LimitExceeded, match="24 hours"):
        await world.execute((await world.plan("1")).id)


@pytest.mark.parametrize("terms", [{"limit_per_day_amount": "50"}])
async def test_what_is_due_and_beyond_the_limit_says_so(world: World) -> None:
    due = await schedule(world)
    assert await run_due(world, datetime.now(UTC) + timedelta(minutes=2)) == 0
    found = await world.find(due.id)
    assert (found.status, found.failure_code) == (DistributionStatus.FAILED, "LIMIT_EXCEEDED")


def test_amounts_are_for_every_token_or_for_some() -> None:
    amounts = Amounts(" 100 , 0.0.7=0.5,0xAB=3")
    assert [amounts.of(token) for token in ("0.0.1", "0.0.7", "0xab")] == [Decimal(100), Decimal("0.5"), Decimal(3)]
    assert Amounts("0.0.7=1").of("0.0.8") is None
    assert Amounts(None).of("0.0.8") is None
    for wrong in ("much", "-1", "NaN", "Infinity", "1,2", "=5", "0.0.7=1,0.0.7=2", "0.0.7="):
        with pytest.raises(ValidationError):
            Settings(_env_file=None, limit_per_day_amount=wrong)  # type: ignore[call-arg]
