"""Rounds: a seed deals faults, an deployment lives through them, and a verdict is given."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import URL

import file_systems
from storm.deployment import Deployment, installed
from storm.faults import FAULTS, NothingHappenedError, available
from storm.verdicts import violations

FAULTS_OF_A_ROUND = 5
# Payouts fall due for about as long as the faults of a round take.
_SECONDS_PER_FAULT = 8
# What is left after the last fault is paid within so many seconds, most of which the ledger's validity takes.
_END_SECONDS = 150.0
_DISK_MEGABYTES = 700


@dataclass
class Round:
    """What came of one.

    Attributes:
        seed: What it was made from.
        faults: Which faults struck, in their order.
        idle: Which of them found nothing to strike.
        violations: What did not hold, in words; empty if all is well.
    """

    seed: int
    faults: Sequence[str]
    idle: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    batches: int = 0
    longest_pause_seconds: float = 0.0
    seconds: float = 0.0


def deal(seed: int, count: int = FAULTS_OF_A_ROUND) -> list[str]:
    """Return the faults of a round.

    Whatever ``count`` seeds follow each other get every fault as often as any other, give or take one: the deck is cut
    anew for each lap through it.
    """
    kinds = sorted(available())
    first = seed * count
    dealt = [_shuffled(kinds, number // len(kinds))[number % len(kinds)] for number in range(first, first + count)]
    # A fault that follows itself in a round is the last of one lap and the first of the next.
    return list(dict.fromkeys(dealt))


def _shuffled(kinds: Sequence[str], lap: int) -> list[str]:
    return Random(lap).sample(kinds, len(kinds))


async def play(seed: int, books_server: URL, logs: Path, faults: Sequence[str] | None = None) -> Round:
    """Live through a round. Logs stay in their directory, the servers' files do not."""
    chance, played = Random(seed), Round(seed, deal(seed) if faults is None else faults)
    began = time.monotonic()
    with file_systems.in_memory(_DISK_MEGABYTES) as directory:
        async with installed(
            directory, logs, books_server, seconds=_SECONDS_PER_FAULT * len(played.faults)
        ) as deployment:
            await asyncio.gather(*(worker.start() for worker in deployment.workers))
            ledger_time = asyncio.create_task(_pass_ledger_time(deployment))
            try:
                await _strike(deployment, chance, played)
                await _end(deployment, played)
            finally:
                ledger_time.cancel()
                await asyncio.gather(ledger_time, return_exceptions=True)
    played.seconds = time.monotonic() - began
    return played


async def _strike(deployment: Deployment, chance: Random, played: Round) -> None:
    await deployment.go_on(60)
    for name in played.faults:
        try:
            await FAULTS[name](deployment, chance)
            await deployment.go_on(_END_SECONDS)
        except NothingHappenedError as error:
            played.idle.append(f"{name}: {error}")
        except (AssertionError, TimeoutError) as error:
            played.violations.append(f"{name}: {str(error) or 'payouts stood still'}")
        await asyncio.sleep(chance.uniform(0.2, 2))


async def _end(deployment: Deployment, played: Round) -> None:
    """Wait until all is paid that can be, and until events are delivered; then give the verdict."""
    ends_at = time.monotonic() + _END_SECONDS
    while found := await asyncio.to_thread(violations, deployment):
        if time.monotonic() > ends_at:
            break
        await asyncio.sleep(1)
    played.violations += found
    played.batches = deployment.here.completed_batches()
    played.longest_pause_seconds = deployment.longest_pause_seconds


async def _pass_ledger_time(deployment: Deployment) -> None:
    """Let the ledger's time pass quickly while a payer waits for what may still be under way."""
    while True:
        try:
            waits = await asyncio.to_thread(deployment.here.waits_for_the_ledger)
        except Exception:  # noqa: BLE001 - the database is away, which is what this is all about
            waits = False
        if waits:
            await asyncio.to_thread(deployment.books.advance, 2)
        await asyncio.sleep(0.2)
