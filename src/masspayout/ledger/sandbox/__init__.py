"""A small ledger for trying things out: it keeps its books in PostgreSQL and can be told to misbehave.

``SandboxLedger`` is the adapter behind the port; its ``admin`` is the operator of the ledger: create tokens, deposit,
freeze, advance the clock, set faults.
"""

from masspayout.ledger.sandbox.adapter import SandboxLedger
from masspayout.ledger.sandbox.administration import AccountState, Holding, RecordedTransaction, SandboxAdministration
from masspayout.ledger.sandbox.faults import Faults

__all__ = [
    "AccountState",
    "Faults",
    "Holding",
    "RecordedTransaction",
    "SandboxAdministration",
    "SandboxLedger",
]
