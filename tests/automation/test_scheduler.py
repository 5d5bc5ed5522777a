"""What is due starts by itself: once, in time, and after an outage too."""

import asyncio
import random
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

from databases import run_sql
from masspayout import distributions
from masspayout.automation import scheduler
from masspayout.automation.scheduler import StartFailure
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus, ExecutionType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.kernel.errors import Conflict, LedgerUnavailable
from masspayout.ledger.sandbox import Faults, SandboxLedger
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime
from workers import start_worker

SECOND = timedelta(seconds=1)
DUE = datetime(2031, 3, 31, 9, tzinfo=UTC)
HOLDERS = accounts(3)

UNDER_WAY = "SELECT count(*) FROM distribution WHERE status = 'PROCESSING'"
EARLY = "SELECT count(*) FROM distribution WHERE executed_at < scheduled_time"


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in HOLDERS])


@pytest.fixture
async def others(world: World) -> AsyncIterator[list[Context]]:
    """Two more processes' worth of connections to the same database and ledger."""
    async with AsyncExitStack() as stack:
        made = [make_runtime(Database(world.runtime.database.url), world.runtime.settings) for _ in range(2)]
        for other in made:
            stack.push_async_callback(other.ledger.close)
            stack.push_async_callback(other.database.close)
        yield made


async def run_due(runtime: Context, now: datetime, ledger: Any = None) -> int:
    return await scheduler.run_due(replace(runtime, ledger=ledger or runtime.ledger), now)


async def cancel(world: World, distribution: Any) -> None:
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, distribution.id)


async def retry(world: World, distribution_id: uuid.UUID) -> None:
    runtime = world.runtime
    await starts.retry(runtime, distribution_id, now=DUE + SECOND)


def query(url: URL, statement: str) -> list[Any]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return connection.execute(statement).fetchall()


def jobs_by_distribution(url: URL) -> Counter[str]:
    rows = query(url, "SELECT args->>'distribution_id' FROM procrastinate_jobs WHERE task_name = 'pay_distribution'")
    return Counter(row[0] for row in rows)


async def test_it_starts_at_its_second_and_not_before(world: World) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    assert not dividend.is_frozen
    assert await run_due(world.runtime, DUE - SECOND) == 0
    assert await run_due(world.runtime, DUE) == 1
    assert await run_due(world.runtime, DUE + SECOND) == 0
    found = await world.find(dividend.id)
    assert (found.status, found.executed_at) == (DistributionStatus.PROCESSING, DUE)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(dividend.id)).paid_count == 3


async def test_it_takes_the_balances_of_when_it_is_due(world: World) -> None:
    late = "0.0.31337"
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    await world.sandbox.admin.deposit(world.asset.token_id, 300, late)
    await run_due(world.runtime, DUE)
    shares = {h.account_id: h.payment_amount for h in (await world.find(dividend.id)).holders}
    assert shares == {
        late: Decimal(500),
        **dict.fromkeys(HOLDERS[:2], Decimal("166.666667")),
        HOLDERS[2]: Decimal("166.666666"),
    }


async def test_by_hand_it_does_not_start_early(world: World) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    with pytest.raises(Conflict, match="is not due before 2031-03-31 09:00:00 UTC"):
        await world.execute(dividend.id)
    assert (await world.find(dividend.id)).status is DistributionStatus.PENDING


async def test_what_was_cancelled_does_not_start(world: World) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    await cancel(world, dividend)
    assert await run_due(world.runtime, DUE) == 0
    assert (await world.find(dividend.id)).status is DistributionStatus.CANCELLED


async def test_short_of_funds_it_fails_and_a_retry_pays_it(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in HOLDERS], funds_units=5)
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    assert await run_due(runtime, DUE) == 0
    found = await world.find(dividend.id)
    assert (found.status, found.failure_code) == (DistributionStatus.FAILED, StartFailure.INSUFFICIENT_FUNDS)
    assert "holds 0.000005 of 0.0.7001, but 1,000.000000 is due" in str(found.failure_message)
    assert (found.is_frozen, found.holders) == (False, [])

    with pytest.raises(Conflict, match="is missing"):
        await retry(world, dividend.id)
    assert (await world.find(dividend.id)).failure_code == StartFailure.INSUFFICIENT_FUNDS
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 10**12, runtime.settings.payer_account_id)
    await retry(world, dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert (await world.find(dividend.id)).failure_code is None


async def test_with_nobody_to_pay_it_fails(world: World) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE, excluded_accounts=HOLDERS)
    await run_due(world.runtime, DUE)
    found = await world.find(dividend.id)
    assert (found.status, found.failure_code) == (DistributionStatus.FAILED, StartFailure.NOBODY_ELIGIBLE)


async def test_under_a_paused_contract_it_fails(world: World) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    run_sql(world.runtime.database.url, "UPDATE asset SET contract_paused = true, lifecycle_contract_id = '0.0.8001'")
    await run_due(world.runtime, DUE)
    found = await world.find(dividend.id)
    assert (found.status, found.failure_code) == (DistributionStatus.FAILED, StartFailure.CONTRACT_PAUSED)
    assert "The contract 0.0.8001 of 0.0.5001 is paused" in str(found.failure_message)


async def test_one_that_cannot_start_does_not_hold_up_the_others(world: World) -> None:
    terms: dict[str, Any] = {"execution_type": ExecutionType.SCHEDULED}
    bad = await world.plan(**terms, scheduled_time=DUE, excluded_accounts=HOLDERS)
    good = await world.plan(**terms, scheduled_time=DUE + SECOND)
    assert await run_due(world.runtime, DUE + SECOND) == 1
    assert await world.find_status(bad.id) is DistributionStatus.FAILED
    assert await world.find_status(good.id) is DistributionStatus.PROCESSING


class AwayLedger:
    """The ledger while it cannot be reached: to read holders, or to ask for a balance."""

    def __init__(self, ledger: SandboxLedger, broken: str) -> None:
        self._ledger = ledger
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        if name == self._broken:
            raise LedgerUnavailable("The ledger cannot be reached.")
        return getattr(self._ledger, name)


@pytest.mark.parametrize("call", ["holders", "balance_units"])
async def test_while_the_ledger_is_away_it_waits(world: World, call: str) -> None:
    dividend = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    assert await run_due(world.runtime, DUE, AwayLedger(world.sandbox, call)) == 0
    found = await world.find(dividend.id)
    assert (found.status, found.is_frozen, found.failure_code) == (DistributionStatus.PENDING, False, None)
    assert await run_due(world.runtime, DUE + SECOND) == 1


async def test_of_many_schedulers_one_starts_each(world: World, others: list[Context]) -> None:
    terms: dict[str, Any] = {"execution_type": ExecutionType.SCHEDULED}
    planned = [await world.plan("1", **terms, scheduled_time=DUE + SECOND * (n % 4)) for n in range(24)]
    schedulers = [world.runtime, *others]
    started = 0
    for second in range(-1, 5):
        now = DUE + SECOND * second
        started += sum(await asyncio.gather(*(run_due(each, now) for each in schedulers)))
        begun = query(world.runtime.database.url, "SELECT count(*) FROM distribution WHERE status = 'PROCESSING'")
        assert begun == [(min(24, 6 * (second + 1)),)]
    assert started == 24
    assert jobs_by_distribution(world.runtime.database.url) == Counter(str(each.id) for each in planned)
    assert query(world.runtime.database.url, EARLY) == [(0,)]


async def test_against_a_cancellation_one_wins(world: World, others: list[Context]) -> None:
    for _ in range(8):
        dividend = await world.plan("1", execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
        results = await asyncio.gather(
            cancel(world, dividend), *(run_due(other, DUE) for other in others), return_exceptions=True
        )
        cancelled, *started = results
        status = await world.find_status(dividend.id)
        if cancelled is None:
            assert (status, started) == (DistributionStatus.CANCELLED, [0, 0])
        else:
            assert isinstance(cancelled, Conflict)
            assert (status, Counter(started)) == (DistributionStatus.PROCESSING, {0: 1, 1: 1})


async def schedule(world: World, count: int) -> None:
    """Plan small dividends, of which a few fall due each second from the next one on, however long planning takes."""
    for _ in range(count):
        await world.plan("3", execution_type=ExecutionType.SCHEDULED, scheduled_time=DUE)
    run_sql(
        world.runtime.database.url,
        f"""
        UPDATE distribution SET scheduled_time = now() + interval '1 second' * (1 + numbered.number / 20)
          FROM (SELECT id, row_number() OVER () - 1 AS number FROM distribution WHERE scheduled_time = '{DUE}')
               AS numbered
         WHERE distribution.id = numbered.id
        """,
    )


async def until_all_are(world: World, status: DistributionStatus) -> None:
    """Wait until nothing is in any other state; only the test's own time limit ends it otherwise."""
    while True:
        async with world.runtime.database.unit_of_work() as session:
            found = await Distributions(session).find_of_asset(world.asset.id, status, 1, 1)
            everything = await Distributions(session).find_of_asset(world.asset.id, None, 1, 1)
        if found.total == everything.total:
            return
        await asyncio.sleep(0.2)


async def until_something_is_under_way(url: URL) -> None:
    while query(url, UNDER_WAY) == [(0,)]:  # noqa: ASYNC110 - the workers are other processes
        await asyncio.sleep(0.02)


def received_units(url: URL) -> dict[str, int]:
    """Return what the sandbox's own books say that the holders got of the payment token."""
    accounts_of_holders = "', '".join(HOLDERS)
    statement = f"""
        SELECT account_id, balance_units FROM sandbox.holding
         WHERE token_id = '{PAYMENT_TOKEN}' AND account_id IN ('{accounts_of_holders}')
    """
    return {account_id: int(units) for account_id, units in query(url, statement)}


async def test_a_worker_pays_it_with_nobody_touching_it(world: World, database_url: URL) -> None:
    worker = start_worker(database_url, "--concurrency", "4")
    try:
        await schedule(world, 1)
        await until_all_are(world, DistributionStatus.COMPLETED)
    finally:
        worker.terminate()
        worker.wait()
    assert query(database_url, EARLY) == [(0,)]
    assert received_units(database_url) == dict.fromkeys(HOLDERS, 1_000_000)


@pytest.mark.longest
@pytest.mark.timeout(600)
async def test_killed_workers_pay_everybody_of_everything_once_and_not_early(world: World, database_url: URL) -> None:
    chance = random.Random(11)
    workers = [start_worker(database_url, "--concurrency", "4") for _ in range(3)]
    try:
        await schedule(world, 120)
        for kill in range(8):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            if kill >= 4:  # amid payments, and not after all of them: they go on once one of them is seen
                await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))
                await schedule(world, 20)
                await until_something_is_under_way(database_url)
                await world.sandbox.admin.set_faults(Faults())
            victim = chance.randrange(3)
            workers[victim].send_signal(signal.SIGKILL)
            await asyncio.to_thread(workers[victim].wait)
            workers[victim] = start_worker(database_url, "--concurrency", "4")
        await until_all_are(world, DistributionStatus.COMPLETED)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert query(database_url, EARLY) == [(0,)]
    assert received_units(database_url) == dict.fromkeys(HOLDERS, (120 + 4 * 20) * 1_000_000)
