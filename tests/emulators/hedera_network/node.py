"""A consensus node: what it takes, and what it says of transactions. Its caches are its own."""

from typing import Any

from hiero_sdk_python.hapi.services import response_code_pb2, transaction_receipt_pb2

from hedera_network.consensus import Consensus
from hedera_network.entities import Record
from hedera_network.faults import either, strikes
from hedera_network.fees import fee_of
from hedera_network.identifiers import TransactionKey
from hedera_network.ledger import MEMORY_SECONDS
from hedera_network.transactions import (
    MIN_REMAINING_SECONDS,
    CryptoTransfer,
    Refusal,
    check_amounts,
    check_time,
    parse,
)
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

CODES = response_code_pb2.ResponseCodeEnum


class Node:
    """One node of the network.

    Args:
        account: The number of its account, which a transaction names.

    Attributes:
        receipts_asked: How often somebody asked for a receipt.
        false_receipts: How many receipts said something else than the network's record.
    """

    def __init__(self, account: int, consensus: Consensus) -> None:
        self.account = account
        self._consensus = consensus
        self._ledger = consensus.ledger
        self._taken: dict[TransactionKey, None] = {}
        self.receipts_asked = 0
        self.false_receipts = 0

    def take(self, message: Any) -> str:
        """Check a transaction, and hand it to consensus if it may be valid. Return the code of the answer."""
        with self._ledger.lock:
            self._consensus.catch_up()
            try:
                transfer = self._check(message)
            except Refusal as refusal:
                return refusal.code
            self._taken[transfer.key] = None
            self._consensus.submit(transfer)
            return "OK"

    def take_later(self, message: Any, seconds: float) -> None:
        """Take a transaction that the wire has delayed; nobody hears the answer."""
        with self._ledger.lock:
            self._consensus.later(seconds, lambda: self.take(message))

    def receipt(self, key: TransactionKey) -> tuple[str, Any]:
        """Return the code of the answer, and the receipt of a transaction if there is one."""
        with self._ledger.lock:
            self.receipts_asked += 1
            self._consensus.catch_up()
            if self._lies:
                return "RECEIPT_NOT_FOUND", None
            records = self._ledger.recent(key)
            if records:
                return "OK", _receipt(self._reported(_decisive(records).result))
            if key in self._taken and self._remembers(key):
                return "OK", _receipt("UNKNOWN")
            return "RECEIPT_NOT_FOUND", None

    def _reported(self, result: str) -> str:
        """Return what the receipt of a transaction with this result says."""
        faults = self._consensus.faults
        if self.account not in faults.false_receipt_nodes or result == faults.false_receipt:
            return result
        self.false_receipts += 1
        return faults.false_receipt

    @property
    def _lies(self) -> bool:
        return self.account in self._consensus.faults.lying_nodes

    def _check(self, message: Any) -> CryptoTransfer:
        """Make the checks of a node on arrival, in their order.

        Raises:
            Refusal: It is not taken.
        """
        ledger = self._ledger
        transfer = parse(message)
        if transfer.node != self.account:
            raise Refusal("INVALID_NODE_ACCOUNT")
        check_time(transfer, ledger.clock.now_nanos(), remaining_seconds=MIN_REMAINING_SECONDS)
        if not self._lies and (transfer.key in self._taken or ledger.recent(transfer.key)):
            raise Refusal("DUPLICATE_TRANSACTION")
        if strikes(self._consensus.faults.busy_percent):
            raise Refusal(either("BUSY", "PLATFORM_TRANSACTION_NOT_CREATED"))
        check_amounts(transfer)
        payer = ledger.account(transfer.key.payer)
        if payer is None:
            raise Refusal("PAYER_ACCOUNT_NOT_FOUND")
        if payer.deleted:
            raise Refusal("PAYER_ACCOUNT_DELETED")
        if payer.key is None or not payer.key.is_signed_by(transfer.signatures, transfer.body):
            raise Refusal("INVALID_SIGNATURE")
        fee = fee_of(transfer, ledger)
        if transfer.max_fee < fee:
            raise Refusal("INSUFFICIENT_TX_FEE")
        if payer.tinybars < fee:
            raise Refusal("INSUFFICIENT_PAYER_BALANCE")
        return transfer

    def _remembers(self, key: TransactionKey) -> bool:
        return key.valid_start_nanos >= self._ledger.clock.now_nanos() - MEMORY_SECONDS * NANOS_PER_SECOND


def _decisive(records: list[Record]) -> Record:
    """Return the record that tells what became of a transaction id: the first that is not a node's own failure."""
    return next((record for record in records if not record.is_node_failure), records[0])


def _receipt(status: str) -> Any:
    return transaction_receipt_pb2.TransactionReceipt(status=CODES.Value(status))
