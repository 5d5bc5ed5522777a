"""Our own paying contract, ``contracts/lifecycle_cash_flow.vy``: it is told each amount, and reports each payment."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError

from masspayout.kernel.errors import Conflict, ContractPaused, LedgerRejected, LedgerUnavailable
from masspayout.kernel.movements import Payment
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.contracts.history import newest_first
from masspayout.ledger.evm.contracts.interface import Interface
from masspayout.ledger.evm.contracts.port import Results
from masspayout.ledger.evm.erc20 import TRANSFER_REVERTED, topic_of
from masspayout.ledger.evm.node import Json, Node, NodeError, to_hex, to_int
from masspayout.ledger.failures import PAYER_IS_RECIPIENT, PAYMENT_NOT_REPORTED, TRANSFER_LIST_TOO_LONG

VERSION = "masspayout lifecycle cash flow 1"
# As in contracts/lifecycle_cash_flow.vy, whose arrays are that long.
MAX_PAYMENTS = 256

# The gas limit of one transfer: several times the need of an ordinary token, also for a recipient who never held it.
TRANSFER_GAS = 300_000

_PAID = (1, 2)  # now, or before
TOKEN_REFUSED, WRONG_AMOUNT_ARRIVED, NOT_ENOUGH_FUNDS, NOT_PAYABLE = 3, 4, 5, 6
_FAILURES = {
    TOKEN_REFUSED: TRANSFER_REVERTED,
    WRONG_AMOUNT_ARRIVED: "WRONG_AMOUNT_ARRIVED",
    NOT_ENOUGH_FUNDS: "INSUFFICIENT_TOKEN_BALANCE",
    NOT_PAYABLE: "INVALID_ACCOUNT_ID",
}
_SINGLE_FAILURES = {"WrongAmountArrived": "WRONG_AMOUNT_ARRIVED", "NotPayable": "INVALID_ACCOUNT_ID"}
_REVERT_CODES = {
    "ContractPaused": "CONTRACT_PAUSED",
    "NotAPayer": "CONTRACT_ROLE_MISSING",
    "NotEnoughGas": "TRANSACTION_OUT_OF_GAS",
}


@cache
def artifact() -> Mapping[str, Any]:
    """Return the compiled contract: ``abi``, ``bytecode``, ``compiler``."""
    file = resources.files("masspayout.ledger.evm.contracts") / "lifecycle_cash_flow.json"
    made: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return made


@cache
def interface() -> Interface:
    """Return the interface of the contract."""
    return Interface(artifact()["abi"])


def deployment(token_id: str, *, admin: str, payer: str, pauser: str) -> bytes:
    """Return the data of the transaction that creates a contract for a payment token."""
    return bytes.fromhex(artifact()["bytecode"].removeprefix("0x")) + encode(
        ["address"] * 4, [token_id, admin, payer, pauser]
    )


class SimulatedPayment(NamedTuple):
    """The result of a simulated payment: the amounts that the token refuses to transfer, by recipient."""

    refused: Mapping[str, int]
    pays_nobody: bool


class OwnContract:
    """One of our contracts, at an address."""

    def __init__(self, node: Node, address: str) -> None:
        self.address = address
        self._node = node

    async def payment_token(self) -> str:
        """See ``PayingContract``."""
        return str(await self.ask("payment_token"))

    def encode_pause(self, *, paused: bool) -> bytes:
        """See ``PayingContract``."""
        return interface().call("pause" if paused else "unpause")

    def encode_withdrawal(self, token_id: str, recipient: str, amount_units: int) -> bytes:
        """See ``PayingContract``."""
        return interface().call("withdraw", token_id, recipient, amount_units)

    @property
    def report_topics(self) -> Sequence[str | Sequence[str] | None]:
        """See ``PayingContract``."""
        return [[to_hex(interface().topic(name)) for name in ("Paid", "Withdrawn")]]

    def payment_key_of(self, log: Json) -> str | None:
        """See ``PayingContract``."""
        event = interface().event(log)
        return to_hex(event.fields["distribution"]) if event is not None and event.name == "Paid" else None

    async def check(self, sender: str, token_id: str, terms: str | None = None) -> None:
        """See ``PayingContract``."""
        token = await self.payment_token()
        if token != token_id:
            raise Conflict(
                f"The contract {self.address} pays in {token}, not in {token_id}.",
                "Deploy one for this token with: ",
                Action.DEPLOY_CONTRACT,
            )
        if not await self.ask("is_payer", sender):
            raise Conflict(
                f"The contract {self.address} does not let {sender} pay.",
                f"Have its admin {await self.ask('admin')} call set_payer({sender}, true) on it.",
            )
        if await self.ask("is_paused"):
            raise ContractPaused(
                f"The contract {self.address} is paused, so no payment can be made.",
                "Unpause it with: ",
                Action.UNPAUSE_CONTRACT.on(self.address),
            )

    async def encode_payment(
        self, payment_key: str | None, token_id: str, payments: Sequence[Payment], terms: str | None
    ) -> bytes:
        """See ``PayingContract``."""
        if len(payments) > MAX_PAYMENTS:
            raise LedgerRejected(
                TRANSFER_LIST_TOO_LONG,
                f"The contract takes at most {MAX_PAYMENTS} payments at once, not {len(payments)}.",
                f"Set EVM_RECIPIENTS_PER_TRANSACTION to {MAX_PAYMENTS} or less.",
            )
        return interface().call("pay", bytes.fromhex(str(payment_key).removeprefix("0x")), payments, TRANSFER_GAS)

    def with_transfer_gas(self, data: bytes, gas: int) -> bytes:
        """Return a call of ``pay`` with another gas limit of each transfer."""
        key, payments, _ = self._arguments(data)
        return interface().call("pay", key, payments, gas)

    async def simulate_payment(self, sender: str, data: bytes) -> SimulatedPayment:
        """Simulate a payment. One that would revert as a whole is left to the estimate of its gas, which says why."""
        owed = _payments_of(data)
        try:
            (results,) = interface().answer("pay", await self._node.call(self.address, data, sender=sender))
        except (NodeError, DecodingError):
            return SimulatedPayment({}, pays_nobody=False)
        refused = {
            account: units
            for (account, units), result in zip(owed.items(), results, strict=True)
            if result == TOKEN_REFUSED
        }
        return SimulatedPayment(refused, pays_nobody=not any(result in _PAID for result in results))

    def encode_single_payment(self, account_id: str, amount_units: int) -> bytes:
        """Return the call by which the contract has itself pay one recipient, under a key that is no payout's."""
        return interface().call("pay_one", bytes(32), account_id, amount_units)

    def single_failure(self, data: bytes) -> str:
        """Return the failure code of the revert data of a single payment."""
        return _SINGLE_FAILURES.get(interface().error(data) or "", TRANSFER_REVERTED)

    def owed_of(self, data: bytes) -> Mapping[str, int]:
        """See ``PayingContract``."""
        return _payments_of(data)

    def transfer_gas_of(self, data: bytes) -> int | None:
        """See ``PayingContract``."""
        return int(self._arguments(data)[2])

    @staticmethod
    def _arguments(data: bytes) -> tuple[Any, ...]:
        called = interface().called(data)
        return (b"", (), 0) if called is None else called.arguments

    async def results(self, data: bytes, receipt: Json, token_id: str) -> Results:
        """See ``PayingContract``. The logs are complete: a recipient without a report of payment is not paid.

        The contract reports on each recipient. Without any report it is gone, with the block that had created it: a
        call to an address without a contract succeeds, and does nothing. With reports on some, the receipt lacks logs.
        """
        owed = _payments_of(data)
        failures, before = dict.fromkeys(owed, PAYMENT_NOT_REPORTED), {}
        for event in interface().events(receipt["logs"], self.address):
            match event.name, event.fields:
                case "Paid", {"recipient": recipient}:
                    failures.pop(recipient, None)
                case "AlreadyPaid", {"recipient": recipient, "amount": units}:
                    failures.pop(recipient, None)
                    before[recipient] = units
                case "NotPaid", {"recipient": recipient, "result": result}:
                    failures[recipient] = PAYER_IS_RECIPIENT if recipient == self.address else _FAILURES[result]
        unreported = [account for account, code in failures.items() if code == PAYMENT_NOT_REPORTED]
        if unreported and len(unreported) < len(owed):
            raise LedgerUnavailable(
                f"The receipt of {receipt['transactionHash']} lacks logs: it reports nothing on {unreported[0]}.",
                "It is asked for again.",
            )
        got = owed | before
        return Results(failures, {} if got == owed else got)

    async def paid_before(self, data: bytes, receipt: Json, token_id: str) -> Mapping[str, str]:
        """See ``PayingContract``.

        That happens if the database is an older copy, which does not know the earlier transaction.
        """
        already = [
            event.fields for event in interface().events(receipt["logs"], self.address) if event.name == "AlreadyPaid"
        ]
        found: dict[str, str] = {}
        if not already:
            return found
        accounts = {fields["recipient"] for fields in already}
        distribution = to_hex(already[0]["distribution"])
        topics = [to_hex(interface().topic("Paid")), distribution, [topic_of(account) for account in accounts]]

        async def read(first: int, last: int) -> list[Json]:
            return await self._node.logs(first, last, topics, self.address)

        async for logs in newest_first(self._node, self.address, to_int(receipt["blockNumber"]), read):
            for log in logs:
                paid = interface().event(log)
                if paid is not None:
                    found[paid.fields["recipient"]] = log["transactionHash"]
            if found.keys() == accounts:
                break
        return found

    def revert_code(self, data: bytes) -> str | None:
        """See ``PayingContract``."""
        return _REVERT_CODES.get(interface().error(data) or "")

    def event(self, log: Json) -> tuple[str, Mapping[str, str | int]] | None:
        """See ``PayingContract``. Payments are in the token's own events."""
        event = interface().event(log)
        if event is None or event.name not in ("Paused", "Unpaused"):
            return None
        return event.name, {"account_id": event.fields["account"]}

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Return the answer of a read-only function of the contract; addresses are in canonical form."""
        (value,) = interface().answer(name, await self._node.call(self.address, interface().call(name, *arguments)))
        return value


def _payments_of(data: bytes) -> dict[str, int]:
    """Return the recipients and amounts of a call of ours."""
    called = interface().called(data)
    return {} if called is None else dict(called.arguments[1])


async def is_own(node: Node, address: str) -> bool:
    """Return True if a contract is one of ours."""
    try:
        return interface().answer("version", await node.call(address, interface().call("version"))) == (VERSION,)
    except NodeError as error:
        if error.is_trouble:
            raise
        return False
    except DecodingError:
        return False
