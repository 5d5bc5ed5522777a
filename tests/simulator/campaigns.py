"""Campaigns: many seeds on all cores, what they reached, and the first failing trace."""

import gc
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from simulator.plans import FAULT_KINDS, LEDGERS, make_plan
from simulator.rungs import Rung
from simulator.verdicts import MOVES, Violated
from simulator.world import World

# From so many seeds on, a fault or a move that never happened means that the simulator has lost it.
SEEDS_THAT_REACH_ALL = 1500
_CHUNK = 20


@dataclass
class Outcome:
    """What came of one seed.

    Attributes:
        violation: What did not hold; None when everything did.
        faults: The ordinals of the faults that happened, by which a trace is shrunk.
    """

    seed: int
    ledger: str
    payouts: int
    steps: int
    violation: str | None
    happened: Counter[str]
    reached: Counter[str]
    faults: Sequence[int]
    trace: Sequence[str] = ()


@dataclass
class Campaign:
    """What came of many seeds."""

    outcomes: int = 0
    payouts: int = 0
    steps: int = 0
    seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    violations: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.outcomes += 1
        self.payouts += outcome.payouts
        self.steps += outcome.steps
        self.happened.update(outcome.happened)
        self.reached.update(outcome.reached)
        if outcome.violation is not None:
            self.violations.append(outcome)

    def never(self) -> Sequence[str]:
        """Return the faults and moves that never happened, though there were seeds enough for all of them."""
        if self.outcomes < SEEDS_THAT_REACH_ALL:
            return []
        moves = [
            f"{table}: {one} → {other}" for table, states in MOVES.items() for one in states for other in states[one]
        ]
        return [kind for kind in FAULT_KINDS if not self.happened[kind]] + [
            each for each in moves if not self.reached[each]
        ]


def simulate(
    seed: int,
    ledgers: Sequence[str] = LEDGERS,
    *,
    is_traced: bool = False,
    passed_over: frozenset[int] = frozenset(),
    rung: Rung | None = None,
) -> Outcome:
    """Live through one seed.

    Args:
        seed: Which one.
        ledgers: One of these is chosen by the seed.
        is_traced: The trace is written down.
        passed_over: The ordinals of faults that do not happen.
        rung: On which store; unless given, on dictionaries.
    """
    plan = make_plan(seed, ledgers, has_one_server=rung is not None and rung.is_serial)
    world = World(plan, is_traced=is_traced, passed_over=passed_over, rung=rung)
    violation = None
    try:
        with _silence():
            world.run()
    except Exception as error:  # noqa: BLE001 - whatever ends a simulation is a finding
        violation = describe(error)
    return Outcome(
        seed,
        world.plan.ledger,
        len(world.plan.payouts),
        world.step_count + sum(process.steps for process in world.processes),
        violation,
        world.faults.happened,
        world.verdicts.reached,
        world.faults.ordinals,
        world.trace.lines,
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Have nothing logged meanwhile: what is done and met in a simulation is in its trace."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def describe(error: BaseException) -> str:
    """Return what went wrong, in a line, from the innermost of a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, Violated) else f"{type(error).__name__}: {error}"


def run(
    seeds: Iterable[int],
    ledgers: Sequence[str] = LEDGERS,
    *,
    processes: int,
    tell: Callable[[Campaign], None] = lambda _: None,
    stop_at_violation: bool = False,
) -> Campaign:
    """Live through many seeds.

    Args:
        seeds: Which ones.
        ledgers: One of these is chosen by each seed.
        processes: How many to run at once.
        tell: Called now and then with how it stands.
        stop_at_violation: The first violation ends it.
    """
    campaign, began = Campaign(), time.perf_counter()
    outcomes = _one_by_one(seeds, ledgers) if processes == 1 else _spread(seeds, ledgers, processes)
    for outcome in outcomes:
        campaign.add(outcome)
        campaign.seconds = time.perf_counter() - began
        if campaign.outcomes % _CHUNK == 0:
            tell(campaign)
        if stop_at_violation and campaign.violations:
            break
    campaign.seconds = time.perf_counter() - began
    return campaign


def _spread(seeds: Iterable[int], ledgers: Sequence[str], processes: int) -> Iterator[Outcome]:
    """Live through seeds in several processes; what comes of them comes in order."""
    numbers = iter(seeds)
    chunks = ((chunk, ledgers) for chunk in iter(lambda: list(islice(numbers, _CHUNK)), []))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for outcomes in pool.imap(_simulate_chunk, chunks):
            yield from outcomes


def _simulate_chunk(chunk: tuple[Sequence[int], Sequence[str]]) -> list[Outcome]:
    return list(_one_by_one(*chunk))


def _one_by_one(seeds: Iterable[int], ledgers: Sequence[str]) -> Iterator[Outcome]:
    # A world is a web of references in circles: to look for them after each few thousand objects would take most of the
    # time, and they are all gone when the world is.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for count, seed in enumerate(seeds, 1):
            yield simulate(seed, ledgers)
            if count % _CHUNK == 0:
                gc.collect()
    finally:
        if was_enabled:
            gc.enable()
