"""Many that fall due at once: what the ledger says is read once for all of them, and each is checked for itself."""

import asyncio
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event

from databases import run_sql
from masspayout.automation import scheduler
from masspayout.automation.scheduler import StartFailure
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Distribution, DistributionStatus, ExecutionType
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.jobs import PAY_DISTRIBUTION
from masspayout.kernel.actors import Actor, ActorKind, acting_as, system
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime
from workers import start_worker

SECOND = timedelta(seconds=1)
DUE = datetime(2031, 3, 31, 9, tzinfo=UTC)
HOLDERS = accounts(3)
PENDING, PROCESSING, FAILED = DistributionStatus.PENDING, DistributionStatus.PROCESSING, DistributionStatus.FAILED

# As many as another program writes at once.
_PLAN = """
    INSERT INTO distribution (id, asset_id, type, execution_type, payout_type, amount, status, scheduled_time,
                              ledger_identity)
    SELECT masspayout_uuid7(), asset.id, 'DIVIDEND', 'SCHEDULED', 'PERCENTAGE', 3, 'PENDING',
           timestamp '{at:%Y-%m-%d %H:%M:%S}', {home}
      FROM asset, generate_series(1, {count})
"""


class CountingLedger:
    """A ledger that counts what it is asked, and has something done at a question."""

    def __init__(self, ledger: SandboxLedger) -> None:
        self.asked: Counter[str] = Counter()
        self.before: dict[tuple[str, int], Callable[[], None]] = {}
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        answer = getattr(self._ledger, name)
        if callable(answer):
            self.asked[name] += 1
            self.before.pop((name, self.asked[name]), lambda: None)()
        return answer


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in HOLDERS])


@pytest.fixture
def ledger(world: World) -> CountingLedger:
    return CountingLedger(world.sandbox)


async def run_due(world: World, now: datetime, ledger: Any = None, *, order_key: bytes = b"") -> int:
    runtime = world.runtime
    with acting_as(system()):
        return await scheduler.run_due(replace(runtime, ledger=ledger or runtime.ledger, order_key=order_key), now)


async def schedule(world: World, count: int, at: datetime = DUE, amount: str = "3") -> list[Distribution]:
    terms: dict[str, Any] = {"execution_type": ExecutionType.SCHEDULED, "scheduled_time": at}
    return [await world.plan(amount, **terms) for _ in range(count)]


async def statuses(world: World, planned: list[Distribution]) -> list[DistributionStatus]:
    return [await world.find_status(each.id) for each in planned]


def query(url: URL, statement: str) -> list[Any]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return connection.execute(statement.encode()).fetchall()


def begun(world: World) -> list[str]:
    """Return what began, in its order."""
    statement = "SELECT subject_id FROM audit_entry WHERE action = 'distribution.executed' ORDER BY number"
    return [row[0] for row in query(world.runtime.database.url, statement)]


async def test_the_register_is_read_once_for_all_of_an_asset_and_the_funds_for_each(
    world: World, ledger: CountingLedger
) -> None:
    planned = await schedule(world, 12)
    assert await run_due(world, DUE, ledger) == 12
    assert (ledger.asked["identity"], ledger.asked["holders"], ledger.asked["token"]) == (1, 1, 1)
    assert ledger.asked["balance_units"] == 12
    for each in planned:
        assert await world.pay(each.id) is DistributionStatus.COMPLETED
        assert (await world.reconcile(each.id)).paid_count == 3


async def test_a_register_that_was_read_before_they_were_due_is_read_again(
    world: World, ledger: CountingLedger
) -> None:
    await schedule(world, 2)
    await schedule(world, 2, DUE + SECOND)
    run_sql(world.runtime.database.url, f"UPDATE asset SET last_synced_at = '{DUE - SECOND:%Y-%m-%d %H:%M:%S}'")
    await world.sandbox.admin.advance((DUE - datetime.now(UTC)).total_seconds() + 5)
    assert await run_due(world, DUE + 10 * SECOND, ledger) == 4
    assert ledger.asked["holders"] == 1


async def test_nobody_looks_for_more_batches_than_were_planned(world: World) -> None:
    (dividend,) = await schedule(world, 1)
    assert await run_due(world, DUE) == 1
    claims: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "UPDATE batch_payout" in statement and "SKIP LOCKED" in statement:
            claims.append(statement)

    engine = world.runtime.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert len(claims) == 1


async def test_each_is_held_against_the_funds_that_those_before_it_left(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in HOLDERS], funds_units=10_000_000)
    planned = await schedule(world, 5)
    assert await run_due(world, DUE) == 3
    assert Counter(await statuses(world, planned)) == {PROCESSING: 3, FAILED: 2}
    failed = [await world.find(each.id) for each in planned if await world.find_status(each.id) is FAILED]
    assert {each.failure_code for each in failed} == {StartFailure.INSUFFICIENT_FUNDS}


async def test_what_was_paid_meanwhile_does_not_count_as_held(runtime: Context) -> None:
    """As when a worker pays what it has started while it starts the next ones."""
    world = await World.make(runtime, [(account, 100) for account in HOLDERS], funds_units=10_000_000)
    first = await schedule(world, 1, amount="8")
    others = await schedule(world, 2, DUE + SECOND)
    ledger = CountingLedger(world.sandbox)

    def pay_first() -> None:
        run_sql(
            world.runtime.database.url,
            "UPDATE sandbox.holding SET balance_units = balance_units - 8000000 "
            f"WHERE account_id = '{runtime.settings.payer_account_id}'",
            f"UPDATE batch_payout SET status = 'PROCESSING' WHERE distribution_id = '{first[0].id}'",
        )

    ledger.before["balance_units", 2] = pay_first
    assert await run_due(world, DUE + SECOND, ledger) == 1
    assert await statuses(world, [*first, *others]) == [PROCESSING, FAILED, FAILED]


@pytest.mark.parametrize("question", ["balance_units", "check_payer"])
async def test_each_looks_itself_whether_its_contract_is_paused(
    world: World, ledger: CountingLedger, question: str
) -> None:
    planned = await schedule(world, 4)
    pause = "UPDATE asset SET contract_paused = true, lifecycle_contract_id = '0.0.8001'"
    ledger.before[question, 3] = lambda: run_sql(world.runtime.database.url, pause)
    assert await run_due(world, DUE, ledger) == 2
    assert Counter(await statuses(world, planned)) == {PROCESSING: 2, FAILED: 2}
    failed = [await world.find(each.id) for each in planned if await world.find_status(each.id) is FAILED]
    assert StartFailure.CONTRACT_PAUSED in {each.failure_code for each in failed}


async def test_each_looks_itself_whether_it_was_called_off(world: World, ledger: CountingLedger) -> None:
    planned = await schedule(world, 3)
    called_off = f"UPDATE distribution SET status = 'CANCELLED' WHERE id = '{planned[1].id}'"
    ledger.before["balance_units", 2] = lambda: run_sql(world.runtime.database.url, called_off)
    assert await run_due(world, DUE, ledger) == 2
    assert await statuses(world, planned) == [PROCESSING, DistributionStatus.CANCELLED, PROCESSING]


async def test_one_statement_of_the_payer_serves_all_that_were_approved(database: Database, settings: Settings) -> None:
    runtime = make_runtime(database, settings.model_copy(update={"approvals_required": 1}))
    world = await World.make(runtime, [(account, 100) for account in HOLDERS])
    planned = await schedule(world, 6)
    assert await run_due(world, DUE) == 0
    with acting_as(Actor(ActorKind.USER, str(uuid.uuid4()), "ana")):
        for each in planned[1:]:
            found = await world.find(each.id)
            await approvals.approve(database, each.id, str(found.register_hash))
    ledger = CountingLedger(world.sandbox)
    assert await run_due(world, DUE + SECOND, ledger) == 5
    assert (ledger.asked["statement"], ledger.asked["balance_units"]) == (1, 5)
    assert await statuses(world, planned) == [PENDING, *[PROCESSING] * 5]
    await runtime.ledger.close()


async def test_each_worker_has_an_order_of_its_own_for_what_is_due_in_the_same_minute(world: World) -> None:
    orders = []
    for order_key in (b"", b"one", b"another"):
        late = await schedule(world, 6, DUE + timedelta(minutes=1))
        early = await schedule(world, 6)
        before = len(begun(world))
        assert await run_due(world, DUE + timedelta(minutes=1), order_key=order_key) == 12
        order = begun(world)[before:]
        ids = [str(each.id) for each in (*early, *late)]
        assert set(order[:6]) == set(ids[:6]), "what is longer overdue comes first"
        orders.append([ids.index(each) for each in order])
    assert orders[0] == list(range(12))
    assert len({tuple(order) for order in orders}) == 3


@pytest.fixture
async def other(world: World) -> AsyncIterator[Context]:
    async with AsyncExitStack() as stack:
        made = make_runtime(Database(world.runtime.database.url), world.runtime.settings)
        stack.push_async_callback(made.ledger.close)
        stack.push_async_callback(made.database.close)
        yield replace(made, order_key=b"other")


async def test_more_than_a_round_takes_at_once_start_once_each(world: World, other: Context) -> None:
    url = world.runtime.database.url
    run_sql(url, _PLAN.format(at=DUE, home="NULL", count=120))
    with acting_as(system()):
        started = await asyncio.gather(run_due(world, DUE), scheduler.run_due(other, DUE))
    assert sum(started) == 120
    assert query(url, "SELECT status, count(*) FROM distribution GROUP BY status") == [("PROCESSING", 120)]
    assert len(set(begun(world))) == len(begun(world)) == 120
    jobs = "SELECT count(*), count(DISTINCT args->>'distribution_id') FROM procrastinate_jobs"
    assert query(url, jobs) == [(120, 120)]


async def test_thousands_that_belong_to_another_ledger_keep_nothing_waiting(
    world: World, ledger: CountingLedger
) -> None:
    url = world.runtime.database.url
    run_sql(url, _PLAN.format(at=DUE, home="'sandbox:another'", count=2100))
    (good,) = await schedule(world, 1, DUE + SECOND)
    assert await run_due(world, DUE + SECOND, ledger) == 1
    assert await world.find_status(good.id) is PROCESSING
    assert query(url, "SELECT status, count(*) FROM distribution GROUP BY status ORDER BY status") == [
        ("PENDING", 2100),
        ("PROCESSING", 1),
    ]
    assert ledger.asked["balance_units"] == 1


async def test_a_row_that_cannot_be_read_keeps_no_other_from_starting(world: World) -> None:
    (bad,), (good,) = await schedule(world, 1), await schedule(world, 1, DUE + SECOND)
    url = world.runtime.database.url
    run_sql(url, f"UPDATE distribution SET created_at = '-infinity' WHERE id = '{bad.id}'")
    assert await run_due(world, DUE + SECOND) == 1
    assert await world.find_status(good.id) is PROCESSING
    ((status, message),) = query(url, f"SELECT status, failure_message FROM distribution WHERE id = '{bad.id}'")
    assert status == FAILED
    assert "timestamp too small" in message


async def test_what_starts_has_a_job_and_is_not_taken_up_again(world: World) -> None:
    with_job, lost, ended = await schedule(world, 3)
    assert await run_due(world, DUE) == 3
    by_id = "WHERE args->>'distribution_id' ="
    run_sql(
        world.runtime.database.url,
        f"DELETE FROM procrastinate_jobs {by_id} '{lost.id}'",
        f"UPDATE procrastinate_jobs SET status = 'failed' {by_id} '{ended.id}'",
    )
    async with world.runtime.database.unit_of_work() as work:
        unfinished = await Distributions(work).find_unfinished()
        without_job = await Distributions(work).find_unfinished(without_job=PAY_DISTRIBUTION)
    assert set(unfinished) == {with_job.id, lost.id, ended.id}
    assert set(without_job) == {lost.id, ended.id}


async def test_a_worker_that_is_told_to_stop_amid_many_starts_leaves_each_whole(
    world: World, database_url: URL
) -> None:
    run_sql(database_url, _PLAN.format(at=datetime.now(UTC) - SECOND, home="NULL", count=400))
    worker = start_worker(database_url)
    try:
        while not begun(world):  # noqa: ASYNC110 - the worker is another process
            await asyncio.sleep(0.02)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait) == 0
    finally:
        worker.kill()
        worker.wait()
    left = "SELECT count(*) FROM distribution WHERE status = 'PENDING' AND frozen_at IS NULL"
    whole = "SELECT count(*) FROM distribution WHERE status <> 'PENDING' AND frozen_at IS NOT NULL"
    ((left_count,),), ((whole_count,),) = query(database_url, left), query(database_url, whole)
    assert (left_count + whole_count, whole_count) == (400, len(begun(world)))
    assert left_count > 0, "it did not start all of them first"
