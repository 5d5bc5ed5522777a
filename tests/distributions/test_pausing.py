"""Pauses and what they meet: attempts that are being reserved, starts, schedules, retries, splits."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context as Variables
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approving import run_due, schedule
from forgetting import find_one
from masspayout.app import Payouts
from masspayout.context import Context
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories import AuditEntries
from masspayout.distributions import PauseSubject
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict, Invalid, NotFound, PayoutPaused
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.batch_payouts import DistributionPayer
from payouts import World, accounts

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
ATTEMPTS = "SELECT count(*) FROM attempt"
JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'pay_distribution'"
INSTALLATION = PauseSubject()
OLGA = Actor(ActorKind.USER, id="olga", name="olga")


@pytest.fixture
async def world(runtime: Context) -> World:
    return (await World.make(runtime, [(account, 100) for account in accounts(20)])).using(batch_size=5)


@pytest.fixture
def payouts(world: World) -> Payouts:
    return Payouts(world.runtime)


@pytest.fixture
async def running(world: World) -> Distribution:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    return await world.find(dividend.id)


def of(distribution: Distribution) -> PauseSubject:
    return PauseSubject(distribution_id=distribution.id)


def ask(world: World, query: str) -> int:
    return int(find_one(world.runtime.database.url, query))


async def waiting(world: World, act: Coroutine[Any, Any, Any], outside: Variables) -> "asyncio.Task[Any]":
    """Begin something that has to wait for a lock, outside of this transaction, and return it when it does."""
    task = asyncio.create_task(act, context=outside.copy())
    while not task.done() and not await asyncio.to_thread(ask, world, WAITING):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert not task.done()
    return task


async def test_a_pause_waits_for_the_attempt_that_is_being_reserved_and_none_follows(
    world: World, payouts: Payouts, running: Distribution
) -> None:
    attempts = BatchAttempts(world.runtime.database, world.runtime.ledger, world.runtime.settings)
    await attempts.gate.sync(str(running.payer_account_id))
    gate = attempts.gate.state(str(running.payer_account_id))
    assert gate is not None
    outside = copy_context()
    async with world.runtime.database.unit_of_work() as work:
        batch = await work.claims.claim(running.id, after=0, claim_seconds=60)
        assert batch is not None
        assert await work.claims.attach(batch, batch.id, gate.payer_id)
        pausing = await waiting(world, payouts.pause(of(running), "Stop"), outside)
        following = asyncio.create_task(attempts.claim(running, after=0), context=outside.copy())
        await work.rollback()
    assert (await pausing).has_changed
    for claimed in (await following, await attempts.claim(running, after=0)):
        assert claimed is not None
        assert claimed.is_paused
    assert ask(world, ATTEMPTS) == 0


async def test_an_attempt_that_waits_for_a_pause_sees_it(world: World, payouts: Payouts, running: Distribution) -> None:
    attempts = BatchAttempts(world.runtime.database, world.runtime.ledger, world.runtime.settings)
    await attempts.gate.sync(str(running.payer_account_id))
    outside = copy_context()
    async with world.runtime.database.unit_of_work() as work:
        await work.pauses.lock()
        claiming = await waiting(world, attempts.claim(running, after=0), outside)
        assert await work.pauses.begin(
            running.id,
            None,
            reason="Stop",
            paused_by="USER:olga",
            paused_by_name="olga",
            paused_at=datetime.now(UTC),
        )
    claimed = await claiming
    assert claimed is not None
    assert claimed.is_paused
    assert ask(world, ATTEMPTS) == 0
    assert ask(world, "SELECT count(*) FROM batch_payout WHERE status <> 'PENDING' OR claimed_until > now()") == 0


async def test_a_paused_payout_is_left_and_goes_on_where_it_stopped(
    world: World, payouts: Payouts, running: Distribution
) -> None:
    payer = DistributionPayer(world.runtime.database, world.runtime.ledger, world.runtime.settings)
    with acting_as(OLGA):
        await payouts.pause(of(running), "  The bank\ncalled  ")
    with pytest.raises(PayoutPaused, match=r"is paused by olga: The bank called\.") as raised:
        await payer.pay(running.id)
    assert raised.value.hint == f"Resume it with: masspayout distribution resume {running.id}"
    status = await payouts.status(running.id)
    assert (status.status, status.waits) == (DistributionStatus.PROCESSING, "is paused by olga: The bank called")

    before = ask(world, JOBS)
    with acting_as(OLGA):
        await payouts.resume(of(running))
    assert ask(world, JOBS) == before + 4, "its jobs are enqueued again"
    assert await payer.pay(running.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(running.id)).agrees
    async with world.runtime.database.unit_of_work() as work:
        entries = (await AuditEntries(work).find(subject_id=str(running.id))).items
    recorded = {entry.action: (entry.actor_name, entry.before, entry.after) for entry in entries}
    assert recorded["distribution.paused"] == ("olga", None, {"reason": "The bank called"})
    assert recorded["distribution.resumed"] == ("olga", {"reason": "The bank called", "paused_by": "olga"}, None)


async def test_a_pause_between_the_halves_of_a_batch_releases_it_for_whoever_resumes(
    world: World, payouts: Payouts, running: Distribution
) -> None:
    """The transaction of a bad recipient is split, and a new one would have to be signed for each half."""
    bad = accounts(20)[1]
    await world.sandbox.admin.associate([bad], "0.0.7001")
    await world.sandbox.admin.freeze([bad], "0.0.7001")
    attempts = BatchAttempts(world.runtime.database, world.runtime.ledger, world.runtime.settings)
    claimed = await attempts.claim(running, after=0)
    assert claimed is not None
    await payouts.pause(of(running), "Stop")
    await attempts.pay(claimed)
    assert (claimed.is_paused, ask(world, ATTEMPTS)) == (True, 1)
    with pytest.raises(PayoutPaused):
        await world.pay(running.id)
    assert ask(world, ATTEMPTS) == 1

    await payouts.resume(of(running))
    assert await world.pay(running.id) is DistributionStatus.FAILED
    verdict = await world.reconcile(running.id)
    assert (verdict.agrees, verdict.paid_count) == (True, 19)


async def test_a_payout_whose_last_batch_had_begun_is_completed_during_a_pause(world: World, payouts: Payouts) -> None:
    dividend = await world.using(batch_size=100).plan("1000")
    await world.execute(dividend.id)
    attempts = BatchAttempts(world.runtime.database, world.runtime.ledger, world.runtime.settings)
    claimed = await attempts.claim(await world.find(dividend.id), after=0)
    assert claimed is not None
    await payouts.pause(of(dividend), "")
    await attempts.pay(claimed)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert (await payouts.status(dividend.id)).waits == ""


async def test_only_a_running_payout_can_be_paused(world: World, payouts: Payouts) -> None:
    dividend = await world.plan("1000")
    with pytest.raises(Conflict, match="cannot be paused: it is PENDING"):
        await payouts.pause(of(dividend), "")
    with pytest.raises(NotFound):
        await payouts.pause(PauseSubject(distribution_id=world.asset.id), "")
    with pytest.raises(NotFound):
        await payouts.resume(PauseSubject(distribution_id=world.asset.id))
    with pytest.raises(Invalid, match="1,001 characters"):
        await payouts.pause(INSTALLATION, "x" * 1001)
    assert not (await payouts.resume(of(dividend))).has_changed


@pytest.mark.parametrize("wide", ["asset", "installation"])
async def test_nothing_of_a_paused_asset_or_installation_starts_and_what_fell_due_starts_afterwards(
    world: World, payouts: Payouts, wide: str
) -> None:
    subject = PauseSubject(asset_id=world.asset.id) if wide == "asset" else INSTALLATION
    manual, later = await world.plan("1000"), await schedule(world)
    with acting_as(OLGA):
        assert (await payouts.pause(subject, "An audit")).has_changed
        assert not (await payouts.pause(subject, "Another")).has_changed
    with pytest.raises(PayoutPaused, match=f"is paused with .*{wide} by olga: An audit."):
        await world.execute(manual.id)
    due = datetime.now(UTC) + timedelta(minutes=2)
    assert await run_due(world, due) == 0
    assert await world.find_status(later.id) is DistributionStatus.PENDING
    assert (await payouts.status(manual.id)).waits.startswith("is paused with ")
    assert [pause.reason for pause, _ in await payouts.list_pauses()] == ["An audit"]

    assert (await payouts.resume(subject)).has_changed
    assert await run_due(world, due) == 1
    await world.execute(manual.id)
    assert await world.find_status(manual.id) is DistributionStatus.PROCESSING


async def test_a_pause_of_an_asset_holds_no_other_asset(world: World, payouts: Payouts, running: Distribution) -> None:
    async with world.runtime.database.unit_of_work() as work:
        other = await work.assets.save(
            type(world.asset)(token_id="0.0.5999", name="Other", symbol="OTH", total_supply=1, decimals=0)
        )
    await payouts.pause(PauseSubject(asset_id=other.id), "")
    assert await world.pay(running.id) is DistributionStatus.COMPLETED


async def test_a_payout_that_is_resumed_waits_for_a_wider_pause(
    world: World, payouts: Payouts, running: Distribution
) -> None:
    await payouts.pause(of(running), "Its own")
    await payouts.pause(INSTALLATION, "Everything")
    before = ask(world, JOBS)
    outcome = await payouts.resume(of(running))
    assert outcome.has_changed
    assert outcome.pause is not None
    assert (outcome.pause.reason, str(outcome.pause.next_step)) == (
        "Everything",
        "Resume the installation with: masspayout resume",
    )
    assert ask(world, JOBS) == before, "nothing of it goes on"
    await payouts.resume(INSTALLATION)
    assert ask(world, JOBS) == before + 4


async def test_a_failed_payout_is_not_retried_while_it_is_paused(world: World, payouts: Payouts) -> None:
    frozen = accounts(20)[0]
    await world.sandbox.admin.associate([frozen], "0.0.7001")
    await world.sandbox.admin.freeze([frozen], "0.0.7001")
    dividend = await world.using(batch_size=1).plan("1000")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    await payouts.pause(PauseSubject(asset_id=world.asset.id), "")
    with pytest.raises(PayoutPaused):
        await world.retry(dividend.id)
    await payouts.resume(PauseSubject(asset_id=world.asset.id))
    await world.retry(dividend.id)
