"""What stands still or waits holds up nobody else: a process, a ledger, a server that is in a hurry."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import URL

from databases import run_sql
from forgetting import find_one, wait_until
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus, ExecutionType
from masspayout.ledger.port import Ledger, Outcome, Undecided
from masspayout.worker import run_worker
from payouts import PAYMENT_TOKEN, World, accounts
from workers import start_worker

COMPLETED = DistributionStatus.COMPLETED
_IDLE_IN_TRANSACTION = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction' AND state_change < now() - interval '50ms'
"""
_BATCHES = "SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'"
_COMPLETED = "SELECT count(*) FROM distribution WHERE status = 'COMPLETED'"


@pytest.fixture
def workers() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers that a test has started; they are ended after it, whatever state they are in."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for worker in running:
        worker.kill()
        worker.wait()


async def test_a_worker_that_is_stopped_in_a_transaction_keeps_nothing_from_the_others(
    runtime: Context, database_url: URL, workers: list["subprocess.Popen[bytes]"]
) -> None:
    world = (await World.make(runtime, [(account, 100) for account in accounts(300)])).using(batch_size=1)
    dividend = await world.plan("300")
    await world.execute(dividend.id)
    workers += [start_worker(database_url, BATCH_SIZE="1") for _ in range(2)]
    await wait_until(lambda: find_one(database_url, _BATCHES) > 10)
    stopped = workers[0]
    while True:
        stopped.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.1)
        if await asyncio.to_thread(find_one, database_url, _IDLE_IN_TRANSACTION):
            break
        stopped.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.013)
    assert await world.find_status(dividend.id) is DistributionStatus.PROCESSING, "it was over before it was stopped"
    await wait_until(lambda: find_one(database_url, _COMPLETED) == 1)
    stopped.send_signal(signal.SIGCONT)
    verdict = await world.reconcile(dividend.id)
    assert (verdict.agrees, verdict.paid_count) == (True, 300)


class SilentLedger:
    """A ledger that says nothing of one payer's transactions until somebody lets it.

    Attributes:
        asked: How often it was asked about them.
    """

    def __init__(self, ledger: Ledger, payer_account_id: str) -> None:
        self.asked = 0
        self.is_silent = True
        self._ledger = ledger
        self._payer_account_id = payer_account_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        if self.is_silent and transaction_id.startswith(self._payer_account_id):
            self.asked += 1
            return Undecided("It says nothing.")
        return await self._ledger.outcome(transaction_id, signed_bytes)


async def test_a_payout_whose_ledger_is_silent_keeps_no_other_payer_waiting(runtime: Context) -> None:
    """The worker has two slots, and the silent payout wants four."""
    world = (await World.make(runtime, [(account, 100) for account in accounts(100)])).using(batch_size=1)
    silent = await world.plan("100")
    await world.execute(silent.id)
    ledger = SilentLedger(runtime.ledger, runtime.settings.payer_account_id)
    context = Context(runtime.settings, runtime.database, cast("Ledger", ledger), runtime.jobs)
    stop = asyncio.Event()
    working = asyncio.create_task(run_worker(context, concurrency=2, stop=stop))
    try:
        await wait_until(lambda: ledger.asked > 4)
        await world.sandbox.admin.deposit(PAYMENT_TOKEN, 10**9, "0.0.1002")
        healthy = world.using(payer_account_id="0.0.1002")
        of_another = await healthy.plan("100")
        await healthy.execute(of_another.id)
        await wait_until(lambda: find_one(runtime.database.url, _COMPLETED) == 1)
        assert await world.find_status(of_another.id) is COMPLETED
        assert await world.find_status(silent.id) is DistributionStatus.PROCESSING
        ledger.is_silent = False
        await wait_until(lambda: find_one(runtime.database.url, _COMPLETED) == 2)
    finally:
        stop.set()
        await working


async def test_a_server_in_a_hurry_keeps_no_small_payout_from_starting(
    runtime: Context, database_url: URL, workers: list["subprocess.Popen[bytes]"]
) -> None:
    """A freeze of 30,000 holders takes longer than the database's own limit for statements, which is not ours."""
    world = await World.make(runtime, [(account, 100) for account in accounts(30_000)])
    now = await runtime.database.clock.database_now()
    planned = [
        await world.plan(
            amount, execution_type=ExecutionType.SCHEDULED, scheduled_time=now + timedelta(seconds=10 + number)
        )
        for number, amount in enumerate(("30000", "1", "2", "3"))
    ]
    server = database_url.set(database="postgres")
    run_sql(server, f"ALTER DATABASE \"{database_url.database}\" SET statement_timeout = '150ms'")
    workers.append(start_worker(database_url, BATCH_SIZE="10000"))
    started = "SELECT count(*) FROM distribution WHERE executed_at IS NOT NULL"
    await wait_until(lambda: find_one(database_url, started) == len(planned))
