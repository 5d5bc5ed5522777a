"""Plans: what a seed makes of a simulation, before anything happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

LEDGERS = ("sandbox", "hedera", "evm")
PAYER = {"sandbox": "0.0.1001", "hedera": "0.0.1001", "evm": f"0x{0xCA5F:040x}"}
TOKEN = {"sandbox": "0.0.9000", "hedera": "0.0.9000", "evm": f"0x{0x70CE:040x}"}

# How probable each fault is at most, whenever it could happen. A seed has some of the kinds, each with a part of that.
_STEP_FAULTS = {"crash": 0.003, "stall": 0.002, "connection lost": 0.02, "answer of a commit lost": 0.03}
_MESSAGE_FAULTS = {
    "question lost": 0.5,
    "throttled": 0.5,
    "message lost": 0.5,
    "message delayed": 0.5,
    "message doubled": 0.5,
    "answer lost": 0.5,
    "busy at consensus": 0.2,
}
_FAULTS_OF: Mapping[str, Mapping[str, float]] = {
    "sandbox": {},
    "hedera": {"node lies": 0.5, "mirror misrouted": 0.5},
    "evm": {"receipt hidden": 0.5, "node behind": 0.5},
}
_EVENTS = (
    "backup restored",
    "failover",
    "old primary stays alive",
    "foreign payment",
    "clock set",
    "database clock set",
    "ledger away",
    "messages swallowed",
    "account frozen",
    "funds drained",
    "worker killed",
    "server restarted",
)
_EVENTS_OF: Mapping[str, Sequence[str]] = {
    "sandbox": ("mirror lags",),
    "hedera": ("mirror lags",),
    "evm": ("blocks replaced", "fees rise", "mempool emptied"),
}
# The part of the payouts that somebody tries to pause.
_PAUSED = 0.25
POISON_ROW = "poison row"
FAULT_KINDS = (
    POISON_ROW,
    *_STEP_FAULTS,
    *_MESSAGE_FAULTS,
    *(kind for kinds in _FAULTS_OF.values() for kind in kinds),
    *_EVENTS,
    *dict.fromkeys(kind for kinds in _EVENTS_OF.values() for kind in kinds),
)


@dataclass(frozen=True, slots=True)
class PayoutPlan:
    """One payout.

    Attributes:
        name: How the trace calls it.
        batches: The accounts of each batch, with the units that they are owed.
        begins_at: When somebody wants it to start, in seconds.
        is_scheduled: It starts by itself then.
        cancelled_at: When somebody tries to call it off.
        paused: When somebody pauses it, and for how many seconds.
        is_poisoned: It is scheduled, and whoever starts it during the storm meets an error that nobody foresaw.
    """

    name: str
    batches: Sequence[Sequence[tuple[str, int]]]
    begins_at: float
    is_scheduled: bool
    cancelled_at: float | None
    is_poisoned: bool
    paused: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once: at a time, or after so many commits, whichever it names."""

    kind: str
    at_seconds: float | None
    at_commits: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A simulation before it begins."""

    seed: int
    ledger: str
    payouts: Sequence[PayoutPlan]
    workers: int
    approvals: int
    rates: Mapping[str, float]
    events: Sequence[Event]
    storm_seconds: float
    in_flight: int
    is_atomic: bool
    is_synchronous: bool
    senders: int
    slots: int


def make_plan(seed: int, ledgers: Sequence[str] = LEDGERS, *, has_one_server: bool = False) -> Plan:
    """Return the plan of a seed; where no two servers can live at once, without what takes two."""
    chance = Random(f"plan/{seed}")
    ledger = ledgers[seed % len(ledgers)]
    # Where every question is one of SQL, it takes a hundred times as long.
    most_workers = 2 if has_one_server else 4
    payout_count = 1 + int(chance.random() * 2) if has_one_server else 4 + int(chance.random() * 9)
    storm_seconds = 10 ** (1.3 + 2 * chance.random())
    rates = {}
    for kinds_of_faults in (_STEP_FAULTS, _MESSAGE_FAULTS, _FAULTS_OF[ledger]):
        for kind, most in kinds_of_faults.items():
            if chance.random() < 0.4:
                rates[kind] = most * chance.random() ** 2
    count = int(chance.random() ** 2 * 5)
    possible = [*_EVENTS, *_EVENTS_OF[ledger]]
    if has_one_server:
        possible.remove("old primary stays alive")
    kinds = [kind for kind in possible if chance.random() < 0.5] or possible
    events = [_event(chance, kinds, storm_seconds) for _ in range(count)]
    if chance.random() < 0.3:
        events.append(Event("account frozen", None, 1))
    if chance.random() < 0.1:
        events.append(Event("funds drained", None, 1))
    return Plan(
        seed=seed,
        ledger=ledger,
        payouts=[
            _payout(chance, seed, number, ledger, storm_seconds, is_serial=has_one_server)
            for number in range(1, payout_count + 1)
        ],
        workers=2 + int(chance.random() ** 2 * most_workers),
        approvals=int(chance.random() * 3),
        rates=rates,
        events=events,
        storm_seconds=storm_seconds,
        in_flight=1 + int(chance.random() * 3),
        is_atomic=ledger == "hedera" or (ledger == "sandbox" and chance.random() < 0.5),
        is_synchronous=chance.random() < 0.1 and not has_one_server,
        senders=1 + int(chance.random() * 2),
        slots=1 + (chance.random() < 0.3),
    )


def _payout(
    chance: Random, seed: int, number: int, ledger: str, storm_seconds: float, *, is_serial: bool
) -> PayoutPlan:
    # Payouts share accounts, so that amounts alone do not tell which one was paid.
    pool = [account(ledger, index) for index in range(12)]
    batches = []
    for _ in range(1 + int(chance.random() * 3)):
        size = 1 + int(chance.random() * 4)
        batches.append(
            [(pool.pop(int(chance.random() * len(pool))), 1 + int(chance.random() * 3)) for _ in range(size) if pool]
        )
    batches = [batch for batch in batches if batch]
    begins_at = chance.random() ** 2 * storm_seconds / 2
    cancelled_at = begins_at + (chance.random() - 0.5) * 2 if chance.random() < 0.15 else None
    is_scheduled = chance.random() < 0.5
    is_poisoned = is_scheduled and not is_serial and Random(f"poison/{seed}/{number}").random() < 0.03
    paused = _pause(Random(f"pause/{seed}/{number}"), begins_at, storm_seconds)
    return PayoutPlan(f"payout {number}", batches, begins_at, is_scheduled, cancelled_at, is_poisoned, paused)


def _pause(chance: Random, begins_at: float, storm_seconds: float) -> tuple[float, float] | None:
    """Return when somebody pauses a payout, soon after its start, and for how long; None for most payouts."""
    if chance.random() > _PAUSED:
        return None
    return begins_at + 10 ** (3 * chance.random() - 1), chance.random() * storm_seconds / 4


def _event(chance: Random, kinds: Sequence[str], storm_seconds: float) -> Event:
    kind = kinds[int(chance.random() * len(kinds))]
    if chance.random() < 0.6:
        return Event(kind, None, 5 + int(chance.random() * 150))
    return Event(kind, chance.random() * storm_seconds, None)


def account(ledger: str, index: int) -> str:
    """Return the id of an account on a ledger."""
    return f"0x{index + 1:040x}" if ledger == "evm" else f"0.0.{2000 + index}"
