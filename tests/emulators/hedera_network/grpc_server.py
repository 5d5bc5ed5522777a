"""The nodes' gRPC side: the SDK's own service definition, each node on a port of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from hiero_sdk_python.hapi.services import (
    crypto_service_pb2_grpc,
    response_header_pb2,
    response_pb2,
    transaction_get_receipt_pb2,
    transaction_response_pb2,
)

from hedera_network.consensus import Consensus
from hedera_network.faults import either, strikes
from hedera_network.identifiers import TransactionKey
from hedera_network.node import CODES, Node
from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_THREADS = 8


class NodeServer:
    """A node that listens."""

    def __init__(self, node: Node, consensus: Consensus) -> None:
        self.node = node
        self._servicer = _CryptoService(node, consensus)
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0)])
        crypto_service_pb2_grpc.add_CryptoServiceServicer_to_server(self._servicer, self._server)
        self.port = int(self._server.add_insecure_port("127.0.0.1:0"))

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Break every connection, and end."""
        self._servicer.stopping.set()
        self._server.stop(grace=None).wait()


class _CryptoService(crypto_service_pb2_grpc.CryptoServiceServicer):  # type: ignore[misc] # the SDK has no types
    """Transfers and receipts. Account balances are no longer asked for here: that query is gone."""

    def __init__(self, node: Node, consensus: Consensus) -> None:
        self._node, self._consensus = node, consensus
        self.stopping = threading.Event()

    def cryptoTransfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name for it
        """Take a transfer, and lose it or its answer when told so."""
        faults = self._consensus.faults
        self._answer_calls(context)
        if self._node.account in faults.mute_nodes:
            self._keep_silent(context)
        if strikes(faults.lose_request_percent):
            _break_off(context)
        if strikes(faults.delay_percent):
            self._node.take_later(request, faults.delay_seconds)
            _break_off(context)
        code = self._node.take(request)
        if strikes(faults.lose_answer_percent):
            _break_off(context)
        return transaction_response_pb2.TransactionResponse(nodeTransactionPrecheckCode=CODES.Value(code))

    def getTransactionReceipts(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name for it
        """Say what became of a transaction, as far as this node knows, or says it does."""
        self._answer_calls(context)
        identifier = request.transactionGetReceipt.transactionID
        start = identifier.transactionValidStart
        nanos = int(start.seconds) * NANOS_PER_SECOND + int(start.nanos)
        code, receipt = self._node.receipt(TransactionKey(identifier.accountID.accountNum, nanos))
        return response_pb2.Response(
            transactionGetReceipt=transaction_get_receipt_pb2.TransactionGetReceiptResponse(
                header=response_header_pb2.ResponseHeader(nodeTransactionPrecheckCode=CODES.Value(code)),
                receipt=receipt,
            )
        )

    def cryptoGetBalance(self, request: Any, context: Any) -> NoReturn:  # noqa: N802 - the service's name for it
        """Refuse: balances come from mirror nodes."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "CryptoGetAccountBalance is not supported any more")
        raise AssertionError

    def _answer_calls(self, context: Any) -> None:
        if self._node.account in self._consensus.faults.dead_nodes:
            context.abort(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses")

    def _keep_silent(self, context: Any) -> None:
        while context.is_active() and not self.stopping.wait(0.02):
            pass
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer")


def _break_off(context: Any) -> NoReturn:
    """End a call as a broken connection does: the caller cannot tell what happened before."""
    context.abort(
        either(grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), "Stream removed: connection reset by peer"
    )
    raise AssertionError
