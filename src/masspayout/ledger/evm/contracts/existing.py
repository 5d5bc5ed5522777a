"""LifeCycleCashFlow contracts that tokenised assets have already: they work out the amounts, and forget to say much.

Whoever they paid before comes back as failed, so a failure is only believed after their earlier events were read. They
are asked to pay lists of addresses only: with pages, holders who move between two calls are missed.
"""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from masspayout.errors import Conflict, ContractPaused, LedgerRejected
from masspayout.ledger.evm.contracts.interface import LACKS_ROLE, Event, Interface, error, event, function
from masspayout.ledger.evm.contracts.redemption import ALREADY_REDEEMED, HOLDING_CHANGED, REDEEMER_ROLE_MISSING, Bond
from masspayout.ledger.evm.contracts.terms import ContractTerms, Occasion
from masspayout.ledger.evm.erc20 import ZERO_ADDRESS, first_block_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_hex, to_int
from masspayout.ledger.failures import describe_failure
from masspayout.ledger.port import Payment
from masspayout.ledger_time import NANOS_PER_SECOND, to_datetime

_PAYOUT_ROLE = keccak(text="lifecycle.cash.flow.role.payout")
_CASH_OUT_ROLE = keccak(text="lifecycle.cash.flow.role.cashout")
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
        function("executeBondCashOutByAddresses", ["address", "address[]"], _RESULTS),
        event("DistributionExecuted", number="uint256", page="uint256", length="uint256", **_LISTS),
        event("DistributionByAddressesExecuted", number="uint256", holders="address[]", **_LISTS),
        event("AmountSnapshotExecuted", number="uint256", page="uint256", length="uint256", amount="uint256", **_LISTS),
        event("AmountSnapshotByAddressesExecuted", number="uint256", holders="address[]", amount="uint256", **_LISTS),
        event(
            "PercentageSnapshotExecuted", number="uint256", page="uint256", length="uint256", pct="uint256", **_LISTS
        ),
        event("PercentageSnapshotByAddressesExecuted", number="uint256", holders="address[]", pct="uint256", **_LISTS),
        event("CashOutExecuted", page="uint256", length="uint256", **_LISTS),
        event("CashOutByAddressesExecuted", holders="address[]", **_LISTS),
        event("PaymentTokenChanged", new="address"),
        event("LifeCycleCashFlowPaused", account="address indexed"),
        event("LifeCycleCashFlowUnpaused", account="address indexed"),
        error("LifeCycleCashFlowIsPaused"),
        error(LACKS_ROLE, "address", "bytes32"),
        error("NotEnoughBalance", "uint256"),
        error("NotPaymentDate", "uint256", "uint256"),
        error("InvalidAsset", "address"),
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
# Whoever was redeemed has nothing left: they come back as paid, and got nothing.
_CASH_OUT_EVENTS = ("CashOutByAddressesExecuted", "CashOutExecuted")
_REVERT_CODES = {
    "LifeCycleCashFlowIsPaused": "CONTRACT_PAUSED",
    LACKS_ROLE: "CONTRACT_ROLE_MISSING",
    "NotEnoughBalance": "INSUFFICIENT_TOKEN_BALANCE",
    "NotPaymentDate": "NOT_PAYMENT_DATE",
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

    async def check(self, sender: str, token_id: str, terms: str | None = None) -> None:
        """See ``PayingContract``."""
        token = await self.payment_token()
        if token != token_id:
            raise Conflict(
                f"The contract {self.address} pays in {token}, not in {token_id}.",
                "Pay in its token, or have its token manager change it.",
            )
        known = None if terms is None else ContractTerms.read(terms)
        await self._require_role(sender, known)
        if await self._ask("isPaused"):
            raise ContractPaused(
                f"The contract {self.address} is paused, so nobody is paid.",
                f"Unpause it with: masspayout evm unpause --contract {self.address}",
            )
        if known is not None and known.occasion is Occasion.REDEMPTION:
            await self._require_redemption(sender, known.asset_id)

    async def encode_payment(
        self, distribution_id: uuid.UUID, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """See ``PayingContract``. The amounts follow from the terms, as they did when the payout was planned."""
        known = ContractTerms.read(terms)
        holders = [payment.account_id for payment in payments]
        match known.occasion:
            case Occasion.SNAPSHOT:
                return INTERFACE.call(
                    "executeAmountSnapshotByAddresses", known.asset_id, known.number, holders, known.amount_units
                )
            case Occasion.REDEMPTION:
                await self._require_as_planned(known.asset_id, payments)
                return INTERFACE.call("executeBondCashOutByAddresses", known.asset_id, holders)
            case Occasion.DISTRIBUTION:
                return INTERFACE.call("executeDistributionByAddresses", known.asset_id, known.number, holders)

    async def failures(self, receipt: Json) -> Mapping[str, str]:
        """See ``PayingContract``."""
        block = to_int(receipt["blockNumber"])
        failures: dict[str, str] = {}
        for executed in INTERFACE.events(receipt["logs"], self.address):
            failed = set(executed.fields.get("failed", ())) - {ZERO_ADDRESS}
            if executed.name in _CASH_OUT_EVENTS:
                failures |= await self._not_redeemed(executed, block)
            elif failed:
                failed -= await self._paid_before(executed, failed, block)
            failures |= dict.fromkeys(failed, "TRANSFER_REVERTED")
        return failures

    def paid_units(self, receipt: Json) -> Mapping[str, int]:
        """See ``PayingContract``. Only what bonds are redeemed for depends on the moment."""
        return {
            account: units
            for executed in INTERFACE.events(receipt["logs"], self.address)
            if executed.name in _CASH_OUT_EVENTS
            for account, units in _succeeded(executed)
            if units
        }

    def revert_code(self, data: bytes) -> str | None:
        """See ``PayingContract``. A bond complains in the same words of the contract as the contract of a sender."""
        name = INTERFACE.error(data) or ""
        if name == LACKS_ROLE and INTERFACE.error_values(data)[0] == self.address:
            return REDEEMER_ROLE_MISSING
        return _REVERT_CODES.get(name)

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
        number = {"number": reported.fields["number"]} if "number" in reported.fields else {}
        return "DistributionExecuted", {**number, "paid": len(paid), "amount_units": sum(paid)}

    async def _require_role(self, sender: str, terms: ContractTerms | None) -> None:
        """Refuse a sender that the contract would not obey; without terms, one that it would not obey in anything."""
        roles = [_PAYOUT_ROLE, _CASH_OUT_ROLE]
        if terms is not None:
            roles = [_CASH_OUT_ROLE if terms.occasion is Occasion.REDEMPTION else _PAYOUT_ROLE]
        if not any([await self._ask("hasRole", role, sender) for role in roles]):
            raise Conflict(
                f"The contract {self.address} does not let {sender} "
                f"{'redeem bonds' if roles == [_CASH_OUT_ROLE] else 'pay'}.",
                f"Have its admin grant {sender} the role {to_hex(roles[0])}.",
            )

    async def _require_redemption(self, sender: str, bond_id: str) -> None:
        """Have the sender redeem nobody's bonds: whatever is in the way of anybody's shows, and nothing happens."""
        bond = Bond(self._node, bond_id)
        await bond.require_principal(self.address)
        nobodys = INTERFACE.call("executeBondCashOutByAddresses", bond_id, [])
        try:
            await self._node.call(self.address, nobodys, sender=sender)
        except NodeError as refusal:
            if not refusal.is_revert:
                raise
            raise self._cannot_redeem(bond_id, refusal) from None
        await bond.require_redeemer(self.address)

    def _cannot_redeem(self, bond_id: str, refusal: NodeError) -> Conflict:
        match INTERFACE.error(refusal.data):
            case "NotPaymentDate":
                maturity_at = to_datetime(INTERFACE.error_values(refusal.data)[0] * NANOS_PER_SECOND)
                return Conflict(
                    f"The bond {bond_id} matures at {maturity_at:%Y-%m-%d %H:%M:%S} UTC.",
                    "Plan its redemption after that time.",
                )
            case "InvalidAsset":
                return Conflict(
                    f"The contract {self.address} belongs to another asset than {bond_id}.",
                    f"Name the bond's own with: masspayout asset import {bond_id} --lifecycle-contract ID",
                )
        return Conflict(
            f"The contract {self.address} cannot redeem {bond_id}: it asks of the bond what this version of bonds does "
            f"not answer ({refusal.message}).",
            "Have the contract upgraded to one that fits the bond; or pay the principal as a list from a contract of "
            "your own, and have the issuer redeem the bonds.",
        )

    async def _require_as_planned(self, bond_id: str, payments: Sequence[Payment]) -> None:
        """Refuse to sign for holders who would not get what was planned, or whose bonds would not all be burnt.

        Raises:
            LedgerRejected: There are some. Alone, each is refused with their own reason.
        """
        bond, decimals = Bond(self._node, bond_id), await self._ask("getPaymentTokenDecimals")
        obstacles = await bond.obstacles(self.address, payments, decimals)
        if not obstacles:
            return
        account, code = next(iter(obstacles.items()))
        is_alone = len(payments) == 1
        if is_alone and code == HOLDING_CHANGED and await bond.principals_units([account], decimals) == [0]:
            latest = to_int(await self._node.request("eth_blockNumber"))
            if await self._paid_earlier(_CASH_OUT_EVENTS, None, {account}, latest):
                code = ALREADY_REDEEMED
        failure = describe_failure(code)
        raise LedgerRejected(code, f"{account} is not redeemed now. {failure.sentence}", failure.next_step)

    async def _not_redeemed(self, executed: Event, block: int) -> Mapping[str, str]:
        """Return who came back as paid and got nothing: they had been redeemed before, or had no bonds any more.

        Whoever comes back as failed was not redeemed before, for then there would have been nothing to fail with.
        """
        empty_handed = {account for account, units in _succeeded(executed) if not units} - {ZERO_ADDRESS}
        if not empty_handed:
            return {}
        redeemed = await self._paid_earlier(_CASH_OUT_EVENTS, None, empty_handed, block)
        return {account: ALREADY_REDEEMED if account in redeemed else HOLDING_CHANGED for account in empty_handed}

    async def _paid_before(self, executed: Event, accounts: set[str], block: int) -> set[str]:
        """Return which accounts an earlier call had paid for the same thing, the newest logs first."""
        kinds = _SNAPSHOT_EVENTS if executed.name in _SNAPSHOT_EVENTS else _DISTRIBUTION_EVENTS
        return await self._paid_earlier(kinds, executed.fields["number"], accounts, block)

    async def _paid_earlier(self, kinds: Sequence[str], number: int | None, accounts: set[str], block: int) -> set[str]:
        """Return which accounts some kinds of events say were paid for a number, up to a block, the newest logs first.

        Redemptions have no number, and only whoever got something was redeemed.
        """
        found: set[str] = set()
        topics = [to_hex(INTERFACE.topic(name)) for name in kinds]
        async for logs in self._earlier_logs(topics, block):
            for earlier in INTERFACE.events(logs, self.address):
                if earlier.fields.get("number") == number:
                    paid = {account for account, units in _succeeded(earlier) if units or number is not None}
                    found |= accounts & paid
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
