"""Signed transactions as they come over the wire, and what a node can say of them without knowing any account."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from google.protobuf.message import DecodeError
from hiero_sdk_python.hapi.services import transaction_contents_pb2, transaction_pb2

from hedera_network.identifiers import TransactionKey
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

MAX_SIGNED_BYTES = 6144
MAX_MEMO_BYTES = 100
MIN_VALID_SECONDS, MAX_VALID_SECONDS = 15, 180
# What a node wants to be left of a transaction's validity when it takes it.
MIN_REMAINING_SECONDS = 10

MAX_HBAR_ADJUSTMENTS = 10
MAX_TOKEN_ADJUSTMENTS = 10


class Refusal(Exception):  # noqa: N818 - it is an answer, not a mistake of ours
    """The network says no, with one of its codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class CryptoTransfer:
    """A transfer of tinybars and tokens, signed."""

    key: TransactionKey
    node: int
    valid_seconds: int
    max_fee: int
    memo: bytes
    hbars: tuple[tuple[int, int], ...]
    tokens: tuple[tuple[int, tuple[tuple[int, int], ...], int | None], ...]
    body: bytes
    signatures: Any
    hash: bytes

    @property
    def expires_nanos(self) -> int:
        """The last moment of its validity."""
        return self.key.valid_start_nanos + self.valid_seconds * NANOS_PER_SECOND

    @property
    def debited(self) -> set[int]:
        """The accounts that lose something, and must have signed."""
        return {account for account, amount in self._adjustments() if amount < 0}

    @property
    def credited(self) -> set[int]:
        """The accounts that get something."""
        return {account for account, amount in self._adjustments() if amount > 0}

    @property
    def account_count(self) -> int:
        """How many accounts it touches, each counted once."""
        return len({account for account, _ in self._adjustments()})

    def _adjustments(self) -> Iterable[tuple[int, int]]:
        yield from self.hbars
        for _, adjustments, _ in self.tokens:
            yield from adjustments


def parse(message: Any) -> CryptoTransfer:
    """Read a transaction, and refuse what is malformed whatever the state of the network.

    Raises:
        Refusal: It can never be valid.
    """
    if message.ByteSize() > MAX_SIGNED_BYTES:
        raise Refusal("TRANSACTION_OVERSIZE")
    try:
        signed = transaction_contents_pb2.SignedTransaction.FromString(message.signedTransactionBytes)
        body = transaction_pb2.TransactionBody.FromString(signed.bodyBytes)
    except DecodeError:
        raise Refusal("INVALID_TRANSACTION") from None
    if not signed.bodyBytes:
        raise Refusal("INVALID_TRANSACTION_BODY")
    _check_signature_prefixes(signed.sigMap.sigPair)
    key = _transaction_key(body)
    memo = body.memo.encode()
    if len(memo) > MAX_MEMO_BYTES:
        raise Refusal("MEMO_TOO_LONG")
    if b"\0" in memo:
        raise Refusal("INVALID_ZERO_BYTE_IN_STRING")
    if body.WhichOneof("data") != "cryptoTransfer":
        raise Refusal("NOT_SUPPORTED")
    return CryptoTransfer(
        key=key,
        node=body.nodeAccountID.accountNum,
        valid_seconds=body.transactionValidDuration.seconds,
        max_fee=body.transactionFee,
        memo=memo,
        hbars=_adjustments(body.cryptoTransfer.transfers.accountAmounts),
        tokens=tuple(
            (
                entry.token.tokenNum,
                _adjustments(entry.transfers),
                entry.expected_decimals.value if entry.HasField("expected_decimals") else None,
            )
            for entry in body.cryptoTransfer.tokenTransfers
        ),
        body=signed.bodyBytes,
        signatures=list(signed.sigMap.sigPair),
        hash=hashlib.sha384(message.signedTransactionBytes).digest(),
    )


def check_time(transfer: CryptoTransfer, now_nanos: int, *, remaining_seconds: int) -> None:
    """Refuse a transaction that is not valid at a time.

    Raises:
        Refusal: It is too early or too late, or its validity is too short or too long.
    """
    if not MIN_VALID_SECONDS <= transfer.valid_seconds <= MAX_VALID_SECONDS:
        raise Refusal("INVALID_TRANSACTION_DURATION")
    if transfer.expires_nanos - remaining_seconds * NANOS_PER_SECOND < now_nanos:
        raise Refusal("TRANSACTION_EXPIRED")
    if transfer.key.valid_start_nanos >= now_nanos:
        raise Refusal("INVALID_TRANSACTION_START")


def check_amounts(transfer: CryptoTransfer) -> None:
    """Refuse transfers whose amounts make no sense, before anything is looked up.

    Raises:
        Refusal: A sum is not zero, or something is named twice, or nothing is moved.
    """
    _check_list(transfer.hbars, "INVALID_ACCOUNT_AMOUNTS", "INVALID_ACCOUNT_AMOUNTS")
    if len({token for token, _, _ in transfer.tokens}) < len(transfer.tokens):
        raise Refusal("TOKEN_ID_REPEATED_IN_TOKEN_LIST")
    for token, adjustments, _ in transfer.tokens:
        if token == 0:
            raise Refusal("INVALID_TOKEN_ID")
        if not adjustments:
            raise Refusal("EMPTY_TOKEN_TRANSFER_ACCOUNT_AMOUNTS")
        _check_list(adjustments, "INVALID_ACCOUNT_AMOUNTS", "TRANSFERS_NOT_ZERO_SUM_FOR_TOKEN")


def _check_list(adjustments: tuple[tuple[int, int], ...], no_amount: str, no_balance: str) -> None:
    counts = Counter(account for account, _ in adjustments)
    if any(count > 1 for count in counts.values()):
        raise Refusal("ACCOUNT_REPEATED_IN_ACCOUNT_AMOUNTS")
    if any(account == 0 for account in counts):
        raise Refusal("INVALID_ACCOUNT_ID")
    if any(amount == 0 for _, amount in adjustments):
        raise Refusal(no_amount)
    if sum(amount for _, amount in adjustments) != 0:
        raise Refusal(no_balance)


def _adjustments(amounts: Any) -> tuple[tuple[int, int], ...]:
    return tuple((entry.accountID.accountNum, entry.amount) for entry in amounts)


def _transaction_key(body: Any) -> TransactionKey:
    if not body.HasField("transactionID") or not body.transactionID.HasField("accountID"):
        raise Refusal("INVALID_TRANSACTION_ID")
    if body.transactionID.nonce or body.transactionID.scheduled:
        raise Refusal("TRANSACTION_ID_FIELD_NOT_ALLOWED")
    start = body.transactionID.transactionValidStart
    return TransactionKey(
        body.transactionID.accountID.accountNum, int(start.seconds) * NANOS_PER_SECOND + int(start.nanos)
    )


def _check_signature_prefixes(pairs: Any) -> None:
    """Refuse signatures that could be of either of two keys: of prefixes of one another."""
    prefixes = sorted(bytes(pair.pubKeyPrefix) for pair in pairs)
    for first, second in pairwise(prefixes):
        if second.startswith(first):
            raise Refusal("KEY_PREFIX_MISMATCH")
