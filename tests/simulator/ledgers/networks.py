"""Which simulated network and client a plan asks for."""

from typing import Any

from masspayout.ledger.port import LedgerTraits
from masspayout.settings import Settings
from simulator.ledgers.books import Books
from simulator.ledgers.evm import EvmClient
from simulator.ledgers.evm_chain import EvmNetwork
from simulator.ledgers.hedera import HederaClient, HederaNetwork
from simulator.ledgers.sandbox import SandboxClient, SandboxNetwork
from simulator.plans import Plan
from simulator.processes import Faults, Process
from simulator.virtual_time import VirtualLoop


def make_network(plan: Plan, loop: VirtualLoop, faults: Faults) -> Any:
    """Return the network of a plan's ledger."""
    traits = LedgerTraits(
        name=plan.ledger,
        recipients_per_transaction=10,
        atomic=plan.is_atomic,
        transactions_in_flight=plan.in_flight,
        keeps_history=True,
        signs_times=plan.ledger != "evm",
    )
    if plan.ledger == "evm":
        return EvmNetwork(loop, Books(), traits, faults, plan.seed)
    network = HederaNetwork if plan.ledger == "hedera" else SandboxNetwork
    return network(loop, Books(), traits, faults)


def make_client(network: Any, process: Process, store: Any, plan: Plan, settings: Settings) -> Any:
    """Return a process's connection to a network."""
    if plan.ledger == "evm":
        return EvmClient(process, network, store, plan.senders)
    if plan.ledger == "hedera":
        return HederaClient(process, network, store.clock.now_nanos, settings)
    return SandboxClient(process, network, store.clock.now_nanos)
