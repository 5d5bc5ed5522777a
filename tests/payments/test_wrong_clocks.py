"""A worker on a machine whose clock is wrong: it starts nothing, says so, and works when the clock is right again."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from command_line import environment
from masspayout.automation import series
from masspayout.automation.series import Calendar
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.sandbox import Faults
from payouts import World, accounts
from wrong_clocks import WrongMachine, wrong_machine

HOLDERS = [(account, 100) for account in accounts(3)]


def query(url: URL, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return connection.execute(statement).fetchall()


def state_of(url: URL) -> list[tuple[object, ...]]:
    """Return all that a worker that starts something would change."""
    return [
        *query(url, "SELECT id, status, failure_code, scheduled_time FROM distribution ORDER BY id"),
        *query(url, "SELECT id, next_number FROM series ORDER BY id"),
        *query(url, "SELECT account_id, last_number FROM ledger_sequence ORDER BY account_id"),
        *query(url, "SELECT count(*) FROM attempt"),
        *query(url, "SELECT count(*) FROM sandbox.ledger_transaction"),
    ]


@pytest.fixture
async def world(runtime: Context) -> World:
    """A payer that has paid before, a payout that is due in eight minutes, and an hourly one that starts in ten."""
    world = await World.make(runtime, HOLDERS)
    first = await world.plan("3")
    await world.execute(first.id)
    assert await world.pay(first.id) is DistributionStatus.COMPLETED
    now = await runtime.database.clock.now()
    soon = now + timedelta(minutes=8)
    await world.plan("3", execution_type=ExecutionType.SCHEDULED, scheduled_time=soon)
    terms = PayoutTerms(type=DistributionType.DIVIDEND, payout_type=PayoutType.PERCENTAGE, amount=Decimal(3))
    calendar = Calendar(Frequency.HOURLY, now + timedelta(minutes=10), catch_up=timedelta(hours=1))
    await series.create(runtime, world.asset, terms, calendar, now=now)
    return world


async def until(holds: Callable[[], bool]) -> None:
    """Wait; only the test's own time limit ends it otherwise."""
    while not holds():  # noqa: ASYNC110 - it is about other processes
        await asyncio.sleep(0.1)


async def has_looked(machine: WrongMachine) -> None:
    """Wait until a worker has found its clock wrong, as it says once a minute, in each kind of its work."""
    await until(lambda: machine.lines("no jobs are taken: This machine's clock says") > 0)
    await until(lambda: machine.lines("due distributions: This machine's clock says") > 0)


def examine(url: URL, machine: WrongMachine) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "masspayout", "doctor"],
        env={**os.environ, **environment(url), **machine.environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("off", "in_words"),
    [("+10m", "(10 min 0|9 min 5.) s"), ("+26h", "(26 h 0|25 h 59) min"), ("-10m", "(10 min .|9 min 5.) s")],
)
async def test_it_starts_nothing_and_says_so(
    world: World, database_url: URL, tmp_path: Path, off: str, in_words: str
) -> None:
    machine, before = wrong_machine(tmp_path, off), state_of(database_url)
    with machine.worker(database_url):
        await has_looked(machine)
        said = await asyncio.to_thread(examine, database_url, machine)
    assert state_of(database_url) == before
    assert said.returncode == 1
    assert "clocks: This machine's clock says" in said.stdout
    assert re.search(f"they are {in_words} apart", said.stdout)


async def test_it_works_when_its_clock_is_right_again(world: World, database_url: URL, tmp_path: Path) -> None:
    machine = wrong_machine(tmp_path, "+26h")
    planned = await world.plan("3")
    await world.execute(planned.id)
    with machine.worker(database_url):
        await has_looked(machine)
        assert await world.find_status(planned.id) is DistributionStatus.PROCESSING
        machine.set_clock("+0")
        while await world.find_status(planned.id) is not DistributionStatus.COMPLETED:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.1)
    assert query(database_url, "SELECT count(*) FROM distribution WHERE status IN ('PROCESSING', 'FAILED')") == [(0,)]


async def test_another_worker_pays_beside_it(world: World, database_url: URL, tmp_path: Path) -> None:
    machine = wrong_machine(tmp_path, "+26h")
    with machine.worker(database_url):
        await has_looked(machine)
        planned = await world.plan("3")
        await world.execute(planned.id)
        assert await world.pay(planned.id) is DistributionStatus.COMPLETED
    assert query(database_url, "SELECT count(*) FROM distribution WHERE status = 'COMPLETED'") == [(2,)]


async def test_a_clock_that_goes_wrong_amid_a_payout_hands_it_on(
    world: World, database_url: URL, tmp_path: Path
) -> None:
    machine = wrong_machine(tmp_path, "+0")
    await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))
    planned = await world.plan("3")
    await world.execute(planned.id)
    with machine.worker(database_url):
        await until(lambda: query(database_url, "SELECT count(*) FROM attempt WHERE status = 'SUBMITTED'") == [(1,)])
        machine.set_clock("+26h")
        await until(lambda: machine.lines("left to other workers: This machine's clock says") >= 1)
        await world.sandbox.admin.set_faults(Faults())
        assert await world.pay(planned.id) is DistributionStatus.COMPLETED
        machine.set_clock("+0")
        await until(lambda: query(database_url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)])
    assert query(database_url, "SELECT count(*) FROM attempt") == [(2,)]
