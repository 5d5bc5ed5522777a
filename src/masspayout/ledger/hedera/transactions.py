"""Transfers in the network's form: built with the SDK, signed by the custodian of the key, stored for several nodes.

A transaction names the node that it goes to, so it is signed once for each of some nodes. All of these have one
transaction id, and the network executes an id at most once; they are stored together, as a list.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from google.protobuf.message import DecodeError
from hiero_sdk_python.account.account_id import AccountId
from hiero_sdk_python.hapi.sdk.transaction_list_pb2 import TransactionList
from hiero_sdk_python.hapi.services.basic_types_pb2 import SignatureMap, SignaturePair
from hiero_sdk_python.hapi.services.timestamp_pb2 import Timestamp
from hiero_sdk_python.hapi.services.transaction_contents_pb2 import SignedTransaction as SignedMessage
from hiero_sdk_python.hapi.services.transaction_pb2 import Transaction, TransactionBody
from hiero_sdk_python.tokens.token_id import TokenId
from hiero_sdk_python.transaction.transaction_id import TransactionId
from hiero_sdk_python.transaction.transfer_transaction import TransferTransaction
from hiero_sdk_python.utils.crypto_utils import keccak256

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.port import Transfer
from masspayout.ledger.signing.local import DIGEST_OF_32_BYTES
from masspayout.ledger.signing.port import KeyType, Signer
from masspayout.ledger.transaction_ids import make_transaction_id

# The network's bound on a transaction, 6 KiB.
LARGEST_BYTES = 6144
# Amounts are of the type int64 in the network's messages.
_LARGEST_AMOUNT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A stored transaction, decoded, for each of its nodes."""

    transaction_id: str
    token_id: str
    recipient_ids: Sequence[str]
    by_node: Mapping[str, Transaction]


def build(transfer: Transfer, node_ids: Sequence[str], *, valid_seconds: int, max_fee_tinybars: int) -> TransactionList:
    """Build a transfer for some nodes, without signatures.

    Raises:
        LedgerRejected: The transfer can never be valid: an id is not of this network, an amount does not fit.
    """
    transaction = TransferTransaction()
    total_units = sum(payment.amount_units for payment in transfer.payments)
    if total_units > _LARGEST_AMOUNT:
        raise LedgerRejected(
            "INVALID_ACCOUNT_AMOUNTS",
            f"{total_units:,} units do not fit into one transaction.",
            "Lower BATCH_SIZE or HEDERA_RECIPIENTS_PER_TRANSACTION.",
        )
    changes = [(payment.account_id, payment.amount_units) for payment in transfer.payments]
    for account_id, units in [(transfer.payer_account_id, -total_units), *changes]:
        account = _account(account_id)
        if transfer.token_id == HBAR:
            transaction.add_hbar_transfer(account, units)
        else:
            transaction.add_token_transfer(TokenId.from_string(transfer.token_id), account, units)
    seconds, nanos = divmod(transfer.number, NANOS_PER_SECOND)
    start = Timestamp(seconds=seconds, nanos=nanos)
    transaction.set_transaction_id(TransactionId(_account(transfer.payer_account_id), start))
    transaction.set_node_account_ids([_account(node_id) for node_id in node_ids])
    transaction.set_transaction_memo(transfer.memo)
    transaction.transaction_valid_duration = valid_seconds
    transaction.transaction_fee = max_fee_tinybars
    return TransactionList.FromString(transaction.freeze().to_bytes())


async def sign(unsigned: TransactionList, signer: Signer) -> bytes:
    """Sign a transaction for each of its nodes, and return the bytes to store.

    Raises:
        LedgerRejected: The transaction is larger than the network takes, or the custodian refused to sign.
        LedgerUnavailable: The custodian cannot be reached.
    """
    bodies = [SignedMessage.FromString(one.signedTransactionBytes).bodyBytes for one in unsigned.transaction_list]
    signatures = await asyncio.gather(*(signer.sign(_signed_message(signer.key_type, body)) for body in bodies))
    signed = TransactionList()
    for body, signature in zip(bodies, signatures, strict=True):
        pair = SignaturePair(pubKeyPrefix=signer.public_key)
        if signer.key_type is KeyType.ED25519:
            pair.ed25519 = signature
        else:
            pair.ECDSA_secp256k1 = signature
        message = SignedMessage(bodyBytes=body, sigMap=SignatureMap(sigPair=[pair]))
        ready = Transaction(signedTransactionBytes=message.SerializeToString())
        if ready.ByteSize() > LARGEST_BYTES:
            raise LedgerRejected(
                "TRANSACTION_OVERSIZE",
                f"The transaction has {ready.ByteSize():,} bytes; the network takes {LARGEST_BYTES:,}.",
                "Lower HEDERA_RECIPIENTS_PER_TRANSACTION.",
            )
        signed.transaction_list.append(ready)
    return bytes(signed.SerializeToString(deterministic=True))


def read_stored(signed_bytes: bytes) -> StoredTransaction:
    """Return a stored transaction from the bytes of ``sign``, verified: altered bytes are never sent.

    Raises:
        LedgerRejected: The transaction is not ours, or was altered.
    """
    try:
        transactions = TransactionList.FromString(signed_bytes).transaction_list
        messages = [SignedMessage.FromString(transaction.signedTransactionBytes) for transaction in transactions]
        bodies = [TransactionBody.FromString(message.bodyBytes) for message in messages]
        valid = all(map(_is_signed, messages))
    except (DecodeError, ValueError, InvalidSignature):
        raise _altered(signed_bytes) from None
    by_node = {_entity(body.nodeAccountID): transaction for body, transaction in zip(bodies, transactions, strict=True)}
    for body in bodies:
        body.ClearField("nodeAccountID")
    if not valid or not bodies or any(body != bodies[0] for body in bodies):
        raise _altered(signed_bytes)
    identifier, moved = bodies[0].transactionID, bodies[0].cryptoTransfer.tokenTransfers
    start = identifier.transactionValidStart
    transaction_id = make_transaction_id(_entity(identifier.accountID), start.seconds * NANOS_PER_SECOND + start.nanos)
    token = moved[0].token if moved else None
    token_id = HBAR if token is None else f"{token.shardNum}.{token.realmNum}.{token.tokenNum}"
    changes = moved[0].transfers if moved else bodies[0].cryptoTransfer.transfers.accountAmounts
    recipient_ids = [_entity(change.accountID) for change in changes if change.amount > 0]
    return StoredTransaction(transaction_id, token_id, recipient_ids, by_node)


def _signed_message(key_type: KeyType, body: bytes) -> bytes:
    return body if key_type is KeyType.ED25519 else bytes(keccak256(body))


def _is_signed(message: SignedMessage) -> bool:
    """Verify the signatures of a message; raises when one does not match."""
    for pair in message.sigMap.sigPair:
        if pair.ed25519:
            Ed25519PublicKey.from_public_bytes(pair.pubKeyPrefix).verify(pair.ed25519, message.bodyBytes)
        else:
            r, s = (int.from_bytes(half) for half in (pair.ECDSA_secp256k1[:32], pair.ECDSA_secp256k1[32:]))
            EllipticCurvePublicKey.from_encoded_point(SECP256K1(), pair.pubKeyPrefix).verify(
                encode_dss_signature(r, s), bytes(keccak256(message.bodyBytes)), ECDSA(DIGEST_OF_32_BYTES)
            )
    return len(message.sigMap.sigPair) > 0


def _account(account_id: str) -> AccountId:
    if account_id.startswith("0x"):
        raise LedgerRejected(
            "INVALID_ACCOUNT_ID",
            f"{account_id} is an EVM address, which transfers of this software do not pay.",
            "Name the account as 0.0.1234.",
        )
    return AccountId.from_string(account_id)


def _entity(identifier: object) -> str:
    return f"{identifier.shardNum}.{identifier.realmNum}.{identifier.accountNum}"  # type: ignore[attr-defined]


def _altered(signed_bytes: bytes) -> LedgerRejected:
    return LedgerRejected(
        "INVALID_TRANSACTION_BODY",
        f"The {len(signed_bytes)} signed bytes are no transaction that we signed for Hedera.",
        "They were altered after signing, or signed for another ledger: check LEDGER.",
    )
