"""Real worker processes: started, and killed at random while they pay."""

import asyncio
import os
import random
import subprocess
import sys
import uuid
from pathlib import Path

from sqlalchemy import URL

from command_line import environment
from databases import run_sql
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import BatchPayouts
from payouts import World


def start_worker(url: URL, *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "masspayout", "worker", *arguments],
        env={**os.environ, **environment(url), **settings},
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parent,
    )


async def kill_workers_until_paid(world: World, distribution_id: uuid.UUID, **settings: str) -> int:
    """Keep two workers running, and kill one of them a moment after each few holders. Return how many were killed."""
    url = world.runtime.database.url
    chance = random.Random(7)
    kills = paid_count = 0
    workers = [start_worker(url, **settings) for _ in range(2)]
    try:
        while True:
            paid_count = await _wait_until_paid(world, distribution_id, paid_count + chance.randrange(50, 150))
            if await world.find_status(distribution_id) is not DistributionStatus.PROCESSING:
                return kills
            await asyncio.sleep(chance.uniform(0, 0.2))
            victim = chance.randrange(2)
            workers[victim].kill()
            await asyncio.to_thread(workers[victim].wait)
            kills += 1
            # As if the time had passed after which the dead are taken for dead; who lives has its jobs done twice.
            run_sql(url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
            workers[victim] = start_worker(url, **settings)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


async def _wait_until_paid(world: World, distribution_id: uuid.UUID, wanted: int) -> int:
    """Wait until so many holders are paid, or until the payout is over. Return how many are."""
    while True:
        async with world.runtime.database.unit_of_work() as session:
            paid_count = (await BatchPayouts(session).progress(distribution_id)).paid
        if paid_count >= wanted or await world.find_status(distribution_id) is not DistributionStatus.PROCESSING:
            return paid_count
        await asyncio.sleep(0.02)
