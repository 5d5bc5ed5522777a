"""The driver's own connection under a unit of work."""

from typing import cast

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession


async def driver_connection(session: AsyncSession) -> AsyncConnection:
    """Return the psycopg connection under a session, for COPY and for jobs that belong to its transaction."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    return cast("AsyncConnection", raw.driver_connection)
