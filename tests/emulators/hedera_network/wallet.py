"""Whoever pays on the emulated network in its own tests: builds with the SDK, signs, sends, and asks for receipts."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import grpc
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hiero_sdk_python import AccountId, TokenId, TransactionId, TransferTransaction
from hiero_sdk_python.crypto.private_key import PrivateKey
from hiero_sdk_python.hapi.sdk.transaction_list_pb2 import TransactionList
from hiero_sdk_python.hapi.services import (
    crypto_service_pb2_grpc,
    query_pb2,
    timestamp_pb2,
    transaction_get_receipt_pb2,
)

from hedera_network.keys import PublicKey
from hedera_network.network import EmulatedNetwork
from hedera_network.node import CODES
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.ledger.signing.local import join_lower_half
from masspayout.ledger.signing.port import KeyType


def make_key(key_type: KeyType) -> PrivateKey:
    """Return a new private key."""
    if key_type is KeyType.ED25519:
        return PrivateKey(ed25519.Ed25519PrivateKey.generate())
    return PrivateKey(ec.generate_private_key(ec.SECP256K1()))


def public_key_of(key: PrivateKey) -> PublicKey:
    """Return the public key as the network keeps it."""
    key_type = KeyType.ED25519 if key.is_ed25519() else KeyType.ECDSA_SECP256K1
    return PublicKey(key_type, key.public_key().to_bytes_raw())


class Wallet:
    """An account with its key, and connections to the nodes."""

    def __init__(self, network: EmulatedNetwork, key_type: KeyType = KeyType.ED25519, **account: Any) -> None:
        self.network = network
        self.key = make_key(key_type)
        self.account_id = network.operator.create_account(public_key_of(self.key), **account)
        self._channels = {node: grpc.insecure_channel(to) for node, to in network.node_addresses.items()}
        self._stubs = {
            node: crypto_service_pb2_grpc.CryptoServiceStub(channel) for node, channel in self._channels.items()
        }
        self._last_start_nanos = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels.values():
            channel.close()

    def build(
        self,
        token_id: str,
        payments: Mapping[str, int],
        *,
        node: str = "0.0.3",
        start_seconds_ago: float = 5,
        valid_seconds: int = 120,
        memo: str = "",
        max_fee: int = 100_000_000,
        adjustments: Mapping[str, int] | None = None,
    ) -> Any:
        """Build a transfer that is valid but for what a test says of it. ``adjustments`` replaces all amounts."""
        start = self.network.clock.now_nanos() - int(start_seconds_ago * NANOS_PER_SECOND)
        self._last_start_nanos = start = max(start, self._last_start_nanos + 1)
        transaction = TransferTransaction()
        amounts = adjustments or {self.account_id: -sum(payments.values()), **payments}
        for account, amount in amounts.items():
            if token_id == "hbar":
                transaction.add_hbar_transfer(AccountId.from_string(account), amount)
            else:
                transaction.add_token_transfer(TokenId.from_string(token_id), AccountId.from_string(account), amount)
        seconds, nanos = divmod(start, NANOS_PER_SECOND)
        transaction.transaction_id = TransactionId(
            AccountId.from_string(self.account_id), timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
        )
        transaction.node_account_ids = [AccountId.from_string(node)]
        transaction.set_transaction_valid_duration(valid_seconds)
        transaction.set_transaction_memo(memo)
        transaction.transaction_fee = max_fee
        return transaction.freeze()

    def rebuild(self, transaction: Any, *, node: str) -> Any:
        """Build the same transaction, with the same id, for another node."""
        copy = TransferTransaction()
        copy.token_transfers = transaction.token_transfers
        copy.transaction_id = transaction.transaction_id
        copy.node_account_ids = [AccountId.from_string(node)]
        copy.transaction_fee = transaction.transaction_fee
        return copy.freeze()

    def sign(self, transaction: Any, *keys: PrivateKey) -> Any:
        """Sign, with this wallet's key if no other is given, and return what goes over the wire."""
        for key in keys or (self.key,):
            transaction.sign_with(key.public_key(), partial(_sign, key))
        return TransactionList.FromString(transaction.to_bytes()).transaction_list[0]

    def send(self, message: Any, *, node: str = "0.0.3", timeout: float = 60) -> str:
        """Send a signed transaction to a node, and return the code of its answer."""
        response = self._stubs[node].cryptoTransfer(message, timeout=timeout)
        return str(CODES.Name(response.nodeTransactionPrecheckCode))

    def pay(self, token_id: str, payments: Mapping[str, int], **terms: Any) -> tuple[str, str]:
        """Build, sign and send; return the node's answer and the receipt's status."""
        transaction = self.build(token_id, payments, **terms)
        node = terms.get("node", "0.0.3")
        code = self.send(self.sign(transaction), node=node)
        return code, self.receipt(transaction, node=node)

    def receipt(self, transaction: Any, *, node: str = "0.0.3") -> str:
        """Ask a node for a receipt; return its status, or the node's refusal."""
        query = query_pb2.Query(
            transactionGetReceipt=transaction_get_receipt_pb2.TransactionGetReceiptQuery(
                transactionID=transaction.transaction_id._to_proto()
            )
        )
        answer = self._stubs[node].getTransactionReceipts(query, timeout=60).transactionGetReceipt
        code = str(CODES.Name(answer.header.nodeTransactionPrecheckCode))
        return str(CODES.Name(answer.receipt.status)) if code == "OK" else code


def _sign(key: PrivateKey, body: bytes) -> bytes:
    """Sign, as the network wants it: the SDK leaves an ECDSA signature's s in whichever half it fell."""
    signature: bytes = key.sign(body)
    if key.is_ed25519():
        return signature
    return join_lower_half(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


def mirror_path(transaction: Any) -> str:
    """Return a transaction's id as the mirror node's paths have it."""
    start = transaction.transaction_id.valid_start
    return f"{transaction.transaction_id.account_id}-{start.seconds}-{start.nanos:09d}"
