"""Workers stop in good order, hand over what is left, and say how the work stands."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from procrastinate.jobs import Job
from sqlalchemy import URL

from command_line import environment
from databases import fresh_database, kill_server, migrate, run_sql
from masspayout.context import Context
from masspayout.db import embedded
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import BackgroundWork, BatchPayouts
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.ledger.sandbox import Faults
from masspayout.payments import DistributionPayer
from masspayout.settings import Settings
from masspayout.worker import TryAgain, run_worker
from payouts import World, accounts, make_runtime, make_sandbox
from workers import start_worker

HOLDERS = accounts(600)

# Long enough for everything that a worker does by the clock to come upon it.
OUTAGE_SECONDS = 3


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in HOLDERS])


@pytest.fixture
async def second(world: World) -> AsyncIterator[Context]:
    """Another process's runtime: a worker registers its tasks once."""
    runtime = make_runtime(world.runtime.database, world.runtime.settings)
    yield runtime
    await runtime.ledger.close()


@asynccontextmanager
async def working(runtime: Context) -> AsyncIterator[None]:
    """Run a worker meanwhile."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(runtime, concurrency=2, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def begin_payout(world: World) -> uuid.UUID:
    small = world.using(batch_size=5)
    dividend = await small.plan("600")
    await small.execute(dividend.id)
    return dividend.id


async def wait_for(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so; only the test's own time limit ends it otherwise."""
    while True:
        if await condition():
            return
        await asyncio.sleep(0.02)


async def some_are_paid(world: World, distribution_id: uuid.UUID) -> bool:
    async with world.runtime.database.unit_of_work() as session:
        return (await BatchPayouts(session).progress(distribution_id)).paid_count >= 20


async def something_is_undecided(url: URL) -> bool:
    return open_attempts(url) > 0


def open_attempts(url: URL) -> int:
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute("SELECT count(*) FROM attempt WHERE status IN ('SIGNED', 'SUBMITTED')").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_told_to_stop_settles_what_it_began_and_hands_over_the_rest(
    world: World, database_url: URL, stop_signal: signal.Signals
) -> None:
    distribution_id = await begin_payout(world)
    world.hold_back(distribution_id, after=60)  # it is not over before the worker can be stopped
    await world.sandbox.admin.set_faults(Faults(lose_answer_percent=20, duplicate_percent=20))
    worker = start_worker(database_url, BATCH_SIZE="5")
    try:
        await wait_for(partial(some_are_paid, world, distribution_id))
        worker.send_signal(stop_signal)
        assert await asyncio.to_thread(worker.wait) == 0
    finally:
        worker.kill()
        worker.wait()

    assert open_attempts(database_url) == 0, "the ledger had decided all that was sent"
    found = await world.find(distribution_id)
    assert found.status is DistributionStatus.PROCESSING
    async with world.runtime.database.unit_of_work() as session:
        status = await BackgroundWork(session).status()
    assert status.jobs.waiting >= 1, "another worker finds a job at once"
    (running,) = status.distributions
    paid_count = sum(bool(holder.paid) for holder in found.holders)
    assert (running.paid, running.failed, running.holders, running.batches) == (paid_count, 0, 600, 120)

    world.hold_back(distribution_id, after=120)
    other = start_worker(database_url, "--until-idle", BATCH_SIZE="5")
    assert await asyncio.to_thread(other.wait) == 0
    assert await world.find_status(distribution_id) is DistributionStatus.COMPLETED
    verdict = await world.reconcile(distribution_id)
    assert (verdict.agrees, verdict.paid_count) == (True, 600)


async def test_a_worker_leaves_open_what_the_ledger_has_not_decided(world: World, database_url: URL) -> None:
    distribution_id = await begin_payout(world)
    await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))
    worker = start_worker(database_url, BATCH_SIZE="5")
    try:
        await wait_for(partial(something_is_undecided, database_url))
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait) == 0
    finally:
        worker.kill()
        worker.wait()
    assert open_attempts(database_url) > 0

    await world.sandbox.admin.set_faults(Faults())
    assert await asyncio.to_thread(start_worker(database_url, "--until-idle", BATCH_SIZE="5").wait) == 0
    assert await world.find_status(distribution_id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(distribution_id)).agrees


async def test_a_worker_on_another_ledger_leaves_a_payout_alone_and_says_so(
    world: World, database_url: URL, embedded_server: URL, caplog: pytest.LogCaptureFixture
) -> None:
    distribution_id = await begin_payout(world)
    with fresh_database(embedded_server) as url:
        another = make_runtime(world.runtime.database, world.runtime.settings)
        another = replace(another, ledger=make_sandbox(url, world.runtime.settings))
        await run_worker(another, concurrency=2, until_idle=True)
        await another.ledger.close()

    assert open_attempts(database_url) == 0
    assert await world.find_status(distribution_id) is DistributionStatus.PROCESSING
    async with world.runtime.database.unit_of_work() as session:
        jobs = (await BackgroundWork(session).status()).jobs
    assert (jobs.waiting, jobs.failed) == (0, 0)
    alarms = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"Payout {distribution_id} began on the ledger {await world.sandbox.identity()}" in "".join(alarms)

    assert await asyncio.to_thread(start_worker(database_url, "--until-idle").wait) == 0
    assert await world.find_status(distribution_id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(distribution_id)).agrees


async def test_an_idle_worker_stops_when_it_is_told_to(world: World, second: Context) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(second, concurrency=2, stop=stop))
    await wait_for(partial(count_workers, world))

    stop.set()
    await running

    assert await count_workers(world) == 0


async def test_a_payout_that_waits_lets_others_have_its_slots(world: World, second: Context) -> None:
    waiting = await begin_payout(world)
    world.hold_back(waiting, after=20)
    async with working(second):
        await wait_for(partial(some_are_paid, world, waiting))
        other = await begin_payout(world)
        await wait_for(partial(is_completed, world, other))
        assert await world.find_status(waiting) is DistributionStatus.PROCESSING
        world.hold_back(waiting, after=1000)
        await wait_for(partial(is_completed, world, waiting))


async def test_a_turn_ends_with_its_time_or_with_the_payout(world: World) -> None:
    runtime = world.runtime
    payer = DistributionPayer(runtime.database, runtime.ledger, runtime.settings)
    payout = await begin_payout(world)
    assert await payer.pay_time_slice(payout, 0) == (DistributionStatus.PROCESSING, 0)
    assert not await some_are_paid(world, payout)
    world.hold_back(payout, after=0)
    assert await payer.pay_time_slice(payout, 5) == (DistributionStatus.PROCESSING, 1)
    world.hold_back(payout, after=1000)
    assert await payer.pay_time_slice(payout, None) == (DistributionStatus.COMPLETED, 0)


async def test_a_worker_outlives_an_outage_of_the_database(server_of_its_own: Path) -> None:
    server = embedded.start(server_of_its_own)
    database = Database(server)
    world = await World.make(make_runtime(database, Settings(_env_file=None)), [(a, 100) for a in HOLDERS])  # type: ignore[call-arg]
    half_way = await begin_payout(world)
    world.hold_back(half_way, after=60)
    worker = start_worker(server, BATCH_SIZE="5")
    try:
        await wait_for(partial(some_are_paid, world, half_way))
        kill_server(server_of_its_own)
        await asyncio.sleep(OUTAGE_SECONDS)
        assert worker.poll() is None
        assert embedded.start(server_of_its_own) == server

        await world.runtime.ledger.close()
        world = World(make_runtime(database, world.runtime.settings), world.asset)
        world.hold_back(half_way, after=120)
        later = await begin_payout(world)
        await wait_for(partial(is_completed, world, later))
        kill_server(server_of_its_own)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait) == 0
    finally:
        worker.kill()
        worker.wait()
    assert embedded.start(server_of_its_own) == server
    await world.runtime.ledger.close()
    world = World(make_runtime(database, world.runtime.settings), world.asset)

    # A job that came upon the outage has failed, and is taken up as from the dead; one that slept through it went on.
    run_sql(server, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    assert await asyncio.to_thread(start_worker(server, "--until-idle", BATCH_SIZE="5").wait) == 0
    for distribution_id in (half_way, later):
        verdict = await world.reconcile(distribution_id)
        assert (verdict.agrees, verdict.paid_count) == (True, 600)
    await world.runtime.ledger.close()
    await database.close()


@pytest.fixture
def server_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a server that a test may kill, with a migrated database."""
    data_dir = tmp_path_factory.mktemp("data")
    migrate(embedded.start(data_dir))
    yield data_dir
    embedded.leave(data_dir)


async def is_completed(world: World, distribution_id: uuid.UUID) -> bool:
    return await world.find_status(distribution_id) is DistributionStatus.COMPLETED


async def count_workers(world: World) -> int:
    async with world.runtime.database.unit_of_work() as session:
        return len((await BackgroundWork(session).status()).workers)


async def test_the_status_of_a_worker_is_shown_while_it_runs(world: World, database_url: URL) -> None:
    await begin_payout(world)
    await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))
    worker = start_worker(database_url, BATCH_SIZE="5")
    try:
        await wait_for(partial(something_is_undecided, database_url))
        asked = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "masspayout", "worker", "status", "--json"],
            env={**os.environ, **environment(database_url)},
            capture_output=True,
            check=True,
        )
    finally:
        worker.terminate()
        assert await asyncio.to_thread(worker.wait) == 0
    status = json.loads(asked.stdout)
    assert [each["jobs"] > 0 for each in status["workers"]] == [True]
    assert status["jobs"]["doing"] >= 1
    (running,) = status["distributions"]
    assert (running["symbol"], running["batches"], running["holders"], running["paid"]) == ("GRB", 120, 600, 0)


async def test_jobs_of_a_dead_worker_are_queued_again_by_one_of_those_that_look(
    world: World, database_url: URL
) -> None:
    await begin_payout(world)
    run_sql(
        database_url,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '1 hour')",
        """
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = (
            SELECT id FROM procrastinate_workers WHERE last_heartbeat < now() - interval '1 minute')
         WHERE id = (SELECT min(id) FROM procrastinate_jobs)
        """,
        """
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = (
            SELECT id FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute')
         WHERE id = (SELECT max(id) FROM procrastinate_jobs)
        """,
    )
    database = world.runtime.database
    async with database.unit_of_work() as first, database.unit_of_work() as second:
        requeued = [await each.background_work.requeue_stalled() for each in (first, second)]
    assert [len(job_ids) for job_ids in requeued] == [1, 0]
    async with database.unit_of_work() as work:
        assert (await work.background_work.status()).jobs.doing == 1
        assert await work.background_work.requeue_stalled() == []


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 1), (3, 8), (5, 20), (9, 20)])
def test_a_failed_job_is_tried_again_soon_however_often_it_failed(attempts: int, seconds: int) -> None:
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="pay_distribution", attempts=attempts)
    decision = TryAgain().get_retry_decision(exception=DatabaseUnavailable("It is away.", "Wait."), job=job)
    assert decision is not None
    assert decision.retry_at is not None
    assert abs((decision.retry_at - datetime.now(UTC)).total_seconds() - seconds) < 1


def test_a_job_that_failed_ten_times_is_left_to_those_who_look_for_unfinished_payouts() -> None:
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="pay_distribution", attempts=10)
    assert TryAgain().get_retry_decision(exception=DatabaseUnavailable("It is away.", "Wait."), job=job) is None
