"""What waits for approvals: schedules, series, retries and lists begin with the last one, and are not missed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from approving import ANA, BEN, CREATOR, approve, count_of, run_due, schedule
from masspayout import distributions
from masspayout.automation import series
from masspayout.db.entities import (
    DistributionStatus,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
)
from masspayout.db.repositories import AuditEntries, Distributions
from masspayout.distributions import payout_lists, starts
from masspayout.distributions.csv_import import PayoutList
from masspayout.kernel.errors import ApprovalsMissing, Conflict
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.registers import assets
from payouts import PAYMENT_TOKEN, World

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


async def test_what_is_due_freezes_waits_and_starts_with_the_last_approval(world: World) -> None:
    due = await schedule(world)
    now = datetime.now(UTC) + timedelta(minutes=2)
    assert await run_due(world, now) == 0
    found = await world.find(due.id)
    assert (found.status, found.is_frozen, len(found.holders)) == (DistributionStatus.PENDING, True, 10)
    async with world.runtime.database.unit_of_work() as session:
        assert await Distributions(session).find_pending_scheduled(now) == [], "the scheduler leaves it alone"
        entries = await AuditEntries(session).find()
    assert await run_due(world, now + timedelta(days=400)) == 0
    await approve(world, found, ANA)
    assert await run_due(world, now) == 0
    async with world.runtime.database.unit_of_work() as session:
        assert (await AuditEntries(session).find()).total == entries.total + 1, "waiting leaves no trace"
    await approve(world, found, BEN)
    assert await run_due(world, now) == 1
    assert await world.pay(due.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(due.id)).agrees


async def test_what_waits_can_be_called_off(world: World) -> None:
    due = await schedule(world)
    now = datetime.now(UTC) + timedelta(minutes=2)
    await run_due(world, now)
    found = await world.find(due.id)
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, due.id)
    with pytest.raises(Conflict, match="CANCELLED"):
        await approve(world, found, ANA)
    assert await run_due(world, now) == 0


async def test_occurrences_of_a_series_wait_side_by_side_and_are_not_missed(world: World) -> None:
    runtime = world.runtime
    terms = PayoutTerms(
        type=DistributionType.COUPON,
        payout_type=PayoutType.FIXED,
        amount=Decimal(10),
        execution_type=ExecutionType.RECURRING,
    )
    async with runtime.database.unit_of_work() as session:
        calendar = series.Calendar(Frequency.DAILY, NOW + timedelta(hours=1))
        made = await series.create(runtime, world.asset, terms, calendar, now=NOW)
    for day in range(3):
        await assets.sync(runtime.database, runtime.ledger, world.asset.id)
        assert await run_due(world, NOW + timedelta(days=day, hours=2)) == 0
    async with runtime.database.unit_of_work() as session:
        occurrences = [
            await Distributions(session).get(d.id) for d in await Distributions(session).find_of_series(made.id, 9)
        ]
        next_time = await series.find_next_time(session, made)
    waiting = [occurrence for occurrence in occurrences if occurrence.is_frozen]
    assert [(d.status, d.created_by, d.approvals_required) for d in waiting] == [
        (DistributionStatus.PENDING, CREATOR.person, 2)
    ] * 3
    assert next_time == NOW + timedelta(days=3, hours=1)
    for actor in (ANA, BEN):
        await approve(world, waiting[0], actor)
    assert await run_due(world, NOW + timedelta(days=2, hours=3)) == 1
    assert await world.find_status(waiting[0].id) is DistributionStatus.PROCESSING


async def test_what_waits_for_its_record_time_is_frozen_for_approval_when_it_is_executed(world: World) -> None:
    record_time = datetime.now(UTC)
    runtime = world.runtime
    terms = PayoutTerms(DistributionType.DIVIDEND, PayoutType.FIXED, Decimal(100), record_time=record_time)
    parts = (runtime, world.asset, terms)
    dividend = await distributions.create(*parts, now=record_time - timedelta(hours=1))
    later = datetime.now(UTC)
    with pytest.raises(ApprovalsMissing):
        await starts.execute(runtime, dividend.id, now=later)
    frozen = await world.find(dividend.id)
    assert frozen.is_frozen
    for actor in (ANA, BEN):
        await approve(world, frozen, actor)
    await world.execute(dividend.id)


async def test_what_could_not_start_and_is_retried_waits_too(world: World) -> None:
    due = await schedule(world)
    async with world.runtime.database.unit_of_work() as session:
        assert await Distributions(session).fail_to_start(due.id, "CANNOT_START", "for a test")
    failed = await world.find(due.id)
    runtime, later = world.runtime, datetime.now(UTC) + timedelta(minutes=2)
    with pytest.raises(ApprovalsMissing):
        await starts.retry(runtime, failed.id, now=later)
    frozen = await world.find(due.id)
    assert (frozen.status, frozen.is_frozen) == (DistributionStatus.PENDING, True)
    for actor in (ANA, BEN):
        await approve(world, frozen, actor)
    assert await run_due(world, later) == 1


async def test_a_list_waits_as_everything_else(world: World) -> None:
    runtime = world.runtime
    token = await payout_lists.payment_token(runtime, PAYMENT_TOKEN)
    entries = PayoutList(("0.0.31", "0.0.32"), (5, 7), 12)
    parts = (runtime, world.asset, token)
    made = await payout_lists.create(*parts, entries, PayoutTerms(concept="bonus"))
    assert await count_of(world, made) == ApprovalCount(given=0, required=2)
    with pytest.raises(ApprovalsMissing):
        await world.execute(made.id)
    for actor in (ANA, BEN):
        await approve(world, made, actor)
    await payout_lists.start_or_resume(runtime, made.id)
    assert await world.pay(made.id) is DistributionStatus.COMPLETED
