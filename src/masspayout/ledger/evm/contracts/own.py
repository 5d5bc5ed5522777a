"""Our own paying contract, ``contracts/lifecycle_cash_flow.vy``: it is told whom to pay, and says what it did."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3
from web3.types import TxReceipt

from masspayout.errors import Conflict, ContractPaused, LedgerRejected
from masspayout.ledger.evm.contracts.interface import Interface
from masspayout.ledger.evm.contracts.port import Payout, Result

VERSION = "masspayout lifecycle cash flow 1"
MAX_PAYMENTS = 256

# What one transfer may cost: several times what any ordinary token needs, also for a recipient who never held it.
TRANSFER_GAS = 300_000

TOKEN_REFUSED, WRONG_AMOUNT_ARRIVED, NOT_ENOUGH_FUNDS, NOT_PAYABLE = 3, 4, 5, 6
_FAILURES = {
    TOKEN_REFUSED: "TRANSFER_REVERTED",
    WRONG_AMOUNT_ARRIVED: "WRONG_AMOUNT_ARRIVED",
    NOT_ENOUGH_FUNDS: "INSUFFICIENT_TOKEN_BALANCE",
    NOT_PAYABLE: "INVALID_ACCOUNT_ID",
}
_REFUSALS = {
    "ContractPaused": "CONTRACT_PAUSED",
    "NotAPayer": "CONTRACT_ROLE_MISSING",
    "NotEnoughGas": "TRANSACTION_OUT_OF_GAS",
}


@cache
def artifact() -> Mapping[str, Any]:
    """Return the contract as it was compiled: ``abi``, ``bytecode``, ``compiler``."""
    file = resources.files("masspayout.ledger.evm.contracts") / "lifecycle_cash_flow.json"
    made: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return made


@cache
def interface() -> Interface:
    """Return what can be said to the contract, and what it says."""
    return Interface(artifact()["abi"])


def deployment(token_id: str, *, admin: str, payer: str, pauser: str) -> bytes:
    """Return the data of the transaction that creates a contract for a payment token."""
    return bytes.fromhex(artifact()["bytecode"].removeprefix("0x")) + encode(
        ["address"] * 4, [token_id, admin, payer, pauser]
    )


class OwnContract:
    """One of our contracts, at an address. ``transfer_gas`` is the most that the token may use for one transfer."""

    kind = "paying contract"

    def __init__(self, web3: AsyncWeb3[Any], address: str, *, transfer_gas: int = TRANSFER_GAS) -> None:
        self.address = address
        self._web3 = web3
        self._transfer_gas = transfer_gas

    async def check(self, sender: str, token_id: str) -> None:
        """See ``PayingContract``."""
        token = await self.ask("payment_token")
        if token != token_id:
            raise Conflict(
                f"The contract {self.address} pays in {token}, not in {token_id}.",
                "Deploy one for this token with: masspayout evm deploy",
            )
        if not await self.ask("is_payer", sender):
            raise Conflict(
                f"The contract {self.address} does not let {sender} pay.",
                f"Have its admin {await self.ask('admin')} call set_payer({sender}, true) on it.",
            )
        if await self.ask("is_paused"):
            raise ContractPaused(
                f"The contract {self.address} is paused, so nobody is paid.",
                "Unpause it with: masspayout evm unpause",
            )

    def encode(self, payout: Payout) -> bytes:
        """See ``PayingContract``."""
        if len(payout.payments) > MAX_PAYMENTS:
            raise LedgerRejected(
                "TOO_MANY_RECIPIENTS",
                f"The contract takes at most {MAX_PAYMENTS} payments at once, not {len(payout.payments)}.",
                f"Set BATCH_SIZE to {MAX_PAYMENTS} or less.",
            )
        payments = [(payment.account_id, payment.amount_units) for payment in payout.payments]
        return interface().call("pay", payout.distribution_id.bytes.rjust(32, b"\0"), payments, self._transfer_gas)

    async def results(self, receipt: TxReceipt) -> Mapping[str, Result]:
        """See ``PayingContract``. The logs say everything."""
        results: dict[str, Result] = {}
        for event in interface().events(receipt["logs"], self.address):
            recipient = str(event.fields.get("recipient")).lower()
            match event.name:
                case "Paid":
                    results[recipient] = Result(event.fields["amount"], None)
                case "AlreadyPaid":
                    results.setdefault(recipient, Result(0, None))
                case "NotPaid":
                    results[recipient] = Result(0, _FAILURES[event.fields["result"]])
        return results

    def refusal(self, revert_data: bytes) -> str:
        """See ``PayingContract``."""
        return _REFUSALS.get(interface().error(revert_data) or "", "CONTRACT_REVERTED")

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Return what a function of the contract that only reads says; addresses in canonical form."""
        call = interface().call(name, *arguments)
        data = await self._web3.eth.call({"to": to_checksum_address(self.address), "data": call})
        (value,) = interface().answer(name, bytes(data))
        return value
