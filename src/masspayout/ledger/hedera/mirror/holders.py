"""The reader of all holders of a token, as fast as the mirror nodes allow, in constant memory.

Pages of one range of accounts can only be read one after the other, so several ranges are read side by side. The
distribution of the accounts is not known beforehand: a reader gives half of the rest of its range to an idle reader, as
long as that seems worth a request.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.hedera.mirror.client import PAGE, MirrorClient
from masspayout.ledger.hedera.mirror.responses import TokenBalances
from masspayout.ledger.port import HolderBalance

_WORTH_SPLITTING_PAGES = 4


@dataclass(frozen=True, slots=True)
class _Range:
    """Accounts whose numbers are above one number, up to another."""

    above: int
    up_to: int

    @property
    def filters(self) -> list[str]:
        """The range as the mirror nodes' filter."""
        return [f"gt:{self.above}", f"lte:{self.up_to}"]


class HolderReader:
    """The reader of one token's holders, for one use.

    Args:
        mirror: The mirror nodes.
        token_id: The token.
        first: The first page, in ascending order of accounts.
        snapshot: The timestamp filter that the first page was read with; None for live balances.
        parallel: The number of ranges that are read side by side.
    """

    def __init__(
        self, mirror: MirrorClient, token_id: str, first: TokenBalances, *, snapshot: str | None, parallel: int
    ) -> None:
        self._mirror = mirror
        self._token_id = token_id
        self._first = first
        self._snapshot = snapshot
        self._parallel = parallel
        self._ranges: asyncio.Queue[_Range | None] = asyncio.Queue()
        self._pages: asyncio.Queue[Sequence[HolderBalance]] = asyncio.Queue(maxsize=parallel)
        self._unread = 0

    async def pages(self) -> AsyncIterator[Sequence[HolderBalance]]:
        """Stream the holders; no account occurs twice.

        Raises:
            LedgerUnavailable: The mirror nodes cannot be read, or answer from different snapshots.
        """
        if self._first.balances:
            yield _holders(self._first)
        if self._first.links.next is None:
            return
        self._add(_Range(_number(self._first.balances[-1].account), await self._largest_number()))
        readers = [asyncio.create_task(self._read_ranges()) for _ in range(self._parallel)]
        done = asyncio.gather(*readers)
        try:
            while page := await self._next_page(done):
                yield page
        finally:
            done.cancel()
            with suppress(asyncio.CancelledError, LedgerUnavailable):
                await done

    async def _next_page(self, done: "asyncio.Future[Any]") -> Sequence[HolderBalance]:
        """Return the next page of any reader; an empty one when all of them are done."""
        getting = asyncio.create_task(self._pages.get())
        await asyncio.wait({getting, done}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        done.result()
        return () if self._pages.empty() else self._pages.get_nowait()

    async def _largest_number(self) -> int:
        last = await self._mirror.holders_page(self._token_id, self._query({"order": "desc", "limit": 1}))
        self._require_same_snapshot(last)
        if not last.balances:
            raise LedgerUnavailable(f"The holders of {self._token_id} went away while they were read.", "Try again.")
        return _number(last.balances[0].account)

    def _add(self, one: _Range) -> None:
        self._unread += 1
        self._ranges.put_nowait(one)

    async def _read_ranges(self) -> None:
        while (one := await self._ranges.get()) is not None:
            await self._read(one)
            self._unread -= 1
            if not self._unread:
                for _ in range(self._parallel):
                    self._ranges.put_nowait(None)

    async def _read(self, one: _Range) -> None:
        """Read a range to its end, and give halves of it to idle readers."""
        page = await self._first_page(one)
        first_number = one.above
        while page.balances:
            await self._pages.put(_holders(page))
            link = page.links.next
            if link is None:
                return
            last_number = _number(page.balances[-1].account)
            rest = _Range(last_number, one.up_to)
            if self._is_worth_splitting(rest, density=PAGE / (last_number - first_number)):
                middle = (rest.above + rest.up_to) // 2
                self._add(_Range(middle, rest.up_to))
                one = _Range(rest.above, middle)
                page = await self._first_page(one)
            else:
                page = await self._mirror.following_page(link)
                self._require_same_snapshot(page)
            first_number = last_number

    def _is_worth_splitting(self, rest: _Range, density: float) -> bool:
        """Return True if a reader is idle, and the rest of the range seems to have several pages."""
        if self._ranges.qsize() or self._unread >= self._parallel:
            return False
        return (rest.up_to - rest.above) * density >= _WORTH_SPLITTING_PAGES * PAGE

    async def _first_page(self, one: _Range) -> TokenBalances:
        query = self._query({"account.id": one.filters, "order": "asc", "limit": PAGE})
        page = await self._mirror.holders_page(self._token_id, query)
        self._require_same_snapshot(page)
        return page

    def _query(self, more: dict[str, str | int | Sequence[str]]) -> dict[str, str | int | Sequence[str]]:
        return holders_query(self._snapshot) | more

    def _require_same_snapshot(self, page: TokenBalances) -> None:
        """Refuse a page of another snapshot: replicas that lag differently have different ones."""
        if self._snapshot is not None and page.balances and page.timestamp != self._first.timestamp:
            raise LedgerUnavailable(
                f"The mirror nodes answered from different snapshots of {self._token_id}.",
                "Try again in a minute; if it stays so, name one address only in HEDERA_MIRROR_URLS.",
            )


def holders_query(snapshot: str | None) -> dict[str, str | int | Sequence[str]]:
    """Return the query of a token's first page of holders, live or of a snapshot."""
    query: dict[str, str | int | Sequence[str]] = {"account.balance": "gt:0", "order": "asc", "limit": PAGE}
    return query if snapshot is None else query | {"timestamp": snapshot}


def _number(account_id: str) -> int:
    return int(account_id.rpartition(".")[2])


def _holders(page: TokenBalances) -> Sequence[HolderBalance]:
    return [HolderBalance(one.account, one.balance) for one in page.balances]
