"""The nodes of a chain, over JSON-RPC: requests, retries, and the meaning of failures."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from json import JSONDecodeError
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from eth_typing import URI
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from masspayout.kernel.errors import Invalid, LedgerUnavailable, LedgerUncertain
from masspayout.ledger.evm.responses import (
    Block,
    Json,
    checked_block,
    checked_logs,
    checked_receipt,
    from_hex,
    is_response,
    to_block,
    to_hex,
    to_int,
)
from masspayout.settings import Settings

__all__ = ["Block", "Json", "LogFilter", "Node", "NodeError", "call_parameters", "from_hex", "to_hex", "to_int"]

_log = logging.getLogger(__name__)

_BATCH_SIZE = 100
_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.25
_NOT_REACHED = (aiohttp.ClientError, TimeoutError, OSError, ValueError)

_REASONS: Mapping[type[Exception], str] = {
    TimeoutError: "no answer came in time",
    aiohttp.ClientConnectorError: "no connection",
    aiohttp.ServerDisconnectedError: "the connection broke",
}

# Error codes of JSON-RPC. A revert carries the contract's data.
_REVERTED = 3
_TOO_MANY_REQUESTS = -32005
_INTERNAL_ERROR = -32603
_BUSY_WORDS = ("rate limit", "too many requests", "busy", "throttled")


class NodeError(LedgerUnavailable):
    """A node understood a request and refused it. Unless the caller knows the meaning, the request is retried later.

    Args:
        code: JSON-RPC's error code.
        message: The node's message.
        data: The revert data of a contract.
    """

    def __init__(self, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{message.rstrip('.')} ({code})")
        self.code = code
        self.data = data

    @property
    def is_trouble(self) -> bool:
        """True for an internal error of the node, which proves nothing about a contract."""
        return self.code == _INTERNAL_ERROR and not self.is_revert

    @property
    def is_revert(self) -> bool:
        """True if a contract refused, and not the node."""
        return self.code == _REVERTED or "revert" in self.message.lower()


class LogFilter(NamedTuple):
    """A filter of logs: by topics, of one contract or of any."""

    topics: Sequence[str | Sequence[str] | None]
    address: str | None = None


class _Unreadable(ValueError):  # noqa: N818 - it reads as what it is
    """A response that is not JSON-RPC; perhaps a gateway answered."""


class _NotOfTheChain(ValueError):  # noqa: N818 - it reads as what it is
    """One of several nodes is on another chain than the others."""


class Node:
    """The nodes of one chain. When one cannot be reached, the next one is asked.

    Raises:
        Invalid: ``EVM_RPC_URL`` leads to no node.
    """

    def __init__(self, settings: Settings) -> None:
        _require_addresses(settings.evm_rpc_urls)
        timeout = aiohttp.ClientTimeout(total=settings.evm_timeout_seconds)
        self._providers = [
            AsyncHTTPProvider(URI(url), request_kwargs={"timeout": timeout}, exception_retry_configuration=None)
            for url in settings.evm_rpc_urls
        ]
        # Without paths and passwords: those of providers hold their customers' keys.
        self.names = ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in settings.evm_rpc_urls)
        self._current = 0
        self._chains: dict[AsyncHTTPProvider, Any] = {}

    async def request(self, method: str, *parameters: Any) -> Any:
        """Send a request that changes nothing, and return the result.

        Raises:
            NodeError: The node refused.
            LedgerUnavailable: No node could be reached, or all were too busy.
        """
        pause_seconds = _FIRST_PAUSE_SECONDS
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                response = await self._ask_any(method, parameters)
            except LedgerUnavailable:
                if last:
                    raise
            else:
                return _raise_error(_result_or_error(response))
            await asyncio.sleep(pause_seconds)
            pause_seconds *= 2
        raise AssertionError("the last try returns or raises")

    async def requests(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Send many requests in few exchanges. A refusal is returned as its ``NodeError``.

        Raises:
            LedgerUnavailable: No node could be reached.
        """
        answers: list[Any] = []
        for start in range(0, len(calls), _BATCH_SIZE):
            answers += await self._request_batch(calls[start : start + _BATCH_SIZE])
        return answers

    async def send(self, signed_bytes: bytes) -> None:
        """Send a signed transaction to a node.

        Raises:
            NodeError: The node did not take it.
            LedgerUnavailable: The node was too busy, and did not take it.
            LedgerUncertain: No answer came.
        """
        try:
            response = await self._ask_any("eth_sendRawTransaction", (to_hex(signed_bytes),))
        except LedgerUnavailable as error:
            raise LedgerUncertain(f"No answer came: {error.message}", "Only looking tells what happened.") from error
        _raise_error(_result_or_error(response))

    async def call(self, to: str, data: bytes, *, sender: str | None = None, block: Block = "latest") -> bytes:
        """Return a contract's answer to a call that changes nothing.

        Raises:
            NodeError: The call reverted.
            LedgerUnavailable: No node could be reached.
        """
        return from_hex(await self.request("eth_call", *call_parameters(to, data, sender=sender, block=block)))

    async def estimate_gas(self, sender: str, to: str, data: bytes) -> int:
        """Return the gas that a call would use now.

        Raises:
            NodeError: The call would revert.
            LedgerUnavailable: No node could be reached.
        """
        return to_int(await self.request("eth_estimateGas", {"from": sender, "to": to, "data": to_hex(data)}))

    async def code(self, address: str, block: Block = "latest") -> bytes:
        """Return the code at an address; empty where no contract is."""
        return from_hex(await self.request("eth_getCode", address, to_block(block)))

    async def block(self, block: Block, *, with_transactions: bool = False) -> Json | None:
        """Return a block's header, with the transactions or their hashes; None when the node has no such block."""
        answer = await self.request("eth_getBlockByNumber", to_block(block), with_transactions)
        return checked_block(answer, block)

    async def receipt(self, transaction_hash: str) -> Json | None:
        """Return the receipt of a transaction; None when the node shows none, which proves nothing."""
        answer = await self.request("eth_getTransactionReceipt", transaction_hash)
        return checked_receipt(answer, transaction_hash)

    async def receipts(self, transaction_hashes: Sequence[str]) -> list[Json | None]:
        """Return the receipts of many transactions, in few exchanges.

        Raises:
            NodeError: The node refused.
        """
        answers = await self.requests([("eth_getTransactionReceipt", (each,)) for each in transaction_hashes])
        return [
            checked_receipt(_raise_error(answer), each)
            for each, answer in zip(transaction_hashes, answers, strict=True)
        ]

    async def balance_wei(self, address: str) -> int:
        """Return an account's balance in the chain's own currency."""
        return to_int(await self.request("eth_getBalance", address, "latest"))

    async def transaction_count(self, address: str, block: Block) -> int:
        """Return the number of executed transactions of an account, which is its next nonce."""
        return to_int(await self.request("eth_getTransactionCount", address, to_block(block)))

    async def logs(
        self, first: int, last: int, topics: Sequence[str | Sequence[str] | None], address: str | None = None
    ) -> list[Json]:
        """Return the logs of some blocks; see ``filtered_logs``."""
        ((found,), _) = await self.filtered_logs(first, last, [LogFilter(topics, address)])
        return found

    async def filtered_logs(self, first: int, last: int, filters: Sequence[LogFilter]) -> tuple[list[list[Json]], Json]:
        """Return the logs of some blocks for each of several filters, and the last block's header.

        A node that is behind returns no logs of blocks that it does not have, and no error either. So the last block is
        requested in the same exchange: only a node that has that block proves that there are no logs.

        Raises:
            NodeError: The range is too large for the node.
            LedgerUnavailable: The node does not have the last block.
        """
        calls: list[tuple[str, Sequence[Any]]] = [
            ("eth_getLogs", [_log_parameters(first, last, wanted)]) for wanted in filters
        ]
        *answers, block = await self.requests([*calls, ("eth_getBlockByNumber", [hex(last), False])])
        found = [checked_logs(_raise_error(answer), first, last) for answer in answers]
        header = None if isinstance(block, NodeError) else checked_block(block, last)
        if header is None:
            raise LedgerUnavailable(f"The node does not show block {last}, and so not its logs.", "It is asked again.")
        return found, header

    async def close(self) -> None:
        """Close the connections."""
        for provider in self._providers:
            await provider.disconnect()

    async def _request_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        batch = [(RPCEndpoint(method), list(parameters)) for method, parameters in calls]
        for provider in self._in_order():
            try:
                await self._require_same_chain(provider)
                responses = await _batch_responses(provider, batch)
            except _NOT_REACHED as error:
                self._leave(provider, error)
                continue
            if isinstance(responses, list) and len(responses) == len(calls):
                return [
                    await self._request_or_error(*call) if _is_for_another_try(response) else _result_or_error(response)
                    for call, response in zip(calls, responses, strict=True)
                ]
            break
        # A node may not support batches, or find this one too large.
        return list(await asyncio.gather(*(self._request_or_error(method, parameters) for method, parameters in calls)))

    async def _request_or_error(self, method: str, parameters: Sequence[Any]) -> Any:
        try:
            return await self.request(method, *parameters)
        except NodeError as error:
            return error

    async def _ask_any(self, method: str, parameters: Iterable[Any]) -> RPCResponse:
        """Send a request to one node after the other until one answers."""
        reason = "there is none"
        for provider in self._in_order():
            try:
                await self._require_same_chain(provider)
                response = await provider.make_request(RPCEndpoint(method), list(parameters))
                if not is_response(response):
                    raise _Unreadable("its answer cannot be read")
            except _NOT_REACHED as error:
                reason = _reason(error)
                self._leave(provider, error)
                continue
            if not _is_busy(response):
                return response
            reason = _result_or_error(response)
        raise LedgerUnavailable(
            f"No node answers {method} at {self.names}: {reason}.",
            "Check EVM_RPC_URL and the network; a worker tries again by itself.",
        )

    async def _require_same_chain(self, provider: AsyncHTTPProvider) -> None:
        """Check, before one of several nodes is asked for the first time, that it is on the chain of those before.

        Raises:
            _NotOfTheChain: It is not: its answers about our transactions would be that they never happened.
        """
        if len(self._providers) == 1:
            return
        if provider not in self._chains:
            answer = _result_or_error(await provider.make_request(RPCEndpoint("eth_chainId"), []))
            if isinstance(answer, NodeError):
                raise _NotOfTheChain(f"it does not say on which chain it is: {answer.message}")
            self._chains[provider] = answer
        first, found = next(iter(self._chains.values())), self._chains[provider]
        if found != first:
            raise _NotOfTheChain(f"it is on chain {to_int(found)}, and another one on {to_int(first)}")

    def _in_order(self) -> list[AsyncHTTPProvider]:
        return self._providers[self._current :] + self._providers[: self._current]

    def _leave(self, provider: AsyncHTTPProvider, error: Exception) -> None:
        """Move a node to the end of the order."""
        _log.info("a node of %s does not answer: %s", self.names, _reason(error))
        self._current = (self._providers.index(provider) + 1) % len(self._providers)


def call_parameters(
    to: str, data: bytes, *, sender: str | None = None, block: Block = "latest", gas: int | None = None
) -> list[Any]:
    """Return the parameters of ``eth_call``; without ``gas``, the call gets as much as the node allows."""
    optional = {"from": sender, "gas": None if gas is None else hex(gas)}
    call = {"to": to, "data": to_hex(data), **{name: value for name, value in optional.items() if value is not None}}
    return [call, to_block(block)]


def _require_addresses(urls: Sequence[str]) -> None:
    """Refuse an address that is not of HTTP. The message does not repeat it: a node's address may hold a key."""
    for number, url in enumerate(urls or ("",), start=1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(
                f"EVM_RPC_URL (number {number}) is no address of a node.",
                "Write it as https://… or http://…; several are separated by commas.",
            )


def _reason(error: Exception) -> str:
    """Return the reason of a failure without the address: a node's address may hold a key."""
    if isinstance(error, _NotOfTheChain | _Unreadable):
        return str(error)
    if isinstance(error, JSONDecodeError):
        return "its answer cannot be read"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP {error.status}"
    return next((words for kind, words in _REASONS.items() if isinstance(error, kind)), type(error).__name__)


def _result_or_error(response: RPCResponse) -> Any:
    error: Any = response.get("error")
    if error is None:
        return response.get("result")
    if not isinstance(error, Mapping):
        return NodeError(0, str(error))
    code = error.get("code")
    message = str(error.get("message", ""))
    return NodeError(code if isinstance(code, int) else 0, message, _revert_data(error.get("data")))


def _raise_error(answer: Any) -> Any:
    if isinstance(answer, NodeError):
        raise answer
    return answer


async def _batch_responses(provider: AsyncHTTPProvider, batch: list[tuple[RPCEndpoint, Any]]) -> Any:
    """Return the responses to a batch, in the order of the requests.

    Raises:
        _Unreadable: The answer is not a list of responses.
    """
    try:
        return await provider.make_batch_request(batch)
    except (AttributeError, TypeError):  # the library sorts responses by their ids, and took these for some
        raise _Unreadable("its answer cannot be read") from None


def _log_parameters(first: int, last: int, wanted: LogFilter) -> Json:
    parameters: dict[str, Any] = {"fromBlock": hex(first), "toBlock": hex(last), "topics": list(wanted.topics)}
    return parameters if wanted.address is None else {**parameters, "address": wanted.address}


def _revert_data(data: Any) -> bytes:
    """Return the revert data of a contract, which nodes wrap in different ways."""
    if isinstance(data, Mapping):
        data = data.get("data") or data.get("result")
    try:
        return from_hex(data)
    except LedgerUnavailable:
        return b""


def _is_for_another_try(response: Any) -> bool:
    """Return True if one response of a batch is no result yet, so that its request is retried alone."""
    return not is_response(response) or _is_busy(response) or "batch requests" in str(response.get("error"))


def _is_busy(response: RPCResponse) -> bool:
    """Return True if a node did nothing, and may do it later."""
    error = _result_or_error(response)
    if not isinstance(error, NodeError) or error.is_revert:
        return False
    words = error.message.lower()
    # Hedera's relay also refuses too much gas by that code.
    is_limited = error.code == _TOO_MANY_REQUESTS and "gas limit" not in words
    return is_limited or any(word in words for word in _BUSY_WORDS)
