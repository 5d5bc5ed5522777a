"""Notices whenever a ledger is called while the same task has a transaction of our database open."""

import functools
import inspect
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from masspayout.db.session import Database
from masspayout.ledger.evm.adapter import EvmLedger
from masspayout.ledger.evm.node import Node
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.port import HolderSnapshot, Ledger
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.ledger.signing.dfns import DfnsSigner

_open_transactions: ContextVar[int] = ContextVar("_open_transactions", default=0)

# What every ledger was asked since the last test, and from where it was asked inside a transaction.
calls: Counter[str] = Counter()
calls_inside: list[str] = []


def watch() -> None:
    """Have every database, ledger, node of a chain and custodian of this process watched from now on."""
    Database._working = _watched_transactions(Database._working)  # type: ignore[method-assign]
    for adapter in (SandboxLedger, HederaLedger, EvmLedger, Node, DfnsSigner):
        for name, method in list(vars(adapter).items()):
            if name.startswith("_") or name == "close":
                continue
            if inspect.isasyncgenfunction(method):
                setattr(adapter, name, _watched_pages(method))
            elif inspect.iscoroutinefunction(method):
                setattr(adapter, name, _watched_call(method))


def _watched_transactions(working: Callable[..., Any]) -> Callable[..., Any]:
    @asynccontextmanager
    async def watched(self: Database, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
        token = _open_transactions.set(_open_transactions.get() + 1)
        try:
            async with working(self, sessions) as session:
                yield session
        finally:
            _open_transactions.reset(token)

    return watched


def _watched_call(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def watched(*arguments: Any, **named: Any) -> Any:
        _note(method.__name__)
        answer = await method(*arguments, **named)
        if isinstance(answer, HolderSnapshot):
            return replace(answer, pages=_pages(method.__name__, answer.pages))
        return answer

    return watched


def _watched_pages(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def watched(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
        async for page in _pages(method.__name__, method(*arguments, **named)):
            yield page

    return watched


async def _pages(name: str, pages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Pass a stream on. A transaction that the stream itself has open, to read what the adapter keeps, is its own."""
    _note(name)
    before = _open_transactions.get()
    async for page in pages:
        own = _open_transactions.get() - before
        yield page
        before = _open_transactions.get() - own
        _note(name, own)


def _note(name: str, own: int = 0) -> None:
    calls[name] += 1
    if _open_transactions.get() > own:
        callers = [frame for frame in traceback.extract_stack() if "masspayout/" in frame.filename]
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(callers[-4:]))
        calls_inside.append(f"{name}: {where}")


class CountedLedger:
    """Counts the calls of one ledger.

    Attributes:
        calls: How often each method was called.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.calls: Counter[str] = Counter()
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if not inspect.isasyncgenfunction(found) and not inspect.iscoroutinefunction(found):
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return found(*arguments, **named)

        return counted
