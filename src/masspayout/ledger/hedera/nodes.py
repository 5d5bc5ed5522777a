"""Consensus nodes over gRPC: they take transactions, and keep the receipts for three minutes.

A failure of one node is no reason to ask it first the next time, so each has a pause after a failure.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
from hiero_sdk_python.hapi.services.basic_types_pb2 import AccountID, TransactionID
from hiero_sdk_python.hapi.services.crypto_service_pb2_grpc import CryptoServiceStub
from hiero_sdk_python.hapi.services.query_header_pb2 import QueryHeader
from hiero_sdk_python.hapi.services.query_pb2 import Query
from hiero_sdk_python.hapi.services.timestamp_pb2 import Timestamp
from hiero_sdk_python.hapi.services.transaction_get_receipt_pb2 import TransactionGetReceiptQuery
from hiero_sdk_python.response_code import ResponseCode

from masspayout.kernel.errors import LedgerRejected, LedgerUnavailable, LedgerUncertain
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.ledger.hedera.transactions import StoredTransaction
from masspayout.ledger.transaction_ids import split_transaction_id

IN_PROCESS = "UNKNOWN"

_CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 5_000)]
_LONGEST_CONNECT_SECONDS = 5.0
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 2.0, 60.0

_REMEMBERED = 10_000

_TRIED_AT_ONCE = 5

_TAKEN = {"OK", "DUPLICATE_TRANSACTION"}
_ASK_ANOTHER = {
    "BUSY",
    "CREATING_SYSTEM_ENTITIES",
    "INVALID_NODE_ACCOUNT",
    "PLATFORM_NOT_ACTIVE",
    "PLATFORM_TRANSACTION_NOT_CREATED",
    "SYSTEM_TASK_QUEUE_FULL",
    "WAITING_FOR_LEDGER_ID",
}

# Codes of the network that the SDK does not know yet.
_NEWER_CODES = {402: "SYSTEM_TASK_QUEUE_FULL"}

# On arrival a wrong signature is the payer's own: recipients' signatures are checked later.
_ON_ARRIVAL = {"INVALID_SIGNATURE": "INVALID_PAYER_SIGNATURE"}


class ConsensusNodes:
    """The consensus nodes of a network.

    Args:
        addresses: The ``host:port`` of each node, by its account.
        timeout_seconds: The time limit of an answer.
    """

    def __init__(self, addresses: Mapping[str, str], *, timeout_seconds: float) -> None:
        self._addresses = addresses
        self._timeout_seconds = timeout_seconds
        self._connect_seconds = min(timeout_seconds, _LONGEST_CONNECT_SECONDS)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}
        self._turn = 0
        # Before consensus only the node that took a transaction knows of it.
        self._taken_by: OrderedDict[str, str] = OrderedDict()

    def choose(self, number: int, count: int) -> Sequence[str]:
        """Return the nodes for a transaction: the same ones for the same number, evenly shared over many numbers.

        Nodes that failed lately are taken only when there are not enough others.
        """
        nodes = list(self._addresses)
        first = number // 1_000 % len(nodes)
        return self._rested_first([*nodes[first:], *nodes[:first]])[:count]

    async def submit(self, stored: StoredTransaction) -> None:
        """Send a transaction to one of the nodes that it is signed for.

        No answer here proves that nobody was paid: the same bytes may have reached another node before.

        Raises:
            LedgerRejected: A node refused it for a reason that the others would have as well.
            LedgerUnavailable: No node took it, and none can have.
            LedgerUncertain: A node may have taken it.
        """
        reasons = []
        for node in self._rested_first([node for node in stored.by_node if node in self._addresses]):
            if not await self._connect(node):
                reasons.append(f"{node} cannot be reached at {self._addresses[node]}")
                continue
            code = await self._hand_over(node, stored)
            if code in _TAKEN:
                self._recovered(node)
                self._remember(stored.transaction_id, node)
                return
            if code not in _ASK_ANOTHER:
                raise LedgerRejected(
                    _ON_ARRIVAL.get(code, code),
                    f"The node {node} refused {stored.transaction_id}: {code}.",
                    "See docs/hedera.md for what the code means.",
                )
            self._failed(node)
            reasons.append(f"{node} answered {code}")
        raise LedgerUnavailable(
            f"No node took {stored.transaction_id}: {'; '.join(reasons) or 'none of its nodes is known any more'}.",
            "Check HEDERA_NODES and the network; it is sent again.",
        )

    async def receipt(self, transaction_id: str, *, at_most: int) -> str | None:
        """Return the status of a receipt: a result, ``UNKNOWN`` while the transaction is under way, or None.

        A node without a receipt proves little, so several are asked. A result is one node's statement: SUCCESS counts
        as final, and no refusal does (``outcomes``).

        Raises:
            LedgerUnavailable: No node answers.
        """
        nodes = list(self._addresses)
        self._turn = (self._turn + 1) % len(nodes)
        answered = False
        others = self._rested_first([*nodes[self._turn :], *nodes[: self._turn]])
        first = self._taken_by.get(transaction_id, others[0])
        for node in [first, *(node for node in others if node != first)][:at_most]:
            if not await self._connect(node):
                continue
            status = await self._ask_receipt(node, transaction_id)
            answered = answered or status is not None
            if status not in (None, "RECEIPT_NOT_FOUND"):
                return status
        if not answered:
            raise LedgerUnavailable("No consensus node answers.", "Check HEDERA_NODES and the network.")
        return None

    async def require_any(self) -> None:
        """Connect to one of some nodes.

        Raises:
            LedgerUnavailable: None of them can be reached.
        """
        nodes = self._rested_first(self._addresses)[:_TRIED_AT_ONCE]
        tasks = [asyncio.ensure_future(self._connect(node)) for node in nodes]
        try:
            for task in asyncio.as_completed(tasks):
                if await task:
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        tried = ", ".join(f"{node} at {self._addresses[node]}" for node in nodes)
        raise LedgerUnavailable(
            f"No consensus node can be reached: {tried}.",
            "Check HEDERA_NODES and HEDERA_NETWORK, and that connections to them are let out; nothing was sent.",
        )

    async def check(self) -> Mapping[str, bool]:
        """Return each node with True if it can be reached."""
        nodes = list(self._addresses)
        return dict(zip(nodes, await asyncio.gather(*map(self._connect, nodes)), strict=True))

    async def close(self) -> None:
        """Close the connections."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    async def _hand_over(self, node: str, stored: StoredTransaction) -> str:
        stub = CryptoServiceStub(self._channel(node))
        try:
            response = await stub.cryptoTransfer(stored.by_node[node], timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError as error:
            self._failed(node)
            raise LedgerUncertain(
                f"The node {node} gave no answer for {stored.transaction_id}: {error.code().name}.",
                "Look up its outcome; only that tells what happened.",
            ) from None
        return _name(response.nodeTransactionPrecheckCode)

    async def _ask_receipt(self, node: str, transaction_id: str) -> str | None:
        stub = CryptoServiceStub(self._channel(node))
        try:
            response = await stub.getTransactionReceipts(_receipt_query(transaction_id), timeout=self._timeout_seconds)
        except grpc.aio.AioRpcError:
            self._failed(node)
            return None
        answer = response.transactionGetReceipt
        code = _name(answer.header.nodeTransactionPrecheckCode)
        if code == "OK":
            return _name(answer.receipt.status)
        return "RECEIPT_NOT_FOUND" if code == "RECEIPT_NOT_FOUND" else None

    async def _connect(self, node: str) -> bool:
        """Open a connection before anything is sent: a transaction that fails here was certainly not taken."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._channel(node).channel_ready()
        except TimeoutError:
            self._failed(node)
            return False
        return True

    def _channel(self, node: str) -> Any:
        if node not in self._channels:
            self._channels[node] = grpc.aio.insecure_channel(self._addresses[node], options=_CHANNEL_OPTIONS)
        return self._channels[node]

    def _remember(self, transaction_id: str, node: str) -> None:
        self._taken_by[transaction_id] = node
        if len(self._taken_by) > _REMEMBERED:
            self._taken_by.popitem(last=False)

    def _failed(self, node: str) -> None:
        failures = self._failures.get(node, 0) + 1
        self._failures[node] = failures
        rest_seconds = min(_FIRST_REST_SECONDS * 2.0 ** (failures - 1), _LONGEST_REST_SECONDS)
        self._rests_until[node] = asyncio.get_running_loop().time() + rest_seconds

    def _recovered(self, node: str) -> None:
        self._failures.pop(node, None)
        self._rests_until.pop(node, None)

    def _rested_first(self, nodes: Iterable[str]) -> list[str]:
        now = asyncio.get_running_loop().time()
        return sorted(nodes, key=lambda node: max(self._rests_until.get(node, now), now))


def _receipt_query(transaction_id: str) -> Query:
    payer, start_nanos = split_transaction_id(transaction_id)
    shard, realm, number = map(int, payer.split("."))
    seconds, nanos = divmod(start_nanos, NANOS_PER_SECOND)
    identifier = TransactionID(
        accountID=AccountID(shardNum=shard, realmNum=realm, accountNum=number),
        transactionValidStart=Timestamp(seconds=seconds, nanos=nanos),
    )
    return Query(transactionGetReceipt=TransactionGetReceiptQuery(header=QueryHeader(), transactionID=identifier))


def _name(code: int) -> str:
    """Return the name of a response code, also of one that is newer than the SDK."""
    try:
        return str(ResponseCode(code).name)
    except ValueError:
        return _NEWER_CODES.get(code, f"RESPONSE_CODE_{code}")
