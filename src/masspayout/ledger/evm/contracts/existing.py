"""LifeCycleCashFlow contracts that tokenised assets have already: they work out the amounts, and forget to say much.

Whoever they paid before comes back as failed, so a failure is only believed after their earlier events were read. They
are asked to pay lists of addresses only: with pages, holders who move between two calls are missed.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from masspayout.errors import Conflict, ContractPaused
from masspayout.ledger.evm.contracts.interface import Event, Interface, error, event, function
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.evm.erc20 import ZERO_ADDRESS, first_block_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_hex, to_int
from masspayout.ledger.port import Payment

_PAYOUT_ROLE = keccak(text="lifecycle.cash.flow.role.payout")
_RESULTS = ["address[]", "address[]", "uint256[]"]
_LISTS = {"failed": "address[]", "succeeded": "address[]", "paid": "uint256[]"}
_LOG_BLOCKS = 1000

INTERFACE = Interface(
    [
        function("getPaymentToken", [], ["address"]),
        function("getPaymentTokenDecimals", [], ["uint8"]),
        function("isPaused", [], ["bool"]),
        function("hasRole", ["bytes32", "address"], ["bool"]),
        function("pause", [], ["bool"]),
        function("unpause", [], ["bool"]),
        function("transferPaymentToken", ["address", "uint256"], []),
        function("executeAmountSnapshotByAddresses", ["address", "uint256", "address[]", "uint256"], _RESULTS),
        function("executeDistributionByAddresses", ["address", "uint256", "address[]"], _RESULTS),
        event("DistributionExecuted", number="uint256", page="uint256", length="uint256", **_LISTS),
        event("DistributionByAddressesExecuted", number="uint256", holders="address[]", **_LISTS),
        event("AmountSnapshotExecuted", number="uint256", page="uint256", length="uint256", amount="uint256", **_LISTS),
        event("AmountSnapshotByAddressesExecuted", number="uint256", holders="address[]", amount="uint256", **_LISTS),
        event(
            "PercentageSnapshotExecuted", number="uint256", page="uint256", length="uint256", pct="uint256", **_LISTS
        ),
        event("PercentageSnapshotByAddressesExecuted", number="uint256", holders="address[]", pct="uint256", **_LISTS),
        event("PaymentTokenChanged", new="address"),
        event("LifeCycleCashFlowPaused", account="address indexed"),
        event("LifeCycleCashFlowUnpaused", account="address indexed"),
        error("LifeCycleCashFlowIsPaused"),
        error("AccountHasNoRole", "address", "bytes32"),
        error("NotEnoughBalance", "uint256"),
    ]
)
# A contract marks whom it paid by snapshot, whichever way it was told the amount, and apart from that by distribution.
_SNAPSHOT_EVENTS = (
    "AmountSnapshotByAddressesExecuted",
    "AmountSnapshotExecuted",
    "PercentageSnapshotByAddressesExecuted",
    "PercentageSnapshotExecuted",
)
_DISTRIBUTION_EVENTS = ("DistributionByAddressesExecuted", "DistributionExecuted")
_REVERT_CODES = {
    "LifeCycleCashFlowIsPaused": "CONTRACT_PAUSED",
    "AccountHasNoRole": "CONTRACT_ROLE_MISSING",
    "NotEnoughBalance": "INSUFFICIENT_TOKEN_BALANCE",
}


class ExistingContract:
    """Such a contract, at an address."""

    def __init__(self, node: Node, address: str) -> None:
        self.address = address
        self._node = node

    async def payment_token(self) -> str:
        """See ``PayingContract``."""
        return str(await self._ask("getPaymentToken"))

    def encode_pause(self, *, paused: bool) -> bytes:
        """See ``PayingContract``."""
        return INTERFACE.call("pause" if paused else "unpause")

    def encode_withdrawal(self, token_id: str, recipient: str, amount_units: int) -> bytes:
        """See ``PayingContract``."""
        return INTERFACE.call("transferPaymentToken", recipient, amount_units)

    async def check(self, sender: str, token_id: str) -> None:
        """See ``PayingContract``."""
        token = await self.payment_token()
        if token != token_id:
            raise Conflict(
                f"The contract {self.address} pays in {token}, not in {token_id}.",
                "Pay in its token, or have its token manager change it.",
            )
        if not await self._ask("hasRole", _PAYOUT_ROLE, sender):
            raise Conflict(
                f"The contract {self.address} does not let {sender} pay.",
                f"Have its admin grant {sender} the role {to_hex(_PAYOUT_ROLE)}.",
            )
        if await self._ask("isPaused"):
            raise ContractPaused(
                f"The contract {self.address} is paused, so nobody is paid.",
                f"Unpause it with: masspayout evm unpause --contract {self.address}",
            )

    async def encode_payment(
        self, distribution_id: uuid.UUID, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """See ``PayingContract``. The amounts follow from the terms, as they did when the payout was planned."""
        known = ContractTerms.read(terms)
        holders = [payment.account_id for payment in payments]
        if known.occasion is Occasion.SNAPSHOT:
            return INTERFACE.call(
                "executeAmountSnapshotByAddresses", known.asset_id, known.number, holders, known.amount_units
            )
        return INTERFACE.call("executeDistributionByAddresses", known.asset_id, known.number, holders)

    async def failures(self, receipt: Json) -> Mapping[str, str]:
        """See ``PayingContract``."""
        block = to_int(receipt["blockNumber"])
        failures: dict[str, str] = {}
        for executed in INTERFACE.events(receipt["logs"], self.address):
            failed = set(executed.fields.get("failed", ())) - {ZERO_ADDRESS}
            if failed:
                failed -= await self._paid_before(executed, failed, block)
            failures |= dict.fromkeys(failed, "TRANSFER_REVERTED")
        return failures

    def revert_code(self, data: bytes) -> str | None:
        """See ``PayingContract``."""
        return _REVERT_CODES.get(INTERFACE.error(data) or "")

    def event(self, log: Json) -> tuple[str, Mapping[str, str | int]] | None:
        """See ``PayingContract``."""
        reported = INTERFACE.event(log)
        if reported is None:
            return None
        match reported.name:
            case "LifeCycleCashFlowPaused":
                return "Paused", {"account_id": reported.fields["account"]}
            case "LifeCycleCashFlowUnpaused":
                return "Unpaused", {"account_id": reported.fields["account"]}
            case "PaymentTokenChanged":
                return "PaymentTokenChanged", {"token_id": reported.fields["new"]}
        paid = [units for account, units in _succeeded(reported) if account != ZERO_ADDRESS]
        return "DistributionExecuted", {
            "number": reported.fields["number"],
            "paid": len(paid),
            "amount_units": sum(paid),
        }

    async def _paid_before(self, executed: Event, accounts: set[str], block: int) -> set[str]:
        """Return which accounts an earlier call had paid for the same thing, the newest logs first."""
        found: set[str] = set()
        kinds = _SNAPSHOT_EVENTS if executed.name in _SNAPSHOT_EVENTS else _DISTRIBUTION_EVENTS
        topics = [to_hex(INTERFACE.topic(name)) for name in kinds]
        async for logs in self._earlier_logs(topics, block):
            for earlier in INTERFACE.events(logs, self.address):
                if earlier.fields["number"] == executed.fields["number"]:
                    found |= accounts & {account for account, _ in _succeeded(earlier)}
            if found == accounts:
                break
        return found

    async def _earlier_logs(self, topics: Sequence[str], block: int) -> AsyncIterator[Sequence[Json]]:
        first_block = await first_block_of(self._node, self.address, 0, block)
        last, span = block, _LOG_BLOCKS
        while last >= first_block:
            first = max(first_block, last - span + 1)
            try:
                logs = await self._node.logs(first, last, [topics], self.address)
            except NodeError:
                if span == 1:
                    raise
                span //= 2
                continue
            yield logs
            last = first - 1

    async def _ask(self, name: str, *arguments: Any) -> Any:
        answer = await self._node.call(self.address, INTERFACE.call(name, *arguments))
        (value,) = INTERFACE.answer(name, answer)
        return value


async def is_existing(node: Node, address: str) -> bool:
    """Find out whether a contract is a LifeCycleCashFlow one: it answers what only those are asked."""
    try:
        for name in ("getPaymentToken", "getPaymentTokenDecimals", "isPaused"):
            INTERFACE.answer(name, await node.call(address, INTERFACE.call(name)))
    except (NodeError, DecodingError):
        return False
    return True


def _succeeded(executed: Event) -> list[tuple[str, int]]:
    """Return whom a call paid how much; the lists are padded with zeros."""
    return list(zip(executed.fields["succeeded"], executed.fields["paid"], strict=True))
