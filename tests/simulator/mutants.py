"""Mutants: ways to break the payment protocol, each of which the simulator has to notice.

A mutant is the source with other words in a place or two. It is planted before anything of the protocol is imported, so
one process runs one mutant.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import cast

_ATTEMPTS, _GATE, _ADOPTION = (f"masspayout.payments.{name}" for name in ("attempts", "payer_gate", "adoption"))
_OUTCOMES = "masspayout.ledger.hedera.outcomes"


@dataclass(frozen=True, slots=True)
class Change:
    """Other words in a module, in the one place where the old ones stand."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A way to break the protocol; what is guarded twice is changed in both places.

    ``first_seed`` is where a search begins, so that one which takes a minute takes seconds: none is past the ten
    thousandth.
    """

    name: str
    changes: Sequence[Change]
    first_seed: int = 1


def _mutant(name: str, module: str, old: str, new: str, *, first_seed: int = 1) -> Mutant:
    return Mutant(name, (Change(module, old, new),), first_seed)


MUTANTS = (
    _mutant(
        "look for no open attempt",
        _ATTEMPTS,
        "if not batch.is_first_claim and (found",
        "if False and (found",
    ),
    _mutant(
        "pay again who was paid",
        "simulator.store.attempts",
        "row.attempt_id is None\n            and not row.paid\n",
        "True\n",
    ),
    _mutant(
        "reserve in spite of a pause",
        "simulator.store.attempts",
        "if await hold_off_pauses(t, batch.distribution_id):",
        "if False:",
    ),
    _mutant("hand out a number twice", "simulator.store.attempts", "max(floor, 1 + last)", "max(floor, last)"),
    _mutant("take no answer for death", _ATTEMPTS, "return Undecided(error.message)", "return Dead(error.message)"),
    _mutant(
        "lose patience",
        _ATTEMPTS,
        "if isinstance(outcome, Undecided):",
        "if isinstance(outcome, Undecided) and attempt.polls < 3:",
    ),
    _mutant(
        "send before the number is committed",
        _ATTEMPTS,
        "            await self._open_or_reserve(work, claimed, batch, sender)\n"
        "        return claimed\n\n    async def claim_under",
        "            await self._open_or_reserve(work, claimed, batch, sender)\n"
        "            if claimed.attempt is not None and claimed.holders is not None:\n"
        "                signed = await self._ledger.prepare(claimed.transfer(claimed.attempt, claimed.holders))\n"
        "                await self._ledger.submit(signed.signed_bytes)\n"
        "        return claimed\n\n    async def claim_under",
    ),
    _mutant(
        "count those who were refused as paid",
        _ATTEMPTS,
        "await batches.mark_paid(batch, attempt.id, list(unpaid))",
        "await batches.mark_paid(batch, attempt.id, [])",
    ),
    _mutant(
        "let go of nobody who was refused",
        _ATTEMPTS,
        "            await batches.release(batch, attempt_id)\n            half",
        "            half",
    ),
    _mutant(
        "ignore the gate",
        _GATE,
        "    if vanished is not None:\n",
        "    return GateState(payer.id, installation_code, is_open=True)\n    if vanished is not None:\n",
    ),
    _mutant(
        "clear a payer for whatever database",
        _GATE,
        "if facts.clearance != began.clearance:",
        "if False:",
        first_seed=1870,
    ),
    _mutant(
        "doubt nothing",
        _GATE,
        "if payer.identity != facts.identity:",
        "if False:",
        first_seed=370,
    ),
    _mutant(
        "wait for nothing that is under way",
        _GATE,
        "payer.read_required_until = now + timedelta(seconds=settling_seconds) if settling_seconds else None",
        "payer.read_required_until = now",
        first_seed=1190,
    ),
    _mutant(
        "skip the unmatched entry",
        _GATE,
        "if finding is not Finding.ADOPTED:",
        "if False:",
        first_seed=660,
    ),
    _mutant(
        "adopt the wrong amounts",
        _ADOPTION,
        "if owed != units:",
        "if False:",
        first_seed=1190,
    ),
    _mutant("adopt the wrong batch", _ADOPTION, "mark.batch_number) for", "1) for"),
    _mutant(
        "adopt one account without a mark",
        _ADOPTION,
        "_FEWEST_UNMARKED = 2",
        "_FEWEST_UNMARKED = 1",
    ),
    _mutant(
        "take absence for death",
        _OUTCOMES,
        "or await self._prove_death(transaction_id)",
        'or Dead("It is not found.")',
    ),
    _mutant(
        "believe one node's refusal",
        _OUTCOMES,
        "        if result == IN_PROCESS:\n",
        "        if result not in (None, IN_PROCESS, 'RECEIPT_NOT_FOUND'):\n"
        "            return Refused(result)\n"
        "        if result == IN_PROCESS:\n",
    ),
    _mutant("believe a block that is not final", "simulator.ledgers.evm", "if receipt.number > final:", "if False:"),
    Mutant(
        "start without approvals",
        (
            Change(
                "masspayout.controls.start_conditions",
                "    await approvals.require(work, settings, distribution, now)\n",
                "",
            ),
            Change("simulator.store.payouts", "not needs_approvals or given", "True or given"),
        ),
    ),
    _mutant(
        "call a payout off that was paid",
        "masspayout.distributions.lifecycle",
        "distribution.status.can_cancel and",
        "False and",
        first_seed=630,
    ),
    _mutant(
        "stop at a poisoned row",
        "masspayout.automation.scheduler",
        "isinstance(error, DatabaseUnavailable) and not is_of_statement(error)",
        "True",
    ),
    _mutant(
        "adopt what is under way",
        _ADOPTION,
        "if any(row.attempt_status in sent for row in rows.values()):",
        "if False:",
        first_seed=210,
    ),
    _mutant("start what is under way", "simulator.store.payouts", "return row.status is state and (", "return ("),
)


class _Planter(MetaPathFinder):
    """Finds the changed modules."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        changes = [change for change in self._mutant.changes if change.module == fullname]
        spec = PathFinder.find_spec(fullname, path) if changes else None
        if spec is not None:
            spec.loader = _ChangedLoader(fullname, str(spec.origin), changes)
        return spec


class _ChangedLoader(SourceFileLoader):
    """Loads a module with other words in it."""

    def __init__(self, fullname: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(fullname, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType | None:
        source = cast("str", self.get_source(fullname))
        for change in self._changes:
            assert source.count(change.old) == 1, f"{change.module} has {change.old!r} {source.count(change.old)} times"
            source = source.replace(change.old, change.new)
        return compile(source, self.path, "exec", dont_inherit=True)


def plant(name: str) -> None:
    """Have the modules that a mutant changes imported with its changes. None of them may be imported yet."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    imported = [change.module for change in mutant.changes if change.module in sys.modules]
    assert not imported, f"imported already: {imported}"
    sys.meta_path.insert(0, _Planter(mutant))
