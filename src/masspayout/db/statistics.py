"""Planner statistics, refreshed by code that writes many rows: autovacuum comes a minute later, or not at all."""

import logging

from psycopg import errors
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.connections import driver_connection

_log = logging.getLogger(__name__)

# Another ANALYZE of the table holds its lock until its transaction ends. Autovacuum gives way after deadlock_timeout,
# by default 1 s.
_LOCK_TIMEOUT = "3s"

_SET_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"


async def refresh_statistics(session: AsyncSession, *tables: str) -> None:
    """Analyse tables in the caller's transaction, whose own rows are counted.

    ANALYZE reads some 30,000 rows at random, so it takes about a second for a table of any size. Without it a payout is
    still right, only slow: when the table is locked, or the server's time limit is too short, autovacuum does it.

    Args:
        session: The transaction that wrote the rows.
        tables: The names of the tables.
    """
    connection = await driver_connection(session)
    names = list(tables)
    try:
        async with connection.transaction():
            cursor = await connection.execute("SHOW lock_timeout")
            (before,) = await cursor.fetchone() or ("0",)
            await connection.execute(_SET_LOCK_TIMEOUT, (_LOCK_TIMEOUT,))
            await connection.execute("SELECT masspayout_analyse(%s::regclass[])", (names,))
            # A released savepoint keeps what was set; the rest of the transaction has the session's own limit.
            await connection.execute(_SET_LOCK_TIMEOUT, (before,))
    except (errors.LockNotAvailable, errors.QueryCanceled) as error:
        _log.warning("the statistics of %s are left to autovacuum: %s", ", ".join(tables), error)
