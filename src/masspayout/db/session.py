"""Connections and units of work."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from masspayout.db.refusals import unavailable

# Every TIMESTAMP of the schema holds UTC, so every session must read and write it as such.
SESSION_ARGUMENTS = {"options": "-c timezone=UTC", "application_name": "masspayout", "connect_timeout": 10}


class Database:
    """One PostgreSQL database and a pool of connections to it."""

    def __init__(self, url: URL, *, log_sql: bool = False, pool_size: int = 10) -> None:
        self.url = url
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=10,
            pool_pre_ping=True,
            connect_args=SESSION_ARGUMENTS,
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        if log_sql:
            logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: The server cannot be reached or refuses us.
        """
        async with self._sessions() as session:
            try:
                async with session.begin():
                    yield session
            except (OperationalError, psycopg.OperationalError) as error:
                raise unavailable(self.url, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def driver_connection(session: AsyncSession) -> AsyncConnection:
    """Return the psycopg connection under a session, for COPY and for jobs that belong to its transaction."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    return cast("AsyncConnection", raw.driver_connection)


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return what to call ``psycopg.connect`` with for the same database, in the same kind of session."""
    _, arguments = url.get_dialect()().create_connect_args(url)
    return {**arguments, **SESSION_ARGUMENTS}
