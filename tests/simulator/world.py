"""The world of one simulation: servers, a ledger's network, processes, people, and whatever happens to them."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, cast

from masspayout.db.entities import PayerEntry
from masspayout.kernel.movements import Payment
from masspayout.payments import sync_payer
from simulator import people, workers
from simulator.chaos import Chaos
from simulator.desks import Desk
from simulator.ledgers.networks import make_network
from simulator.plans import PAYER, TOKEN, PayoutPlan, Plan
from simulator.processes import Faults, Process, Trace
from simulator.rungs import DictionaryRung, Rung
from simulator.verdicts import Verdicts, Violated, obligation_of_mark
from simulator.virtual_time import VirtualLoop

# After the storm, everything must have ended within so much virtual time.
_LONGEST_CALM_SECONDS = 2 * 3600.0
_FUNDS_UNITS = 10_000

Life = Callable[..., Coroutine[Any, Any, None]]


class World:
    """One simulation.

    Attributes:
        glance_seconds: How often people and workers look whether there is something to do.
        some_payments: What is planned to be paid.
        ids: The distributions by the names of their plans.
        server: The database server that counts.
        at_commit: Called with the number of each commit.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        is_traced: bool = False,
        rung: Rung | None = None,
        passed_over: frozenset[int] = frozenset(),
    ) -> None:
        self.plan = plan
        rung = rung or DictionaryRung()
        self.loop = VirtualLoop()  # type: ignore[abstract]
        self.trace = Trace(self.loop, is_traced=is_traced)
        self.faults = Faults(plan.rates, passed_over)
        self.verdicts = Verdicts(plan.approvals, never_expires=plan.ledger == "evm")
        self.payer, self.token = PAYER[plan.ledger], TOKEN[plan.ledger]
        self.some_payments = [Payment(*one) for payout in plan.payouts for batch in payout.batches for one in batch]
        self.glance_seconds = max(1.0, plan.storm_seconds / 30)
        self.row_ids = count(1 << 64)
        self.ids = {payout.name: rung.id_of(number) for number, payout in enumerate(plan.payouts, 1)}
        self.faults.poisoned = frozenset(self.ids[payout.name] for payout in plan.payouts if payout.is_poisoned)
        self.network = make_network(plan, self.loop, self.faults)
        self.network.books.at_payment = self.verdicts.at_payment
        self.network.books.held_units[self.payer] = _FUNDS_UNITS
        self.processes: list[Process] = []
        self.step_count = 0
        self.commit_count = 0
        self.is_ended = False
        self.at_commit: Callable[[int], None] = lambda _: None
        self._lives = count(1)
        self._idle: list[asyncio.Future[None]] = []
        self.server = rung.make_server(self)

    def run(self) -> None:
        """Live through the storm, and then until everything has ended.

        Raises:
            Violated: Something that must hold did not.
        """
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self.is_ended = True
            self.loop.run_until_complete(self._end())

    def employ(self, name: str) -> None:
        """Start a worker, which is started again whenever it has died."""
        desk = Desk(self, self._start(name, lambda: self.employ(name)))
        desk.process.run(workers.schedule(desk))
        payer = workers.payer_of(desk)
        for _ in range(self.plan.slots):
            desk.process.run(workers.pay(desk, payer))

    def seat(self, name: str, life: Life, *arguments: object) -> None:
        """Have a person work, who goes to another machine whenever theirs has died."""
        desk = Desk(self, self._start(name, lambda: self.seat(name, life, *arguments)))
        desk.process.run(life(desk, *arguments))

    async def change(self, seconds: float) -> None:
        """Wait until a distribution changes, or another server answers; at most for so long."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._idle.append(future)
        timer = self.loop.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            timer.cancel()

    def wake(self) -> None:
        """Have everybody look who waits for a change."""
        idle, self._idle = self._idle, []
        for future in idle:
            _wake(future)

    def name_of(self, distribution_id: object) -> str:
        """Return how the trace calls a distribution."""
        return self.plan_of(distribution_id).name

    def plan_of(self, distribution_id: object) -> PayoutPlan:
        """Return the plan of a distribution."""
        return self.plan.payouts[int(cast("Any", distribution_id)) - 1]

    def is_foreign(self, entry: PayerEntry) -> bool:
        """Whether a person knows that a payment was none of our payouts, or is one that only a person can explain."""
        return (
            obligation_of_mark(entry.mark) is None
            or entry.transaction_id in self.network.books.foreign
            or self.verdicts.is_of_cancelled(self.server, entry.mark)
            or bool(self.verdicts.overlaps)
        )

    def fix(self) -> None:
        """Have people remove the causes of failures: accounts can receive, and the payer has funds."""
        books = self.network.books
        books.frozen.clear()
        books.held_units[self.payer] = max(_FUNDS_UNITS, books.held_units[self.payer])

    def count_commit(self, *, wakes: bool) -> None:
        """Count a commit: chaos goes by them. Where it changed a distribution, have everybody look."""
        self.commit_count += 1
        self.at_commit(self.commit_count)
        if wakes:
            self.loop.call_soon(self.wake)

    async def _live(self) -> None:
        for number in range(self.plan.workers):
            self.employ(f"worker {number + 1}")
        self.seat(people.OPERATOR, people.operate)
        for name in people.APPROVERS[: self.plan.approvals]:
            self.seat(name, people.approve, name)
        for payout in self.plan.payouts:
            if payout.cancelled_at is not None:
                self.seat(f"canceller of {payout.name}", people.cancel, payout)
            if payout.paused is not None:
                self.seat(f"pauser of {payout.name}", people.pause, payout)
        chaos = Chaos(self)
        while self.loop.time() < self.plan.storm_seconds and (chaos.is_ahead or not self._is_over()):
            await self._pass_time(self.glance_seconds / 2)
        chaos.calm_down()
        self.trace.tell("world", "is calm")
        calm_since = self.loop.time()
        while not self._is_over():
            if self.loop.time() - calm_since > _LONGEST_CALM_SECONDS:
                hours = f"{_LONGEST_CALM_SECONDS / 3600:.0f}"
                raise Violated(f"after {hours} hours of calm it has not ended: {self.verdicts.describe(self.server)}")
            await self._pass_time(5)
        await self._read_statement()
        self.verdicts.at_end(self.server)

    async def _read_statement(self) -> None:
        """Have somebody read the payer's statement once more, as whoever pays next from it does."""
        desk = Desk(self, self._start("auditor", lambda: None))
        await sync_payer(desk.context.database, desk.context.ledger, desk.context.settings, self.payer)

    async def _pass_time(self, seconds: float) -> None:
        """Let a while pass.

        Raises:
            Violated: Something broke meanwhile without a word.
        """
        await self.loop.sleep(seconds)
        for context in self.loop.errors:
            raise context.get("exception") or Violated(str(context))
        for process in self.processes:
            process.require_no_errors()

    async def _end(self) -> None:
        """End every process."""
        living = list(self.processes)
        for process in living:
            process.kill()
        await asyncio.gather(*(process.wait() for process in living))

    def _is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return self.verdicts.is_over(self.server)

    def _start(self, name: str, reborn: Callable[[], None]) -> Process:
        seed = f"{self.plan.seed}/{next(self._lives)}"
        process = Process(name, seed, self.loop, self.server, self.faults, self.trace)
        process.at_death = lambda dead: self._bury(dead, reborn)
        self.processes.append(process)
        return process

    def _bury(self, dead: Process, reborn: Callable[[], None]) -> None:
        """Take a process from the living, and have it start again some seconds later."""
        self.processes.remove(dead)
        self.step_count += dead.steps
        self.verdicts.reached.update(dead.audited)
        if not self.is_ended:
            self.loop.call_later(dead.chance.random() * 10, reborn)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
