"""Chaos: what happens to servers, clocks, networks and processes, at times and after commits that the seed chose."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, TypeVar

from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.movements import Payment
from masspayout.kernel.obligations import Mark
from simulator import people
from simulator.ledgers.books import Signed
from simulator.plans import Event
from simulator.planting import INSTALLATION, obligation_of_plan

if TYPE_CHECKING:
    from simulator.world import World

Thing = TypeVar("Thing")

# After a restore, somebody calls off what looks as if it had never begun.
_CANCELLED_AFTERWARDS = 0.3


class Chaos:
    """Carries out the events of a plan."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._chance = Random(f"chaos/{world.plan.seed}")
        self._at_commits = sorted((event for event in world.plan.events if event.at_commits), key=_commits)
        self._at_times = [event for event in world.plan.events if event.at_seconds is not None]
        for event in self._at_times:
            world.loop.call_at(event.at_seconds or 0, self._strike, event)
        world.at_commit = self._count

    @property
    def is_ahead(self) -> bool:
        """Whether something is still to happen at a time."""
        return bool(self._at_times)

    def _count(self, commits: int) -> None:
        """Let happen what comes after so many commits, once the last of them is answered."""
        while self._at_commits and _commits(self._at_commits[0]) <= commits:
            self._world.loop.call_later(0, self._strike, self._at_commits.pop(0))

    def _strike(self, event: Event) -> None:
        if event in self._at_times:
            self._at_times.remove(event)
        if not self._world.faults.is_calm and self._world.faults.happen(event.kind):
            self._happen(event.kind)

    def calm_down(self) -> None:
        """End everything that lasts."""
        world = self._world
        world.faults.is_calm = True
        world.network.is_away = world.network.swallows = False
        world.network.lag_seconds = 0.0
        world.network.fee_level = 10
        world.server.offset_nanos = 0
        for process in world.processes:
            process.host_offset_nanos = 0
        world.fix()

    def _happen(self, kind: str) -> None:
        self._world.trace.tell("world", kind)
        getattr(self, "_" + kind.replace(" ", "_"))()
        self._world.wake()

    def _worker_killed(self) -> None:
        processes = [process for process in self._world.processes if not process.is_dead]
        if processes:
            self._pick(processes).kill()

    def _pick(self, things: Sequence[Thing]) -> Thing:
        return things[int(self._chance.random() * len(things))]

    def _foreign_payment(self) -> None:
        world = self._world
        payer = world.payer
        number = world.network.nanos()
        place = self._chance.random()
        payment = world.some_payments[int(place * len(world.some_payments))]
        mark, forged = self._pick([(None, None), ("rent", None), self._forged_mark(place)])
        if forged is not None:
            payment = Payment(forged[0], forged[1] + 10)  # more than anybody is owed
        signed = Signed(
            f"{payer}@{number // NANOS_PER_SECOND}.{number % NANOS_PER_SECOND:09d}",
            payer,
            world.token,
            (payment,),
            mark,
            number,
        )
        world.network.enter_foreign(signed)

    def _forged_mark(self, place: float) -> tuple[str | None, tuple[str, int] | None]:
        """Return the mark of a batch, on ledgers where anybody can write it, and one of those whom the batch pays."""
        world = self._world
        if world.plan.ledger == "evm":
            return None, None
        payout = self._pick(world.plan.payouts)
        number = 1 + int(self._chance.random() * len(payout.batches))
        batch = payout.batches[number - 1]
        mark = Mark(number, obligation_of_plan(payout, world.plan), INSTALLATION)
        return str(mark), batch[int(place * len(batch))]

    def _clock_set(self) -> None:
        process = self._pick(self._world.processes)
        process.host_offset_nanos = int(
            (self._chance.random() - 0.5) * 10 ** (1 + 4 * self._chance.random()) * NANOS_PER_SECOND
        )

    def _database_clock_set(self) -> None:
        self._world.server.offset_nanos = int(
            (self._chance.random() - 0.5) * 10 ** (4 * self._chance.random()) * NANOS_PER_SECOND
        )

    def _ledger_away(self) -> None:
        network = self._world.network
        network.is_away = True
        self._world.loop.call_later(10 ** (3 * self._chance.random()), setattr, network, "is_away", False)

    def _messages_swallowed(self) -> None:
        """Let nothing that is sent arrive, for a while: what was signed dies of old age."""
        network = self._world.network
        network.swallows = True
        self._world.loop.call_later(10 ** (1 + 2.5 * self._chance.random()), setattr, network, "swallows", False)

    def _mirror_lags(self) -> None:
        self._world.network.lag_seconds = 1200 * self._chance.random() ** 2

    def _blocks_replaced(self) -> None:
        self._world.network.reorganise(1 + int(self._chance.random() * 4))

    def _fees_rise(self) -> None:
        network = self._world.network
        network.fee_level = int(10 * (1 + 20 * self._chance.random()))
        self._world.loop.call_later(10 ** (3 * self._chance.random()), setattr, network, "fee_level", 10)

    def _mempool_emptied(self) -> None:
        self._world.network.drop_pending()

    def _account_frozen(self) -> None:
        account = self._pick(self._world.some_payments).account_id
        self._world.network.books.frozen[account] = "ACCOUNT_FROZEN_FOR_TOKEN"

    def _funds_drained(self) -> None:
        self._world.network.books.held_units[self._world.payer] = int(self._chance.random() * 5)

    def _server_restarted(self) -> None:
        server = self._world.server
        server.stop()
        server.started += 1

    def _backup_restored(self) -> None:
        """Put an older state of everything in the place of the present one, on another server."""
        self._replace(lost=int(self._chance.random() * self._world.server.commit_count))

    def _failover(self) -> None:
        """Promote a replica that is some commits behind."""
        self._replace(lost=0 if self._world.plan.is_synchronous else int(self._chance.random() ** 2 * 12))

    def _replace(self, lost: int) -> None:
        world = self._world
        old = world.server
        old.stop()
        old.is_up = False
        world.server = old.copy(f"server {int(old.identity.split()[1]) + 1}")
        world.server.lose(lost)
        world.trace.tell("world", f"loses {lost} commits")
        for process in world.processes:
            process.server = world.server
        if self._chance.random() < _CANCELLED_AFTERWARDS:
            payout = self._pick(world.plan.payouts)
            at = world.loop.time() + 10 * self._chance.random()
            world.seat("hasty", people.cancel, replace(payout, cancelled_at=at))

    def _old_primary_stays_alive(self) -> None:
        """Promote a replica while some workers go on at the old primary, for less than two rounds of statements."""
        world = self._world
        old = world.server
        world.server = old.copy(f"server {int(old.identity.split()[1]) + 1}")
        lost = 0 if world.plan.is_synchronous else int(self._chance.random() ** 2 * 12)
        world.server.lose(lost)
        stay = [
            process for process in world.processes if process.name.startswith("worker") and self._chance.random() < 0.5
        ]
        world.verdicts.has_two_hands = world.plan.ledger != "evm"
        for process in world.processes:
            if process not in stay:
                for transaction in [each for each in old.open if each.owner is process]:
                    transaction.abort()
                process.server = world.server

        def fence() -> None:
            old.stop()
            old.is_up = False
            for process in stay:
                process.kill()

        world.loop.call_later(20 + 100 * self._chance.random(), fence)


def _commits(event: Event) -> int:
    return event.at_commits or 0
