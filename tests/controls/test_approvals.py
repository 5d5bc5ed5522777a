"""Four eyes and limits: nothing begins that not enough others approved of, or that is too much."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from databases import run_sql
from masspayout import audit, distributions
from masspayout.automation import scheduler, series
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.entities import (
    Distribution,
    DistributionStatus,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
)
from masspayout.db.repositories import Approvals, AuditEntries, Distributions
from masspayout.db.session import Database
from masspayout.distributions import payout_lists, starts
from masspayout.distributions.csv_import import PayoutList
from masspayout.kernel.actors import SYSTEM, Actor, ActorKind, acting_as
from masspayout.kernel.errors import ApprovalsMissing, Conflict, LimitExceeded
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.registers import assets
from masspayout.settings import Settings
from masspayout.settings.control import Amounts
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime

CREATOR, ANA, BEN, CLEO = (Actor(ActorKind.USER, str(n), name) for n, name in enumerate(["dora", "ana", "ben", "cleo"]))
NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def terms() -> dict[str, Any]:
    """What is set; a test's own parametrisation may say otherwise."""
    return {"approvals_required": 2}


@pytest.fixture
async def world(database: Database, settings: Settings, terms: dict[str, Any]) -> AsyncIterator[World]:
    runtime = make_runtime(database, settings.model_copy(update=terms))
    with acting_as(CREATOR):
        yield await World.make(runtime, [(account, 100) for account in accounts(10)])
    await runtime.ledger.close()


async def approve(
    world: World, distribution: Distribution, actor: Actor, register_hash: str | None = None
) -> ApprovalCount:
    with acting_as(actor):
        seen = register_hash or str(distribution.register_hash)
        return await approvals.approve(world.runtime.database, distribution.id, seen)


async def run_due(world: World, now: datetime) -> int:
    runtime = world.runtime
    with acting_as(SYSTEM):
        return await scheduler.run_due(runtime, now)


async def count_of(world: World, distribution: Distribution) -> ApprovalCount | None:
    async with world.runtime.database.unit_of_work() as session:
        return (await Approvals(session).counts([distribution.id])).get(distribution.id)


async def test_paying_begins_when_enough_others_have_approved(world: World) -> None:
    dividend = await world.plan("100")
    assert (dividend.created_by, dividend.created_by_name) == (CREATOR.person, "dora")
    assert await count_of(world, dividend) == ApprovalCount(given=0, required=2)
    with pytest.raises(ApprovalsMissing, match=r"waits for 2 of 2 approvals.*distribution approve"):
        await world.execute(dividend.id)

    assert not (await approve(world, dividend, ANA)).is_complete
    with pytest.raises(ApprovalsMissing, match="waits for 1 of 2 approvals"):
        await world.execute(dividend.id)
    assert (await approve(world, dividend, BEN)).is_complete
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED

    async with world.runtime.database.unit_of_work() as session:
        given = await Approvals(session).find_of_distribution(dividend.id)
        trail = (await AuditEntries(session).find(action="distribution.approved")).items
    assert [approval.actor_name for approval in given] == ["ana", "ben"]
    assert [(entry.actor_name, (entry.after or {})["register_hash"]) for entry in trail] == [
        ("ben", dividend.register_hash),
        ("ana", dividend.register_hash),
    ]


async def test_the_creator_approves_in_no_guise(world: World) -> None:
    dividend = await world.plan("100")
    token_of_creator = Actor(ActorKind.TOKEN, "77", "nightly", owner_id=CREATOR.id)
    for guise in (CREATOR, token_of_creator):
        with pytest.raises(Conflict, match="created by you"):
            await approve(world, dividend, guise)
    with pytest.raises(Conflict, match="only people approve"):
        await approve(world, dividend, SYSTEM)
    assert await count_of(world, dividend) == ApprovalCount(given=0, required=2)


async def test_everybody_counts_once_in_whatever_guise(world: World) -> None:
    dividend = await world.plan("100")
    await approve(world, dividend, ANA)
    for again in (ANA, Actor(ActorKind.TOKEN, "78", "anas token", owner_id=ANA.id)):
        with pytest.raises(Conflict, match="before"):
            await approve(world, dividend, again)
    results = await asyncio.gather(*(approve(world, dividend, BEN) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, ApprovalCount) for result in results) == 1
    assert await count_of(world, dividend) == ApprovalCount(given=2, required=2)


async def test_what_is_approved_is_what_was_seen(world: World) -> None:
    dividend, other = await world.plan("100"), await world.plan("200")
    with pytest.raises(Conflict, match="does not match"):
        await approve(world, dividend, ANA, str(other.register_hash))
    waiting = await world.plan("100", record_time=datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(Conflict, match="not frozen yet"):
        await approve(world, waiting, ANA, "0" * 64)
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, other.id)
    with pytest.raises(Conflict, match="CANCELLED"):
        await approve(world, other, ANA)


CHANGES = {
    "register_hash": "UPDATE distribution SET register_hash = repeat('a', 64)",
    "payer": "UPDATE distribution SET payer_account_id = '0.0.666'",
    "payment token": "UPDATE distribution SET payment_token_id = '0.0.666'",
    "total": "UPDATE distribution SET total_amount = 1",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_changes_afterwards_voids_approvals_which_can_be_given_anew(world: World, change: str) -> None:
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    await asyncio.to_thread(run_sql, world.runtime.database.url, CHANGES[change])
    with pytest.raises(ApprovalsMissing, match="waits for 2 of 2"):
        await world.execute(dividend.id)
    changed = await world.find(dividend.id)
    assert (await approve(world, changed, ANA)).given == 1


async def test_entitlements_that_were_changed_in_the_database_are_not_paid(world: World) -> None:
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    theft = "UPDATE holder SET account_id = '0.0.666' WHERE distribution_id IS NOT NULL AND account_id = '0.0.20003'"
    await asyncio.to_thread(run_sql, world.runtime.database.url, theft)
    with pytest.raises(Conflict, match="not those that were approved"):
        await world.execute(dividend.id)
    assert await world.find_status(dividend.id) is DistributionStatus.PENDING


async def test_approvals_and_starts_that_meet_never_pay_unapproved(world: World) -> None:
    dividend = await world.plan("100")
    await approve(world, dividend, ANA)
    results = await asyncio.gather(
        *(world.execute(dividend.id) for _ in range(3)), approve(world, dividend, BEN), return_exceptions=True
    )
    began = [result for result in results[:3] if result is None]
    assert len(began) <= 1
    assert all(isinstance(result, Conflict) for result in results[:3] if result is not None)
    if not began:
        await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_a_retry_needs_no_new_approvals(world: World) -> None:
    bad = accounts(10)[3]
    await world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    dividend = await world.plan("100")
    for actor in (ANA, BEN):
        await approve(world, dividend, actor)
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await world.sandbox.admin.unfreeze([bad], PAYMENT_TOKEN)
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_what_failed_before_approvals_were_asked_for_is_retried_with_them(
    database: Database, settings: Settings
) -> None:
    easy = make_runtime(database, settings)
    world = await World.make(easy, [(account, 100) for account in accounts(3)])
    await world.sandbox.admin.associate([accounts(3)[0]], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([accounts(3)[0]], PAYMENT_TOKEN)
    dividend = await world.plan("9")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    strict = World(
        Context(settings.model_copy(update={"approvals_required": 1}), database, easy.ledger, easy.jobs), world.asset
    )
    with pytest.raises(ApprovalsMissing):
        await strict.retry(dividend.id)
    await approve(strict, dividend, ANA)
    await strict.retry(dividend.id)
    await easy.ledger.close()


async def test_asking_for_less_holds_for_what_is_frozen_from_then_on(world: World) -> None:
    dividend = await world.plan("100")
    lax = World(
        Context(
            world.runtime.settings.model_copy(update={"approvals_required": 0}),
            world.runtime.database,
            world.runtime.ledger,
            world.runtime.jobs,
        ),
        world.asset,
    )
    with pytest.raises(ApprovalsMissing):
        await lax.execute(dividend.id)
    await lax.execute((await lax.plan("100")).id)


@pytest.mark.parametrize("terms", [{"approvals_required": 1, "approval_threshold_amount": f"5, {PAYMENT_TOKEN}=100"}])
async def test_less_than_the_threshold_needs_no_approval(world: World) -> None:
    await world.execute((await world.plan("99.99")).id)
    at_the_threshold = await world.plan("100")
    with pytest.raises(ApprovalsMissing):
        await world.execute(at_the_threshold.id)


async def schedule(world: World) -> Distribution:
    return await world.plan(
        "100", execution_type=ExecutionType.SCHEDULED, scheduled_time=datetime.now(UTC) + timedelta(minutes=1)
    )


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


async def test_the_trail_of_all_this_holds(world: World) -> None:
    dividend = await world.plan("100")
    await asyncio.gather(*(approve(world, dividend, actor) for actor in (ANA, BEN, CLEO)))
    await world.execute(dividend.id)
    assert (await audit.verify(world.runtime.database)).holds
