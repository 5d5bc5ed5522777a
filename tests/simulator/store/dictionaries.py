"""Units of work on servers of dictionaries: rung A, fast and with every interleaving of transactions."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from masspayout.db.entities import Distribution
from simulator.processes import Process
from simulator.store.adoptions import Adoptions
from simulator.store.attempts import Attempts, Claims, FirstClaims
from simulator.store.batches import BatchPayouts
from simulator.store.evm import EvmTransactions
from simulator.store.exchanges import AuditNotes, Exchanges
from simulator.store.pauses import Pauses
from simulator.store.payers import PayerBalances, Payers, Tracked
from simulator.store.payouts import (
    Approvals,
    Assets,
    Distributions,
    DueStarts,
    Entitlements,
    LedgerBindings,
    PayoutStarts,
    Policies,
    Series,
)
from simulator.store.rows import Server, Transaction


class DictionaryServer(Server):
    """A server whose transactions are asked through the store port."""

    def begin(self, process: Process, ids: "count[int]") -> "DictionaryWork":
        """Begin a unit of work of a process.

        Raises:
            DatabaseUnavailable: The server is down.
        """
        if not self.is_up and self.serial_lock is not None:
            self.serial_lock.release()
        transaction = self.open_transaction()
        transaction.owner = process
        return DictionaryWork(process, transaction, ids)


class DictionaryWork:
    """A unit of work on a server of dictionaries."""

    def __init__(self, process: Process, transaction: Transaction, ids: "count[int]") -> None:
        self.audit_entries = AuditNotes(process)
        self.policies = Policies()
        self.transaction = transaction
        self.tracked = Tracked(transaction)
        self.ids = ids
        self._process = process

    def __getattr__(self, name: str) -> Any:
        make = _REPOSITORIES.get(name)
        if make is None:
            raise AttributeError(name)
        return Exchanges(self._process, self.transaction, name, make(self))

    def entitlements(self, distribution: Distribution) -> Any:
        """Return what the holders of a distribution are owed."""
        return Exchanges(self._process, self.transaction, "entitlements", Entitlements(self.transaction, distribution))

    async def refresh(self, entity: Any, names: object = None) -> None:
        """Read a distribution again."""
        row = self.transaction.find("distribution", entity.id)
        if row is not None:
            entity.__dict__.update(row.__dict__)

    async def rollback(self) -> None:
        """Undo what this unit of work wrote."""
        self.tracked = Tracked(self.transaction)
        self.transaction.undo()

    async def finish(self) -> None:
        """Write back what was locked and changed."""
        self.tracked.write_back()


_REPOSITORIES: Mapping[str, Callable[[DictionaryWork], object]] = {
    "claims": lambda work: Claims(work.transaction),
    "first_claims": lambda work: FirstClaims(work.transaction),
    "attempts": lambda work: Attempts(work.transaction),
    "batch_payouts": lambda work: BatchPayouts(work.transaction),
    "distributions": lambda work: Distributions(work.transaction),
    "pauses": lambda work: Pauses(work.transaction),
    "payers": lambda work: Payers(work.transaction, work.tracked, work.ids),
    "adoptions": lambda work: Adoptions(work.transaction, work.ids),
    "due_starts": lambda work: DueStarts(work.transaction),
    "ledger_bindings": lambda work: LedgerBindings(work.transaction),
    "approvals": lambda work: Approvals(work.transaction),
    "payout_starts": lambda work: PayoutStarts(work.transaction),
    "evm_transactions": lambda work: EvmTransactions(work.transaction, work.ids),
    "assets": lambda _: Assets(),
    "series": lambda _: Series(),
    "payer_balances": lambda _: PayerBalances(),
}
