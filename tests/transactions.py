"""A database and a ledger that notice when the ledger is called inside a transaction of the database."""

import inspect
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from masspayout.db.session import Database
from masspayout.ledger.port import Ledger

_open_transactions: ContextVar[int] = ContextVar("_open_transactions", default=0)


class WatchedDatabase(Database):
    """Knows in which tasks a unit of work is open."""

    @asynccontextmanager
    async def _working(self, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
        token = _open_transactions.set(_open_transactions.get() + 1)
        try:
            async with super()._working(sessions) as session:
                yield session
        finally:
            _open_transactions.reset(token)


class WatchedLedger:
    """Counts the calls of a ledger.

    Attributes:
        calls: How often each method was called.
        calls_inside: How often while the same task had a transaction open.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.calls: Counter[str] = Counter()
        self.calls_inside: Counter[str] = Counter()
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if inspect.isasyncgenfunction(found):
            return self._watch_pages(name, found)
        if inspect.iscoroutinefunction(found):
            return self._watch(name, found)
        return found

    def _watch(self, name: str, method: Any) -> Any:
        async def watched(*arguments: Any, **named: Any) -> Any:
            self._count(name)
            return await method(*arguments, **named)

        return watched

    def _watch_pages(self, name: str, method: Any) -> Any:
        async def watched(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
            self._count(name)
            async for page in method(*arguments, **named):
                yield page
                self._count(name)

        return watched

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        if _open_transactions.get():
            self.calls_inside[name] += 1
