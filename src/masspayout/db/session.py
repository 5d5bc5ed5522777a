"""Connections and units of work."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from masspayout.db.commit_hooks import SINGLE_STATEMENT, run_commit_hooks
from masspayout.db.connecting import Connector
from masspayout.db.connection_errors import is_connection_error, is_protocol_error, is_read_only, unavailable
from masspayout.db.replication import UnconfirmedCommits
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.clock import Clock
from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.next_steps import Action

# A connection that was used a moment ago is trusted; one that lay idle for longer is tried first.
_IDLE_SECONDS = 1.0


_NOW_NANOS = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) * 1000")


class Database:
    """One PostgreSQL database and a pool of connections to it.

    Attributes:
        url: The address of the database.
        clock: The clock, which shows the database's time.
    """

    def __init__(self, url: URL, *, log_sql: bool = False, connections: int = 12) -> None:
        self.url = url
        self.clock = Clock(self._read_clock)
        self._engine = create_async_engine(
            url, async_creator=Connector(url).connect, pool_size=connections, max_overflow=0
        )
        self._outdated_at = 0.0
        self._try_connections_before_use()
        self._unconfirmed = UnconfirmedCommits(self._engine)
        self._sessions = async_sessionmaker(self._engine, class_=UnitOfWork, expire_on_commit=False)
        # On the same pool: the server commits each statement by itself.
        autocommitting = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._single_statements = async_sessionmaker(
            autocommitting, class_=UnitOfWork, expire_on_commit=False, info={SINGLE_STATEMENT: True}
        )
        for sessions in (self._sessions, self._single_statements):
            sessions.configure(sync_session_class=_session_class(self._unconfirmed))
        if log_sql:
            logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work: one transaction, committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: The server cannot be reached or refuses us.
        """
        async with self._working(self._sessions) as work:
            yield work

    @asynccontextmanager
    async def single_statement(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work of one statement, which commits by itself: one exchange instead of three.

        Raises:
            DatabaseUnavailable: The server cannot be reached or refuses us.
        """
        async with self._working(self._single_statements) as work:
            yield work

    async def _read_clock(self) -> int:
        async with self.single_statement() as work:
            nanos: int = (await work.scalars(_NOW_NANOS)).one()
            return nanos

    @asynccontextmanager
    async def _working(self, sessions: async_sessionmaker[UnitOfWork]) -> AsyncIterator[UnitOfWork]:
        async with sessions() as work:
            try:
                async with work.begin():
                    yield work
                    await run_commit_hooks(work)
            except PoolTimeoutError as error:
                raise DatabaseUnavailable(
                    f"All {self._engine.pool.size()} connections that this process uses for its work are taken.",  # type: ignore[attr-defined]
                    "Try again; if it stays so, raise DATABASE_CONNECTIONS, or have fewer jobs side by side.",
                ) from error
            except (DBAPIError, psycopg.Error) as error:
                if not is_connection_error(error):
                    raise
                # A server may have become read-only, or writable again: sessions keep the mode that they began with.
                # And after a message that belongs to no request, every answer may be another request's.
                if is_read_only(error) or is_protocol_error(error):
                    self._outdated_at = time.monotonic()
                raise unavailable(self.url, error) from error
            if self._unconfirmed.take(work):
                raise DatabaseUnavailable(
                    "The database's server stopped waiting for its synchronous standby: the standby may lack what was "
                    "committed, so it counts as not done.",
                    "See what keeps the standby, then: ",
                    Action.EXAMINE,
                )

    def _try_connections_before_use(self) -> None:
        """Test connections before their next use, and replace all older ones when the server answers differently.

        Connections that were used within ``_IDLE_SECONDS`` are not tested: each test costs an exchange.
        """

        def remember(_: Any, record: ConnectionPoolEntry) -> None:
            record.info["idle_since"] = time.monotonic()

        def remember_opening(_: Any, record: ConnectionPoolEntry) -> None:
            record.info["opened_at"] = time.monotonic()
            record.info["is_new"] = True

        def try_if_idle(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
            # One that was opened for this is used as it is: it may be the second try already, and there is no third.
            is_new, now = record.info.pop("is_new", False), time.monotonic()
            if not is_new and record.info["opened_at"] < self._outdated_at:
                raise DisconnectionError("the session is older than what the server says now")
            idle_since = record.info.get("idle_since")
            if idle_since is None or now - idle_since < _IDLE_SECONDS:
                return
            try:
                self._engine.dialect.do_ping(connection)
            except psycopg.OperationalError as error:
                raise DisconnectionError(str(error)) from error

        event.listen(self._engine.sync_engine, "connect", remember_opening)
        event.listen(self._engine.sync_engine, "checkin", remember)
        event.listen(self._engine.sync_engine, "checkout", try_if_idle)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _session_class(unconfirmed: UnconfirmedCommits) -> type[Session]:
    """Return a class of sessions that record the connection on which they commit."""

    class WatchedSession(Session):
        pass

    event.listen(WatchedSession, "after_begin", unconfirmed.begin)
    return WatchedSession
