"""Real worker processes: started, and killed at random while they pay."""

import asyncio
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import IO

from sqlalchemy import URL

from command_line import environment
from databases import run_sql
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import BatchPayouts
from payouts import World
from places import ROOT


def start_worker(url: URL, *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    return start_logged_worker(url, None, *arguments, **settings)


def start_logged_worker(url: URL, log: IO[bytes] | None, *arguments: str, **settings: str) -> "subprocess.Popen[bytes]":
    """Start a worker; what it says and logs goes into a file."""
    return subprocess.Popen(
        [sys.executable, "-m", "masspayout", "worker", *arguments],
        env={**os.environ, **environment(url), **settings},
        stdout=log or subprocess.DEVNULL,
        stderr=log,
        cwd=ROOT,
    )


async def kill_workers(
    world: World, pay: Callable[[], Awaitable[uuid.UUID]], *, kills: int, **settings: str
) -> list[uuid.UUID]:
    """Keep two workers running, and kill one of them a moment after each few holders, in as many payouts as it takes.

    Args:
        world: Where the payouts are made.
        pay: Starts a payout, and says which; asked for another one while too few workers were killed.
        kills: How many workers have to die while they pay.
        settings: The workers' settings.

    Returns:
        The payouts, all of which have ended.
    """
    kill_switch = _WorkerKiller(world, settings, random.Random(7))
    payouts = []
    try:
        while kill_switch.kills < kills:
            payouts.append(await pay())
            await kill_switch.kill_until_paid(payouts[-1])
    finally:
        kill_switch.end()
    return payouts


class _WorkerKiller:
    """Two workers, and who kills them."""

    def __init__(self, world: World, settings: dict[str, str], chance: random.Random) -> None:
        self.kills = 0
        self._world = world
        self._settings = settings
        self._chance = chance
        self._workers = [self._start() for _ in range(2)]

    async def kill_until_paid(self, distribution_id: uuid.UUID) -> None:
        paid_count = 0
        while True:
            paid_count = await self._wait_until_paid(distribution_id, paid_count + self._chance.randrange(50, 150))
            await asyncio.sleep(self._chance.uniform(0, 0.2))
            if await self._is_over(distribution_id):
                return
            await self._kill(self._chance.randrange(2))

    def end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()

    async def _kill(self, victim: int) -> None:
        self._workers[victim].kill()
        await asyncio.to_thread(self._workers[victim].wait)
        self.kills += 1
        # As if the time had passed after which the dead are taken for dead; who lives has its jobs done twice.
        run_sql(
            self._world.runtime.database.url,
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'",
        )
        self._workers[victim] = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return start_worker(self._world.runtime.database.url, **self._settings)

    async def _wait_until_paid(self, distribution_id: uuid.UUID, wanted: int) -> int:
        """Wait until so many holders are paid, or until the payout is over. Return how many are."""
        while True:
            async with self._world.runtime.database.unit_of_work() as session:
                paid_count = (await BatchPayouts(session).progress(distribution_id)).paid_count
            if paid_count >= wanted or await self._is_over(distribution_id):
                return paid_count
            await asyncio.sleep(0.02)

    async def _is_over(self, distribution_id: uuid.UUID) -> bool:
        return await self._world.find_status(distribution_id) is not DistributionStatus.PROCESSING
