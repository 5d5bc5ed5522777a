"""EVM chains that are all alike, on which a payout is interrupted again and again."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import URL

from anvil import Anvil, running_anvil
from chains import Contract
from crash_scenarios import AT_ONCE, Scenario
from masspayout.settings import Settings
from unreliable_node import Faults, UnreliableNode, running_beside

FAULTS = Faults(lose_answer_percent=25, lose_request_percent=10, repeat_percent=20)


@dataclass(frozen=True)
class Plan:
    """A payout that was planned on a chain.

    Attributes:
        bad: Those of its holders who cannot be paid, each with the code that will say why.
    """

    distribution_id: uuid.UUID
    settings: Settings
    asset_token: str
    payment_token: Contract
    holders: Sequence[str]
    bad: Mapping[str, str]


@dataclass
class EvmStage:
    """A chain that is put back to the moment at which the payout was planned, and the way to it."""

    settings: Settings
    anvil: Anvil
    way: UnreliableNode
    token: Contract
    holders: Sequence[str]
    beginning: str

    def begin_again(self) -> None:
        self.anvil.call("evm_revert", self.beginning)
        self.beginning = self.anvil.call("evm_snapshot")
        self.way.faults = FAULTS

    def calm_down(self) -> None:
        self.way.faults = Faults()

    def wait_until_shown(self) -> None:
        """Blocks are made at once, and the newest is final soon."""

    def received_units(self) -> dict[str, int]:
        balances = self.token.ask_all("balanceOf", [(holder,) for holder in self.holders])
        return {holder: units for holder, units in zip(self.holders, balances, strict=True) if units}


@contextmanager
def scenario_on_chains(plan: Plan, anvil: Anvil, url: URL, directory: Path) -> Iterator[Scenario]:
    """Tell a planned payout on as many chains, equal to the one that it was planned on, as there are deaths at once."""
    waiting: SimpleQueue[EvmStage] = SimpleQueue()

    @contextmanager
    def stage(_: URL) -> Iterator[EvmStage]:
        taken = waiting.get()
        taken.begin_again()
        yield taken
        waiting.put(taken)

    state = directory / "state"
    anvil.keep_state(state)
    with ExitStack() as opened:
        others = (running_anvil(directory / str(number), "--load-state", str(state)) for number in range(1, AT_ONCE))
        for chain in (anvil, *(opened.enter_context(other) for other in others)):
            way = opened.enter_context(running_beside(UnreliableNode(chain.url)))
            settings = plan.settings.model_copy(update={"evm_rpc_url": way.url})
            token = Contract(chain, plan.payment_token.address, plan.payment_token.interface)
            waiting.put(EvmStage(settings, chain, way, token, plan.holders, chain.call("evm_snapshot")))
        opener = "masspayout.ledger.evm:EvmLedger"
        yield Scenario(url, plan.distribution_id, plan.bad, opener, stage, plan.asset_token)
