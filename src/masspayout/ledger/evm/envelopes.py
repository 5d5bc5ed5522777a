"""Transactions as they are signed and sent: in the envelope of EIP-1559, or a legacy one where there is no base fee."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import rlp
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from rlp.exceptions import RLPException

from masspayout.kernel.errors import LedgerRejected
from masspayout.ledger.evm.fees import Fees
from masspayout.ledger.evm.responses import Json, from_hex, to_hex, to_int

_DYNAMIC_FEE = 2

# The first byte of an encoded list, which every legacy transaction is. Typed transactions begin with a smaller one.
_FIRST_OF_LISTS = 0xC0

# EIP-155: the recovery id of a legacy signature also names the chain.
_CHAIN_ID_FACTOR, _CHAIN_ID_OFFSET = 2, 35

_LEGACY_FIELDS = 9


class RecoverableSignature(NamedTuple):
    """A signature with the parity that tells which of two keys made it."""

    parity: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """A call to be signed, which moves none of the chain's own currency.

    Attributes:
        to: The called contract or account; ``0x`` to create a contract.
    """

    chain_id: int
    nonce: int
    to: str
    data: bytes
    gas: int
    fees: Fees

    def digest(self) -> bytes:
        """Return the hash that is signed."""
        if self.fees.is_legacy:
            return keccak(rlp.encode([*self._legacy_fields(), self.chain_id, 0, 0]))
        return bytes(TypedTransaction.from_dict(self._typed_fields()).hash())

    def encode(self, signature: RecoverableSignature) -> bytes:
        """Return the signed bytes, ready to be sent."""
        parity, r, s = signature
        if self.fees.is_legacy:
            v = self.chain_id * _CHAIN_ID_FACTOR + _CHAIN_ID_OFFSET + parity
            return bytes(rlp.encode([*self._legacy_fields(), v, r, s]))
        return bytes(TypedTransaction.from_dict({**self._typed_fields(), "v": parity, "r": r, "s": s}).encode())

    def _legacy_fields(self) -> list[int | bytes]:
        return [self.nonce, self.fees.max_fee_wei, self.gas, bytes.fromhex(self.to[2:]), 0, self.data]

    def _typed_fields(self) -> dict[str, Any]:
        return {
            "type": _DYNAMIC_FEE,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "to": bytes.fromhex(self.to[2:]),
            "value": 0,
            "data": self.data,
            "gas": self.gas,
            "maxFeePerGas": self.fees.max_fee_wei,
            "maxPriorityFeePerGas": self.fees.priority_fee_wei,
        }


@dataclass(frozen=True, slots=True)
class DecodedTransaction:
    """A signed transaction, decoded from its bytes."""

    signed_bytes: bytes
    chain_id: int
    nonce: int
    to: str
    data: bytes
    gas: int
    fees: Fees

    @property
    def hash(self) -> str:
        """The transaction's id on the chain."""
        return to_hex(keccak(self.signed_bytes))

    @property
    def sender(self) -> str:
        """The account of the signature, which is recovered from it."""
        return str(Account.recover_transaction(self.signed_bytes)).lower()


def decode_transaction(signed_bytes: bytes) -> DecodedTransaction:
    """Return a signed transaction from its bytes.

    Raises:
        LedgerRejected: The bytes are not a signed transaction.
    """
    try:
        if signed_bytes and signed_bytes[0] >= _FIRST_OF_LISTS:
            return _decode_legacy(signed_bytes)
        return _decode_typed(signed_bytes)
    except Exception as error:  # noqa: BLE001 - the libraries raise whatever their parsers do
        raise LedgerRejected(
            "INVALID_TRANSACTION_BODY",
            f"The {len(signed_bytes)} signed bytes are no transaction of an EVM chain: {error!r}.",
            "They were altered after signing, or signed for another ledger: check LEDGER.",
        ) from None


def signed_form(shown: Json) -> DecodedTransaction | None:
    """Return a transaction as it was signed, from a node's view of it; None for a kind that we never sign.

    The result is certain: the hash is that of the signed bytes.
    """
    if shown.get("accessList") or not shown.get("to") or to_int(shown.get("value")):
        return None
    try:
        signed_bytes = _encode_shown(shown)
    except (TypeError, ValueError, RLPException):  # a signature of zeros, such as test nodes make
        return None
    if signed_bytes is None or to_hex(keccak(signed_bytes)) != shown["hash"]:
        return None
    return decode_transaction(signed_bytes)


def _encode_shown(shown: Json) -> bytes | None:
    v, r, s = to_int(shown.get("v", shown.get("yParity"))), to_int(shown.get("r")), to_int(shown.get("s"))
    nonce, to, data = to_int(shown.get("nonce")), str(shown["to"]).lower(), from_hex(shown.get("input"))
    gas = to_int(shown.get("gas"))
    match to_int(shown.get("type", "0x0")):
        case 0 if v >= _CHAIN_ID_OFFSET:
            price = to_int(shown.get("gasPrice"))
            chain_id, parity = divmod(v - _CHAIN_ID_OFFSET, _CHAIN_ID_FACTOR)
            fees = Fees(price, price, is_legacy=True)
        case 2:
            chain_id, parity = to_int(shown.get("chainId")), v
            fees = Fees(to_int(shown.get("maxFeePerGas")), to_int(shown.get("maxPriorityFeePerGas")))
        case _:
            return None
    return UnsignedTransaction(chain_id, nonce, to, data, gas, fees).encode(RecoverableSignature(parity, r, s))


def _decode_typed(signed_bytes: bytes) -> DecodedTransaction:
    fields: Mapping[str, Any] = TypedTransaction.from_bytes(HexBytes(signed_bytes)).as_dict()
    return DecodedTransaction(
        signed_bytes=signed_bytes,
        chain_id=int(fields["chainId"]),
        nonce=int(fields["nonce"]),
        to=to_hex(bytes(fields["to"])),
        data=bytes(fields["data"]),
        gas=int(fields["gas"]),
        fees=Fees(int(fields["maxFeePerGas"]), int(fields["maxPriorityFeePerGas"])),
    )


def _decode_legacy(signed_bytes: bytes) -> DecodedTransaction:
    fields: list[bytes] = rlp.decode(signed_bytes)
    if len(fields) != _LEGACY_FIELDS:
        raise ValueError(f"it has {len(fields)} fields")
    nonce, price, gas, to, _, data, v, _, _ = fields
    return DecodedTransaction(
        signed_bytes=signed_bytes,
        chain_id=(int.from_bytes(v) - _CHAIN_ID_OFFSET) // _CHAIN_ID_FACTOR,
        nonce=int.from_bytes(nonce),
        to=to_hex(to),
        data=data,
        gas=int.from_bytes(gas),
        fees=Fees(int.from_bytes(price), int.from_bytes(price), is_legacy=True),
    )
