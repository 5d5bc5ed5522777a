"""The contracts that hold payment tokens and pay holders: our own, and those that tokenised assets have already."""

from masspayout.kernel.errors import Invalid
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.contracts.existing import ExistingContract, is_existing
from masspayout.ledger.evm.contracts.own import OwnContract, is_own
from masspayout.ledger.evm.contracts.port import PayingContract, Results
from masspayout.ledger.evm.node import Node

__all__ = ["ExistingContract", "OwnContract", "PayingContract", "Results", "recognise"]


async def recognise(node: Node, address: str) -> PayingContract:
    """Return the paying contract at an address, by its kind.

    Raises:
        Invalid: There is no contract at all, or one that does not pay.
        LedgerUnavailable: No node could be reached.
    """
    if not await node.code(address):
        raise Invalid(
            f"There is no contract at {address}.",
            "Check the address and the chain, or create one with: ",
            Action.DEPLOY_CONTRACT,
        )
    if await is_own(node, address):
        return OwnContract(node, address)
    if await is_existing(node, address):
        return ExistingContract(node, address)
    raise Invalid(f"The contract at {address} is none that can pay holders.", "Make one with: ", Action.DEPLOY_CONTRACT)
