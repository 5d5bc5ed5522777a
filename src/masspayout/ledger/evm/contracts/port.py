"""What the EVM adapter asks of a contract that pays holders out of what it holds.

The contract encodes one call for some payments of a distribution, and reads from the receipt what became of each. The
adapter signs, sends, and decides which receipts are final.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from web3.types import TxReceipt

from masspayout.ledger.port import Payment


@dataclass(frozen=True, slots=True)
class Payout:
    """Some payments of one distribution, for one call.

    Attributes:
        reference: What the contract itself knows the distribution by; None for a contract that is told the amounts.
    """

    distribution_id: uuid.UUID
    payments: Sequence[Payment]
    reference: str | None = None


class Result(NamedTuple):
    """What became of one payment.

    Attributes:
        moved_units: What this transaction moved to the recipient; 0 when an earlier one had paid it.
        failure: The code that says why it is unpaid (see ``masspayout.ledger.failures``); None when it is paid.
    """

    moved_units: int
    failure: str | None


class PayingContract(Protocol):
    """A contract that holds a payment token and pays from it. Calls to a node raise what web3 raises."""

    @property
    def address(self) -> str:
        """Where it is, in canonical form."""

    @property
    def kind(self) -> str:
        """What it is called in messages."""

    async def check(self, sender: str, token_id: str) -> None:
        """Find out whether an account may have the contract pay in a token now, but for how much it holds.

        Raises:
            Conflict: The contract pays in another token, or does not let the account pay.
            ContractPaused: The contract is paused.
        """

    def encode(self, payout: Payout) -> bytes:
        """Return the call's data.

        Raises:
            LedgerRejected: The contract cannot pay this.
        """

    async def results(self, receipt: TxReceipt) -> Mapping[str, Result]:
        """Return what became of each payment of a call that succeeded, by account id.

        Args:
            receipt: Of the call's transaction, from the node.
        """

    def refusal(self, revert_data: bytes) -> str:
        """Return the failure code of a call that was reverted as a whole."""
