"""Processes of the simulated installation: each has a clock, a life, and chances of its own, drawn from the seed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from simulator.store.rows import IDLE_SECONDS, Server, Transaction
from simulator.virtual_time import VirtualLoop

# The first moment of every simulation: 1 March 2026, 09:00 UTC.
EPOCH_NANOS = 1_772_355_600 * NANOS_PER_SECOND

# An exchange with anybody takes up to this long when nothing is wrong.
_LATENCY_SECONDS = 0.02


class Killed(asyncio.CancelledError):
    """The process is dead: nothing of it happens any more."""


@dataclass
class Faults:
    """The faults of one seed.

    Attributes:
        rates: How probable each kind is whenever it could happen.
        passed_over: The ordinals of faults that do not happen after all: a trace is shrunk to its fewest faults.
        happened: How often each kind did.
        ordinals: The ordinals of those that happened.
        poisoned: The distributions that nobody can start during the storm.
    """

    rates: Mapping[str, float]
    passed_over: frozenset[int] = frozenset()
    happened: Counter[str] = field(default_factory=Counter)
    ordinals: list[int] = field(default_factory=list)
    poisoned: frozenset[Any] = frozenset()
    is_calm: bool = False
    _count: int = 0

    def strike(self, kind: str, chance: float) -> bool:
        """Whether a fault of a kind happens, where a number between 0 and 1 was drawn for it."""
        if chance >= self.rates.get(kind, 0.0) or self.is_calm:
            return False
        return self.happen(kind)

    def happen(self, kind: str) -> bool:
        """Have a fault happen, unless it is one that is passed over."""
        self._count += 1
        if self._count in self.passed_over:
            return False
        self.happened[kind] += 1
        self.ordinals.append(self._count)
        return True


class Poisoned(RuntimeError):  # noqa: N818 - it is what a row is
    """An error that nobody foresaw, whenever somebody reads one row."""


class Trace:
    """What happened, in order, for people to read and for machines to compare."""

    def __init__(self, loop: VirtualLoop, *, is_traced: bool) -> None:
        self._loop = loop
        self.is_traced = is_traced
        self.lines: list[str] = []

    def tell(self, who: str, what: str) -> None:
        """Write down what somebody did."""
        if self.is_traced:
            hours, rest = divmod(self._loop.time(), 3600)
            minutes, seconds = divmod(rest, 60)
            self.lines.append(f"{int(hours):02}:{int(minutes):02}:{seconds:09.6f}  {who:<12} {what}")


class Process:
    """One process on one machine.

    Attributes:
        name: Who it is in the trace.
        chance: Where its draws come from.
        server: The database server that it is connected to.
        host_offset_nanos: By how much its machine's clock is ahead of true time.
        at_death: What is done when it dies.
        advances: How often it brought a payout nearer to its end.
    """

    def __init__(self, name: str, seed: str, loop: VirtualLoop, server: Server, faults: Faults, trace: Trace) -> None:
        self.name = name
        self.chance = Random(f"{seed}/{name}")
        self.loop = loop
        self.server = server
        self.faults = faults
        self.trace = trace
        self.host_offset_nanos = 0
        self.is_dead = False
        self.steps = 0
        self.advances = 0
        self.audited: Counter[str] = Counter()
        self.at_death: Callable[[Process], None] = lambda _: None
        self._tasks: list[asyncio.Task[Any]] = []
        rates = faults.rates
        self._crash = rates.get("crash", 0.0)
        self._stall = self._crash + rates.get("stall", 0.0)
        self._trouble = self._stall + rates.get("connection lost", 0.0)

    def host_nanos(self) -> int:
        """Return what the machine's clock says."""
        return EPOCH_NANOS + self.host_offset_nanos + self.steady_nanos()

    def steady_nanos(self) -> int:
        """Return the time of a clock that nobody can set."""
        return int(self.loop.time() * NANOS_PER_SECOND)

    def tell(self, what: str) -> None:
        """Write down what it did."""
        if self.trace.is_traced:
            self.trace.tell(self.name, what)

    async def step(self, what: str, transaction: Transaction | None = None) -> None:
        """Take the time that an exchange takes. Others act meanwhile; it may die, stall or lose its connection.

        Raises:
            Killed: It is dead.
            DatabaseUnavailable: The connection of its transaction broke.
        """
        if self.is_dead:
            raise Killed
        self.steps += 1
        draw = self.chance.random()
        if draw < self._trouble and not self.faults.is_calm:
            await self._meet_trouble(what, draw, transaction)
        await self.loop.sleep(draw * _LATENCY_SECONDS)
        if self.is_dead:
            raise Killed

    def survive(self, what: str) -> None:
        """Go on after something that takes no time of its own, or die.

        Raises:
            Killed: It dies.
        """
        if self.faults.strike("crash", self.chance.random()):
            self.tell(f"dies after {what}")
            self.kill()
            raise Killed

    async def _meet_trouble(self, what: str, draw: float, transaction: Transaction | None) -> None:
        if draw < self._crash:
            if self.faults.happen("crash"):
                self.tell(f"dies at {what}")
                self.kill()
                raise Killed
        elif draw < self._stall:
            if self.faults.happen("stall"):
                seconds = 10 ** (1 + 2.6 * self.chance.random())
                self.tell(f"stands still for {seconds:.0f} s at {what}")
                if transaction is not None and seconds > IDLE_SECONDS:
                    self.loop.call_later(IDLE_SECONDS, transaction.abort)
                await self.loop.sleep(seconds)
        elif transaction is not None and self.faults.happen("connection lost"):
            self.tell(f"loses its connection at {what}")
            transaction.abort()
            raise DatabaseUnavailable("The connection broke.", "Try again.")

    async def sleep(self, seconds: float) -> None:
        """Sleep, and not exactly for as long as it wanted to."""
        if self.is_dead:
            raise Killed
        await self.loop.sleep(seconds * (1 + self.chance.random() / 10))
        if self.is_dead:
            raise Killed

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Have a coroutine run as long as the process lives."""
        task = self.loop.create_task(coroutine)
        self._tasks.append(task)
        return task

    def kill(self) -> None:
        """End it at once, wherever it is: its connections break, and nothing that it still wants to do happens."""
        if self.is_dead:
            return
        self.is_dead = True
        self.at_death(self)
        for transaction in [each for each in self.server.open if each.owner is self]:
            transaction.abort()
        for task in self._tasks:
            task.cancel()

    def require_no_errors(self) -> None:
        """Raise what ended a coroutine of it without a word."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def wait(self) -> None:
        """Wait until nothing of it runs any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
