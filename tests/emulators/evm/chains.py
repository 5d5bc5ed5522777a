"""Contracts on a real node, for tests: deployed from Vyper's source, called, and asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import vyper
from eth_abi.abi import encode

from anvil import Anvil
from masspayout.ledger.evm.contracts.interface import Event, Interface

Receipt = dict[str, Any]

SOURCES = Path(__file__).resolve().parent / "contracts"
PLENTY_OF_GAS = 15_000_000


class Reverted(Exception):  # noqa: N818 - it reads as what happened
    """A transaction was reverted, with this data."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


@dataclass(frozen=True)
class Contract:
    """A contract on a chain. Whoever sends is an account of the node's own, which signs for it."""

    anvil: Anvil
    address: str
    interface: Interface

    def send(self, name: str, *arguments: Any, sender: str, gas: int = PLENTY_OF_GAS) -> Receipt:
        """Call a function in a transaction, and return the receipt. Raises Reverted."""
        call = {"from": sender, "to": self.address, "data": _hex(self.interface.call(name, *arguments))}
        receipt = transact(self.anvil, {**call, "gas": hex(gas)})
        if receipt["status"] != 1:
            raise Reverted(self._revert_data(call, gas))
        return receipt

    def ask(self, name: str, *arguments: Any, sender: str | None = None) -> Any:
        """Call a function without a transaction, and return what it says."""
        call = {"to": self.address, "data": _hex(self.interface.call(name, *arguments))}
        answer = self.anvil.call("eth_call", {**call, **({"from": sender} if sender else {})}, "latest")
        values = self.interface.answer(name, bytes.fromhex(answer[2:]))
        return values[0] if len(values) == 1 else values

    def ask_all(self, name: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Ask for one thing many times in one exchange, and return the answers in order."""
        calls = [{"to": self.address, "data": _hex(self.interface.call(name, *each))} for each in arguments]
        answers = self.anvil.batch("eth_call", [(call, "latest") for call in calls])
        return [self.interface.answer(name, bytes.fromhex(answer[2:]))[0] for answer in answers]

    def events(self, receipt: Receipt) -> list[Event]:
        return list(self.interface.events(receipt["logs"], self.address))

    def _revert_data(self, call: Mapping[str, str], gas: int) -> bytes:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{**call, "gas": hex(gas)}, "latest"]}
        error = self.anvil.request(request).get("error", {})
        return bytes.fromhex(str(error.get("data") or "0x")[2:])


def deploy(anvil: Anvil, source: str, *arguments: Any, sender: str | None = None) -> Contract:
    """Compile a contract of the tests, and put it on the chain."""
    abi, code = _compiled(SOURCES / f"{source}.vy")
    constructor: Sequence[str] = next(
        ([field["type"] for field in entry["inputs"]] for entry in abi if entry["type"] == "constructor"), ()
    )
    return deploy_code(anvil, abi, code + encode(constructor, arguments), sender=sender)


def deploy_code(anvil: Anvil, abi: Sequence[Mapping[str, Any]], code: bytes, *, sender: str | None = None) -> Contract:
    """Put a contract on the chain, from the data of the transaction that creates it."""
    receipt = transact(anvil, {"from": sender or anvil.accounts[0], "data": _hex(code), "gas": hex(PLENTY_OF_GAS)})
    assert receipt["status"] == 1
    address = receipt["contractAddress"]
    assert address is not None
    return Contract(anvil, address.lower(), Interface(abi))


def transact(anvil: Anvil, transaction: Mapping[str, str]) -> Receipt:
    """Have the node sign, send and mine a transaction, and return its receipt, with the numbers that matter as such."""
    price = {} if anvil.gas_price is None else {"gasPrice": anvil.gas_price}
    receipt: Receipt = anvil.call("eth_sendTransactionSync", {**transaction, **price})
    for name in ("status", "gasUsed"):
        receipt[name] = int(receipt[name], 16)
    return receipt


@cache
def _compiled(path: Path) -> tuple[list[dict[str, Any]], bytes]:
    made = vyper.compile_code(path.read_text(encoding="utf-8"), output_formats=["abi", "bytecode"])
    return made["abi"], bytes.fromhex(made["bytecode"][2:])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
