"""Nobody is paid twice and nobody is forgotten, wherever a process dies.

The first test dies at every side effect there is, one after the other. The second kills real workers at random.
"""

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import URL

import crashes
from databases import fresh_database
from masspayout.db.entities import AttemptStatus, BatchStatus, DistributionStatus
from masspayout.db.repositories import Assets
from masspayout.db.session import Database, connect_arguments
from masspayout.ledger.sandbox import Faults
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts, make_runtime

HOLDERS = accounts(120)
BAD = {HOLDERS[26]: "ACCOUNT_FROZEN_FOR_TOKEN", HOLDERS[45]: "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"}
TOTAL = Decimal(1000)
_AT_ONCE = 4
FAULTS = Faults(lose_answer_percent=30, lose_request_percent=10, duplicate_percent=20)


@dataclass
class Story:
    """A frozen dividend in a database that can be copied: the same beginning for every crash."""

    template: URL
    settings: Settings
    distribution_id: uuid.UUID


@pytest.fixture(scope="module")
def story(embedded_server: URL, migrated_template: str) -> Iterator[Story]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        batch_size=24,
        claim_seconds=0.3,
        look_again_seconds=0.005,
        look_again_max_seconds=0.02,
    )
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield Story(url, settings, asyncio.run(_prepare(url, settings)))


async def _prepare(url: URL, settings: Settings) -> uuid.UUID:
    database = Database(url)
    runtime = make_runtime(database, settings)
    world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(HOLDERS)])
    await world.sandbox.admin.associate(list(BAD), PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([HOLDERS[26]], PAYMENT_TOKEN)
    await world.sandbox.admin.dissociate([HOLDERS[45]], PAYMENT_TOKEN)
    await world.sandbox.admin.set_faults(FAULTS)
    dividend = await world.plan(str(TOTAL))
    await runtime.ledger.close()
    await database.close()
    return dividend.id


@pytest.mark.longest
@pytest.mark.timeout(900)
def test_a_crash_at_any_side_effect_pays_nobody_twice_and_forgets_nobody(story: Story, embedded_server: URL) -> None:
    ran_through = threading.Event()
    side_effects = itertools.takewhile(lambda _: not ran_through.is_set(), itertools.count(1))

    def die_and_recover() -> int:
        mortals = crashes.Mortals()
        last = 0
        for kill_at in side_effects:
            last = kill_at
            if _die_and_recover(story, embedded_server, mortals, kill_at):
                ran_through.set()
        mortals.close()
        return last

    # A recovery mostly waits for the claims of the dead to lapse, so that more of them than cores go on at once.
    with ThreadPoolExecutor(_AT_ONCE) as several_at_once:
        deaths = [several_at_once.submit(die_and_recover) for _ in range(_AT_ONCE)]
        most = max(death.result() for death in deaths)
    assert most > 100, "the payout had fewer side effects than its batches and bad recipients must have"


def _die_and_recover(story: Story, server: URL, mortals: crashes.Mortals, kill_at: int) -> bool:
    """Tell whether the payout ended before there were as many side effects."""
    assert story.template.database is not None
    with fresh_database(server, template=story.template.database) as url:
        status = mortals.pay(url, story.settings, story.distribution_id, kill_at)
        assert status in (0, crashes.KILLED), f"side effect {kill_at}"
        if status == crashes.KILLED:
            recovery = mortals.pay(url, story.settings, story.distribution_id)
            assert recovery == 0, f"recovery from side effect {kill_at}"
        asyncio.run(_check(url, story, f"side effect {kill_at}"))
    return status == 0


async def _check(url: URL, story: Story, when: str) -> None:
    """Compare the sandbox's own books with what everybody was owed, and find nothing left hanging."""
    database = Database(url)
    runtime = make_runtime(database, story.settings)
    async with database.unit_of_work() as session:
        world = World(runtime, await Assets(session).get_by_reference(ASSET_TOKEN))
    found = await world.find(story.distribution_id)
    verdict = await world.reconcile(story.distribution_id)
    await runtime.ledger.close()
    await database.close()

    received = _received_units(url)
    owed = {h.account_id: int((h.payment_amount or 0) * 10**6) for h in found.holders if h.account_id not in BAD}
    assert received == owed, when
    assert verdict.agrees, when
    assert found.status is DistributionStatus.FAILED, when
    assert {h.account_id: h.failure_code for h in found.holders if not h.paid} == BAD, when
    assert not [h for h in found.holders if h.attempt_id and not h.paid], when
    assert all(batch.status is not BatchStatus.PROCESSING for batch in found.batches), when
    assert _open_attempts(url) == 0, when
    assert sum((h.payment_amount or Decimal(0) for h in found.holders), Decimal(0)) == TOTAL


def _received_units(url: URL) -> dict[str, int]:
    """Return what the sandbox's own books say that each account got of the payment token."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute(
            """
            SELECT account_id, balance_units FROM sandbox.holding
             WHERE token_id = %s AND balance_units > 0 AND account_id <> '0.0.1001'
            """,
            [PAYMENT_TOKEN],
        ).fetchall()
    return {account_id: int(units) for account_id, units in rows}


def _open_attempts(url: URL) -> int:
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM attempt WHERE status IN (%s, %s)", [AttemptStatus.SIGNED, AttemptStatus.SUBMITTED]
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.longest
@pytest.mark.timeout(600)
async def test_workers_that_are_killed_at_random_pay_everybody_once(
    database: Database, database_url: URL, settings: Settings
) -> None:
    runtime = make_runtime(database, settings)
    holders = accounts(10_000)
    bad = dict.fromkeys(holders[1000:1010], "ACCOUNT_FROZEN_FOR_TOKEN")
    world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(holders)])
    await world.sandbox.admin.associate(list(bad), PAYMENT_TOKEN)
    await world.sandbox.admin.freeze(list(bad), PAYMENT_TOKEN)
    await world.sandbox.admin.set_faults(FAULTS)
    dividend = await world.plan(str(TOTAL))
    await world.execute(dividend.id)

    kills = await _kill_workers_until_paid(world, database_url, dividend.id)

    assert kills >= 5, "the payout was over before workers could be killed"
    found = await world.find(dividend.id)
    verdict = await world.reconcile(dividend.id)
    await runtime.ledger.close()
    owed = {h.account_id: int((h.payment_amount or 0) * 10**6) for h in found.holders if h.account_id not in bad}
    assert _received_units(database_url) == owed
    assert found.status is DistributionStatus.FAILED
    assert {h.account_id: h.failure_code for h in found.holders if not h.paid} == bad
    assert verdict.agrees
    assert _open_attempts(database_url) == 0


async def _kill_workers_until_paid(world: World, url: URL, distribution_id: uuid.UUID) -> int:
    """Keep two workers running and kill one of them every now and then. Return how many were killed."""
    chance = random.Random(7)
    kills = 0
    workers = [_start_worker(url) for _ in range(2)]
    try:
        while (await world.find_status(distribution_id)) is DistributionStatus.PROCESSING:
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            victim = chance.randrange(2)
            workers[victim].send_signal(signal.SIGKILL)
            await asyncio.to_thread(workers[victim].wait)
            kills += 1
            workers[victim] = _start_worker(url)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return kills


def _start_worker(url: URL) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "DATABASE_HOST": str(url.query["host"]),
        "DATABASE_PORT": str(url.query.get("port", 5432)),
        "DATABASE_USER": str(url.username),
        "DATABASE_NAME": str(url.database),
        "CLAIM_SECONDS": "1",
        "BATCH_SIZE": "25",
        "LOOK_AGAIN_SECONDS": "0.05",
    }
    return subprocess.Popen([sys.executable, "-m", "masspayout", "worker"], env=environment, stdout=subprocess.DEVNULL)
