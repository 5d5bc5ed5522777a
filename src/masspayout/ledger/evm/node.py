"""A chain's nodes, over JSON-RPC: what they answer, and what it means when they do not."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
from eth_typing import URI
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from masspayout.errors import Invalid, LedgerUnavailable, LedgerUncertain
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

Block = int | str
Json = Mapping[str, Any]

_BATCH_SIZE = 100
_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.25
_NOT_REACHED = (aiohttp.ClientError, TimeoutError, OSError, ValueError)

_REASONS: Mapping[type[Exception], str] = {
    TimeoutError: "no answer came in time",
    aiohttp.ClientConnectorError: "no connection",
    aiohttp.ServerDisconnectedError: "the connection broke",
}

# A node that calls something wrong answers with one of these; what reverted carries its data.
_REVERTED = 3
_TOO_MANY_REQUESTS = -32005
_BUSY_WORDS = ("rate limit", "too many requests", "busy", "throttled")


class NodeError(LedgerUnavailable):
    """A node understood a request and did not do it. Where nobody knows better, it is tried again later.

    Args:
        code: JSON-RPC's number for it.
        message: What the node says.
        data: What a contract said that reverted.
    """

    def __init__(self, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{message.rstrip('.')} ({code})")
        self.code = code
        self.data = data

    @property
    def is_revert(self) -> bool:
        """Whether a contract refused, and not the node."""
        return self.code == _REVERTED or "revert" in self.message.lower()


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
        """Ask something that changes nothing, and return the answer.

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
                return _result(response)
            await asyncio.sleep(pause_seconds)
            pause_seconds *= 2
        raise AssertionError("the last try returns or raises")

    async def requests(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Ask many things in few exchanges. An answer that is a refusal is returned as its ``NodeError``.

        Raises:
            LedgerUnavailable: No node could be reached.
        """
        answers: list[Any] = []
        for start in range(0, len(calls), _BATCH_SIZE):
            answers += await self._request_batch(calls[start : start + _BATCH_SIZE])
        return answers

    async def send(self, signed_bytes: bytes) -> None:
        """Hand a signed transaction to a node.

        Raises:
            NodeError: The node did not take it.
            LedgerUnavailable: It was too busy, and did not take it.
            LedgerUncertain: No answer came.
        """
        try:
            response = await self._ask_any("eth_sendRawTransaction", (to_hex(signed_bytes),))
        except LedgerUnavailable as error:
            raise LedgerUncertain(f"No answer came: {error.message}", "Only looking tells what happened.") from error
        _result(response)

    async def call(self, to: str, data: bytes, *, sender: str | None = None, block: Block = "latest") -> bytes:
        """Return what a contract answers, without changing anything.

        Raises:
            NodeError: It reverted.
            LedgerUnavailable: No node could be reached.
        """
        return from_hex(await self.request("eth_call", *call_parameters(to, data, sender=sender, block=block)))

    async def estimate_gas(self, sender: str, to: str, data: bytes) -> int:
        """Return how much gas a call would use now.

        Raises:
            NodeError: It would revert.
            LedgerUnavailable: No node could be reached.
        """
        return to_int(await self.request("eth_estimateGas", {"from": sender, "to": to, "data": to_hex(data)}))

    async def code(self, address: str, block: Block = "latest") -> bytes:
        """Return the program at an address; none where no contract is."""
        return from_hex(await self.request("eth_getCode", address, to_block(block)))

    async def block(self, block: Block, *, with_transactions: bool = False) -> Json | None:
        """Return a block's header, with the transactions or their hashes; None when there is no such block."""
        return cast("Json | None", await self.request("eth_getBlockByNumber", to_block(block), with_transactions))

    async def receipt(self, transaction_hash: str) -> Json | None:
        """Return what came of a transaction; None when it is in no block."""
        return cast("Json | None", await self.request("eth_getTransactionReceipt", transaction_hash))

    async def balance_wei(self, address: str) -> int:
        """Return what an account holds of the chain's own currency."""
        return to_int(await self.request("eth_getBalance", address, "latest"))

    async def transaction_count(self, address: str, block: Block) -> int:
        """Return how many transactions of an account were executed: the nonce that comes next."""
        return to_int(await self.request("eth_getTransactionCount", address, to_block(block)))

    async def logs(
        self, first: int, last: int, topics: Sequence[str | Sequence[str] | None], address: str | None = None
    ) -> list[Json]:
        """Return the logs of some blocks.

        Raises:
            NodeError: The node finds that too much.
        """
        wanted: dict[str, Any] = {"fromBlock": hex(first), "toBlock": hex(last), "topics": list(topics)}
        if address is not None:
            wanted["address"] = address
        return cast("list[Json]", await self.request("eth_getLogs", wanted))

    async def close(self) -> None:
        """Let go of connections."""
        for provider in self._providers:
            await provider.disconnect()

    async def _request_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        batch = [(RPCEndpoint(method), list(parameters)) for method, parameters in calls]
        for provider in self._in_order():
            try:
                await self._require_same_chain(provider)
                responses = await provider.make_batch_request(batch)
            except _NOT_REACHED as error:
                self._leave(provider, error)
                continue
            if isinstance(responses, list) and len(responses) == len(calls):
                return [
                    await self._request_or_error(*call) if _is_busy(response) else _result_or_error(response)
                    for call, response in zip(calls, responses, strict=True)
                ]
            break
        # A node may know no batches, or find this one too large.
        return list(await asyncio.gather(*(self._request_or_error(method, parameters) for method, parameters in calls)))

    async def _request_or_error(self, method: str, parameters: Sequence[Any]) -> Any:
        try:
            return await self.request(method, *parameters)
        except NodeError as error:
            return error

    async def _ask_any(self, method: str, parameters: Iterable[Any]) -> RPCResponse:
        """Ask one node after the other until one answers."""
        reason = "there is none"
        for provider in self._in_order():
            try:
                await self._require_same_chain(provider)
                response = await provider.make_request(RPCEndpoint(method), list(parameters))
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
            _NotOfTheChain: It is not: what it says of our transactions would be that they never happened.
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
        """Ask the next node first from now on."""
        _log.info("a node of %s does not answer: %s", self.names, _reason(error))
        self._current = (self._providers.index(provider) + 1) % len(self._providers)


def to_hex(content: bytes) -> str:
    """Write bytes as JSON-RPC does."""
    return f"0x{content.hex()}"


def from_hex(text: str) -> bytes:
    """Read bytes as JSON-RPC writes them."""
    return bytes.fromhex(text[2:])


def to_int(text: str) -> int:
    """Read a number as JSON-RPC writes it."""
    return int(text, 16)


def to_block(block: Block) -> str:
    """Write a block's number, or a name such as ``latest``, as JSON-RPC does."""
    return hex(block) if isinstance(block, int) else block


def call_parameters(to: str, data: bytes, *, sender: str | None = None, block: Block = "latest") -> list[Any]:
    """Return the parameters of ``eth_call``."""
    call = {"to": to, "data": to_hex(data)} | ({} if sender is None else {"from": sender})
    return [call, to_block(block)]


def _require_addresses(urls: Sequence[str]) -> None:
    """Refuse what cannot be asked over HTTP. What it is is not repeated: a node's address may hold a key."""
    for number, url in enumerate(urls or ("",), start=1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(
                f"EVM_RPC_URL (number {number}) is no address of a node.",
                "Write it as https://… or http://…; several are separated by commas.",
            )


def _reason(error: Exception) -> str:
    """Say what went wrong on the way, but not where the way leads: a node's address may hold a key."""
    if isinstance(error, _NotOfTheChain):
        return str(error)
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP {error.status}"
    return next((words for kind, words in _REASONS.items() if isinstance(error, kind)), type(error).__name__)


def _result(response: RPCResponse) -> Any:
    found = _result_or_error(response)
    if isinstance(found, NodeError):
        raise found
    return found


def _result_or_error(response: RPCResponse) -> Any:
    error = response.get("error")
    if error is None:
        return response.get("result")
    if isinstance(error, str):
        return NodeError(0, error)
    return NodeError(int(error.get("code", 0)), str(error.get("message", "")), _revert_data(error.get("data")))


def _revert_data(data: Any) -> bytes:
    """Return what a contract reverted with; nodes wrap it in different ways."""
    if isinstance(data, Mapping):
        data = data.get("data") or data.get("result")
    if isinstance(data, str) and data.startswith("0x"):
        return bytes.fromhex(data[2:])
    return b""


def _is_busy(response: RPCResponse) -> bool:
    """Whether a node did nothing, and may do it later."""
    error = _result_or_error(response)
    if not isinstance(error, NodeError) or error.is_revert:
        return False
    return error.code == _TOO_MANY_REQUESTS or any(word in error.message.lower() for word in _BUSY_WORDS)
