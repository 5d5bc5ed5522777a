"""A way to a node that loses, delays and repeats what goes through it, and that may show the chain as it was before."""

import asyncio
import json
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx
from aiohttp import web

from masspayout.ledger.evm.envelopes import decode_transaction

_NAMES_OF_BLOCKS = ("latest", "pending", "safe", "finalized")
_BLOCK_PARAMETER = {
    "eth_call": 1, "eth_getBalance": 1, "eth_getCode": 1, "eth_getTransactionCount": 1, "eth_getBlockByNumber": 0
}  # fmt: skip

_BLOCK_POLLS, _SECONDS_BETWEEN_POLLS = 100, 0.01


class Lie(Enum):
    """What is answered instead of the truth."""

    NULL = '{"jsonrpc": "2.0", "id": 1, "result": null}'
    EMPTY = '{"jsonrpc": "2.0", "id": 1, "result": {}}'
    NO_RESULT = "{}"
    NO_OBJECT = '["gateway"]'
    HTML = "<html><body>404 page not found</body></html>"


@dataclass(frozen=True)
class Faults:
    """What goes wrong with transactions that are sent, in percent; and how the chain is shown.

    Attributes:
        delay: They are kept until somebody delivers them.
        horizon: Nothing after this block is shown.
        no_mempool: Only the nonce that comes next is taken, as by Hedera's relay.
        busy_percent: Anything that is asked is turned away.
        most_log_blocks: No logs are given of more blocks than these at once.
        oldest_state: What held at blocks before this one is forgotten, but for the blocks themselves and their logs.
        failing_method: The node has trouble of its own with whatever is asked by this one.
        lies: How something else is answered than the truth, by the method that asks.
        codeless_until: At this block and before, every address is shown without a contract: the state is forgotten.
        without_logs: Receipts are shown without their logs.
        hidden: Of transactions with these hashes no receipts are shown.
        minimum_tip_wei: What a transaction must offer a block's producer for each unit of gas, to be taken at all.
        refusal: The words in which every transaction that is sent is refused, with ``refusal_code``.
        answers: What is answered to a method, whatever is true.
        without_batches: Several requests at once are each refused, as Hedera's relay may do.
        ignorant_of: The newest block of a node behind the same address that is behind, and is asked for logs and for
            blocks by their numbers.
    """

    lose_answer_percent: int = 0
    lose_request_percent: int = 0
    repeat_percent: int = 0
    busy_percent: int = 0
    delay: bool = False
    horizon: int | None = None
    no_mempool: bool = False
    most_log_blocks: int | None = None
    oldest_state: int | None = None
    failing_method: str | None = None
    lies: Mapping[str, "Lie"] = field(default_factory=dict)
    codeless_until: int | None = None
    without_logs: bool = False
    hidden: frozenset[str] = frozenset()
    ignorant_of: int | None = None
    minimum_tip_wei: int = 0
    refusal: str | None = None
    refusal_code: int = -32000
    answers: Mapping[str, Any] = field(default_factory=dict)
    without_batches: bool = False


@dataclass
class UnreliableNode:
    """Passes JSON-RPC on to a node. ``faults`` may be changed at any time."""

    target: str
    faults: Faults = field(default_factory=Faults)
    delayed: list[str] = field(default_factory=list)
    url: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    sent_count: int = 0
    lie_count: int = 0

    async def start(self) -> None:
        self._client = httpx.AsyncClient(base_url=self.target, timeout=60)
        application = web.Application()
        application.router.add_post("/", self._handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self._client.aclose()

    async def deliver(self) -> None:
        """Let what was delayed arrive; nobody hears of what comes of it."""
        waiting, self.delayed[:] = list(self.delayed), []
        for signed in waiting:
            await self._pass_on(signed)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        calls = body if isinstance(body, list) else [body]
        lies = [
            lie for call in calls if (lie := self.faults.lies.get(call["method"])) not in (None, Lie.NULL, Lie.EMPTY)
        ]
        if lies:
            self.lie_count += 1
            return web.Response(text=lies[0].value, content_type="application/json")
        if isinstance(body, list) and self.faults.without_batches:
            refused = {"code": -32007, "message": "Method eth_call is not permitted as part of batch requests"}
            return web.json_response([{"jsonrpc": "2.0", "id": call["id"], "error": refused} for call in calls])
        answers = [await self._answer(call["method"], call["params"]) for call in calls]
        if any(answer is None for answer in answers):
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        numbered = [
            {"jsonrpc": "2.0", "id": call["id"], **(answer or {})} for call, answer in zip(calls, answers, strict=True)
        ]
        return web.json_response(numbered if isinstance(body, list) else numbered[0])

    async def _answer(self, method: str, parameters: list[Any]) -> Mapping[str, Any] | None:
        """Return result or error; None when the connection is to break."""
        refusal = self._refusal(method, parameters)
        if refusal is not None:
            return {"error": refusal}
        if method == "eth_sendRawTransaction":
            return await self._send(parameters[0])
        if method in self.faults.answers:
            return {"result": self.faults.answers[method]}
        lie = await self._lie(method, parameters)
        if lie is not None:
            return lie
        if self.faults.horizon is None:
            return await self._ask(method, parameters)
        return await self._ask_behind(method, parameters, self.faults.horizon)

    async def _lie(self, method: str, parameters: list[Any]) -> Mapping[str, Any] | None:
        """Return another answer than the true one, and count it; None when nothing is to be hidden."""
        lie = self.faults.lies.get(method)
        result: list[Any] | None = None
        if method == "eth_getTransactionReceipt" and parameters[0] in self.faults.hidden:
            lie = Lie.NULL
        newest = self.faults.ignorant_of
        if newest is not None and method == "eth_getLogs" and int(parameters[0]["toBlock"], 16) > newest:
            lie, result = Lie.NULL, []
            parameters = [{**parameters[0], "fromBlock": hex(newest + 1)}]
        if newest is not None and method == "eth_getBlockByNumber" and parameters[0] not in _NAMES_OF_BLOCKS:
            lie = Lie.NULL if int(parameters[0], 16) > newest else lie
        if method == "eth_getCode" and parameters[1] not in _NAMES_OF_BLOCKS:
            truth = (await self._ask(method, parameters)).get("result")
            if int(parameters[1], 16) <= (self.faults.codeless_until or -1):
                self.lie_count += truth != "0x"
                return {"result": "0x"}
        strips = method == "eth_getTransactionReceipt" and self.faults.without_logs
        if lie is None and not strips:
            return None
        truth = (await self._ask(method, parameters)).get("result")
        if lie is None:
            self.lie_count += bool(truth and truth["logs"])
            return {"result": truth and {**truth, "logs": []}}
        self.lie_count += bool(truth)
        return {"result": {} if lie is Lie.EMPTY else result}

    async def _send(self, signed: str) -> Mapping[str, Any] | None:
        faults = self.faults
        self.sent_count += 1
        if self._strikes(faults.lose_request_percent):
            return None
        if faults.delay:
            self.delayed.append(signed)
            return None
        if faults.no_mempool and not await self._is_next(signed):
            return {"error": {"code": 32001, "message": "Nonce too high"}}
        tip_wei = decode_transaction(bytes.fromhex(signed[2:])).fees.priority_fee_wei if faults.minimum_tip_wei else 0
        if tip_wei < faults.minimum_tip_wei:
            needed = f"gas tip cap {tip_wei}, minimum needed {faults.minimum_tip_wei}"
            return {"error": {"code": -32000, "message": f"transaction gas price below minimum: {needed}"}}
        if faults.refusal is not None:
            return {"error": {"code": faults.refusal_code, "message": faults.refusal}}
        answer = await self._pass_on(signed)
        if self._strikes(faults.repeat_percent):
            await self._pass_on(signed)
        return None if self._strikes(faults.lose_answer_percent) else answer

    async def _pass_on(self, signed: str) -> Mapping[str, Any]:
        """Send a transaction. A node that mines at once answers before the block is there: wait for it."""
        answer = await self._ask("eth_sendRawTransaction", [signed])
        mines_at_once = (await self._ask("anvil_getAutomine", []))["result"]
        for _ in range(_BLOCK_POLLS):
            if not mines_at_once or int((await self._ask("txpool_status", []))["result"]["pending"], 16) == 0:
                break  # what is too cheap for any block stays where it is
            await asyncio.sleep(_SECONDS_BETWEEN_POLLS)
        return answer

    async def _is_next(self, signed: str) -> bool:
        transaction = decode_transaction(bytes.fromhex(signed[2:]))
        count = await self._ask("eth_getTransactionCount", [transaction.sender, "latest"])
        return int(count["result"], 16) >= transaction.nonce

    async def _ask_behind(self, method: str, parameters: list[Any], horizon: int) -> Mapping[str, Any]:
        """Ask as if the chain ended at a block."""
        if method == "eth_blockNumber":
            return {"result": hex(horizon)}
        if method == "eth_getLogs":
            (wanted,) = parameters
            if int(wanted["fromBlock"], 16) > horizon:
                return {"result": []}
            parameters = [{**wanted, "toBlock": hex(min(int(wanted["toBlock"], 16), horizon))}]
        if method in _BLOCK_PARAMETER:
            index = _BLOCK_PARAMETER[method]
            if parameters[index] in _NAMES_OF_BLOCKS:
                parameters = [*parameters[:index], hex(horizon), *parameters[index + 1 :]]
            elif int(parameters[index], 16) > horizon:
                return {"result": None}
        answer = await self._ask(method, parameters)
        found = answer.get("result")
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash") and found and found["blockNumber"]:
            return {"result": None} if int(found["blockNumber"], 16) > horizon else answer
        return answer

    async def _ask(self, method: str, parameters: list[Any]) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = (await self._client.post("/", json=request)).json()
        return {key: answer[key] for key in ("result", "error") if key in answer}

    def _refusal(self, method: str, parameters: list[Any]) -> Mapping[str, Any] | None:
        """Return the error of a node that does not do what is asked."""
        faults = self.faults
        if self._strikes(faults.busy_percent):
            return {"code": -32005, "message": "rate limit exceeded"}
        if method == faults.failing_method:
            return {"code": -32603, "message": "Internal error"}
        if method == "eth_getLogs" and faults.most_log_blocks and _block_count(parameters[0]) > faults.most_log_blocks:
            return {"code": -32000, "message": f"more than {faults.most_log_blocks} blocks are too many"}
        if method in _BLOCK_PARAMETER and method != "eth_getBlockByNumber":
            block = parameters[_BLOCK_PARAMETER[method]]
            if block not in _NAMES_OF_BLOCKS and int(block, 16) < (faults.oldest_state or 0):
                return {"code": -32000, "message": "missing trie node"}
        return None

    def _strikes(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent


def _block_count(wanted: Mapping[str, str]) -> int:
    return int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) + 1


@contextmanager
def running_beside(node: UnreliableNode) -> Iterator[UnreliableNode]:
    """Run it in a thread of its own, for tests whose processes ask it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(node.start(), loop).result()
    try:
        yield node
    finally:
        asyncio.run_coroutine_threadsafe(node.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
