"""Ranges of blocks for queries of logs, as large as the node accepts: each node has limits of its own."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.evm.node import NodeError

Found = TypeVar("Found")


class Ranges:
    """The size of ranges: halved when the node refuses one as too large, and doubled again after it, up to a bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._span = most

    async def read(self, first: int, until: int, read: Callable[[int, int], Awaitable[Found]]) -> tuple[int, Found]:
        """Read some blocks from ``first`` on, not past ``until``.

        Return the last block that was read, and the result.

        Args:
            first: The number of the first block.
            until: The number of the last block.
            read: Reads the blocks from one number to another.

        Raises:
            LedgerUnavailable: The node refuses even a single block.
        """
        _, last, found = await self._read(read, lambda span: (first, min(first + span - 1, until)))
        return last, found

    async def read_back(
        self, until: int, first: int, read: Callable[[int, int], Awaitable[Found]]
    ) -> tuple[int, Found]:
        """Read some blocks up to ``until``, not before ``first``.

        Return the first block that was read, and the result.

        Args:
            until: The number of the last block.
            first: The number of the first block.
            read: Reads the blocks from one number to another.

        Raises:
            LedgerUnavailable: The node refuses even a single block.
        """
        begin, _, found = await self._read(read, lambda span: (max(first, until - span + 1), until))
        return begin, found

    async def _read(
        self, read: Callable[[int, int], Awaitable[Found]], bounds: Callable[[int], tuple[int, int]]
    ) -> tuple[int, int, Found]:
        while True:
            first, last = bounds(self._span)
            try:
                found = await read(first, last)
            except NodeError as error:
                if last == first:
                    raise LedgerUnavailable(
                        f"The node does not give the logs of block {first}: {error.message}.", "Try another node."
                    ) from None
                self._span = max(1, (last - first + 1) // 2)
            else:
                self._span = min(self._span * 2, self._most)
                return first, last, found
