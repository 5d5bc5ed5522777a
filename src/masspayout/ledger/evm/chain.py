"""The blocks of a chain: their finality, their times, and the use of nonces."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from masspayout.kernel.errors import Conflict, Invalid, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime, to_nanos
from masspayout.ledger.evm.node import Node, NodeError, to_int
from masspayout.ledger.evm.responses import Json, checked_block
from masspayout.ledger.identity import make_identity
from masspayout.settings import Settings

_REMEMBERED_BLOCKS = 10_000

# The currency of gas on widely used chains; elsewhere a general name is shown.
_CURRENCIES = {
    **dict.fromkeys((1, 10, 8453, 42161, 11155111, 31337), "ETH"),
    **dict.fromkeys((295, 296, 297, 298), "HBAR"),
    56: "BNB",
    100: "xDAI",
    137: "POL",
    43114: "AVAX",
}


@dataclass(frozen=True, slots=True, order=True)
class BlockHeader:
    """The fields of a block that matter here."""

    number: int
    timestamp: int
    hash: str


class Chain:
    """The blocks of the chain that the settings name."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node = node
        self._settings = settings
        self._chain_id: int | None = None
        self._final: list[tuple[int, int]] = []  # (timestamp, number) of blocks that were seen final

    async def chain_id(self) -> int:
        """Return the chain's number, verified against the settings.

        Raises:
            Conflict: The node is on another chain than ``EVM_CHAIN_ID`` says.
        """
        if self._chain_id is None:
            found = to_int(await self._node.request("eth_chainId"))
            wanted = self._settings.evm_chain_id
            if wanted is not None and found != wanted:
                raise Conflict(
                    f"The node at {self._node.names} is on chain {found}, and EVM_CHAIN_ID says {wanted}.",
                    "Correct EVM_RPC_URL, or EVM_CHAIN_ID if that chain is meant; nothing was sent.",
                )
            self._chain_id = found
        return self._chain_id

    async def identity(self) -> str:
        """Return the chain's number and the hash of its first block; a chain that is started anew has another.

        Raises:
            Conflict: The node is on another chain than ``EVM_CHAIN_ID`` says.
        """
        chain_id = await self.chain_id()
        try:
            first = await self._node.block(0)
        except NodeError:
            first = None
        return make_identity("eip155", str(chain_id), "" if first is None else str(first["hash"]))

    async def currency(self) -> str:
        """Return the name of the chain's own currency."""
        return _CURRENCIES.get(await self.chain_id(), "of the chain's currency")

    async def head(self) -> BlockHeader:
        """Return the newest block."""
        return await self._header("latest")

    async def final(self) -> BlockHeader:
        """Return the newest final block: it, and all blocks before it, stay.

        Raises:
            LedgerUnavailable: No block is final yet, or the node cannot be reached.
        """
        wanted = self._settings.evm_confirmations
        if isinstance(wanted, str):
            header = await self._header(wanted)
        else:
            head = await self.head()
            header = head if wanted <= 1 else await self._header(max(0, head.number - wanted + 1))
        self._remember(header)
        return header

    async def header(self, number: int) -> BlockHeader:
        """Return one block."""
        return await self._header(number)

    async def headers(self, numbers: Iterable[int]) -> dict[int, BlockHeader]:
        """Return some blocks by their numbers, in few exchanges.

        Raises:
            LedgerUnavailable: The node does not show one of them.
        """
        wanted = sorted(set(numbers))
        answers = await self._node.requests([("eth_getBlockByNumber", (hex(number), False)) for number in wanted])
        found = {}
        for number, answer in zip(wanted, answers, strict=True):
            header = None if isinstance(answer, NodeError) else checked_block(answer, number)
            if header is None:
                raise LedgerUnavailable(f"The node does not show the block {number} (yet).", "It is asked again.")
            found[number] = header_of(header)
        return found

    async def block_at(self, at: datetime, final: BlockHeader) -> BlockHeader:
        """Return the last block at a time or before, once it is final.

        Raises:
            Invalid: The time lies ahead of the chain's, or before the first block that is read.
            LedgerUnavailable: The blocks of that time are not final yet.
        """
        timestamp = to_nanos(at) // NANOS_PER_SECOND
        if timestamp > final.timestamp:
            head = await self.head()
            if timestamp > head.timestamp:
                now = to_datetime(head.timestamp * NANOS_PER_SECOND)
                raise Invalid(
                    f"The time {at} lies ahead of the chain's, which is {now}.", "Ask again when it has passed."
                )
            raise LedgerUnavailable(
                f"The blocks of {at} are not final yet.", "They are read when they are; until then it waits."
            )
        number = await self.last_block_until(timestamp, final)
        if number is None:
            raise Invalid(f"The time {at} lies before the first block that is read.", "Lower EVM_START_BLOCK.")
        return await self.header(number)

    async def last_block_until(self, timestamp: int, final: BlockHeader) -> int | None:
        """Return the number of the last final block at a time or before; None when there is none."""
        if final.timestamp <= timestamp:
            return final.number
        low, high = self._known_around(timestamp, final)
        if low < 0:
            low = self._settings.evm_start_block
            if (await self._final_header(low)).timestamp > timestamp:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            if (await self._final_header(middle)).timestamp <= timestamp:
                low = middle
            else:
                high = middle
        return low

    async def final_block_of(self, receipt: Json, final: BlockHeader) -> BlockHeader | None:
        """Return the final block that a transaction is in; None when its receipt is of a later or a replaced block."""
        number = to_int(receipt["blockNumber"])
        if number > final.number:
            return None
        header = await self.header(number)
        return header if header.hash == receipt["blockHash"] else None

    async def using_transaction(self, sender: str, nonce: int, *, after: int, until: int) -> Json | None:
        """Return the transaction that used a sender's nonce, as its block shows it.

        None when the nodes do not keep the state that the search needs.

        Args:
            sender: The sender of the transaction.
            nonce: The nonce, which is used at the end of the block ``until``.
            after: The block from which on the search goes, unless the nonce was used before.
            until: The last block of the search.
        """
        low, high = after, until
        try:
            if low and await self._node.transaction_count(sender, low) > nonce:
                low, high = 0, low  # it was taken before ours was signed, which a worker may do late
            while high - low > 1:
                middle = (low + high) // 2
                if await self._node.transaction_count(sender, middle) <= nonce:
                    low = middle
                else:
                    high = middle
            block = await self._node.block(high, with_transactions=True)
        except NodeError:
            return None
        for transaction in [] if block is None else block["transactions"]:
            if transaction["from"].lower() == sender and to_int(transaction["nonce"]) == nonce:
                return dict(transaction)
        return None

    def _known_around(self, timestamp: int, final: BlockHeader) -> tuple[int, int]:
        """Return the closest known blocks: the last one up to a time, and the first one after it; -1 for none."""
        position = bisect_right(self._final, (timestamp, 1 << 62))
        low = self._final[position - 1][1] if position else -1
        high = self._final[position][1] if position < len(self._final) else final.number
        return low, high

    async def _final_header(self, number: int) -> BlockHeader:
        header = await self._header(number)
        self._remember(header)
        return header

    def _remember(self, header: BlockHeader) -> None:
        if len(self._final) >= _REMEMBERED_BLOCKS:
            del self._final[::2]
        known = (header.timestamp, header.number)
        position = bisect_right(self._final, known)
        if not position or self._final[position - 1] != known:
            insort(self._final, known)

    async def _header(self, block: int | str) -> BlockHeader:
        try:
            found = await self._node.block(block)
        except NodeError as error:
            raise LedgerUnavailable(
                f"The node does not show the block {block}: {error.message}.",
                "Set EVM_CONFIRMATIONS to a number if this chain names no such block.",
            ) from None
        if found is None:
            raise LedgerUnavailable(f"The node does not show the block {block} (yet).", "It is asked again.")
        return header_of(found)


def header_of(block: Json) -> BlockHeader:
    """Return the header of a block that a node returned and that was checked."""
    return BlockHeader(to_int(block["number"]), to_int(block["timestamp"]), str(block["hash"]))


def block_nanos(header: BlockHeader) -> int:
    """Return a block's time for events: the block's number in place of the nanoseconds, so that no two are the same."""
    return header.timestamp * NANOS_PER_SECOND + header.number % NANOS_PER_SECOND


def is_success(receipt: Mapping[str, Any]) -> bool:
    """Return True if a transaction succeeded."""
    return to_int(receipt["status"]) == 1
