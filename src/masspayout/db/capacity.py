"""The capacity of the server: its connections, and those that we need."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.next_steps import Action

# Server, database and role each have a limit, -1 meaning none; some of the server's are kept for superusers.
_CAPACITY = text("""
    SELECT least(
               current_setting('max_connections')::int
                   - CASE WHEN current_setting('is_superuser') = 'on' THEN 0
                          ELSE current_setting('superuser_reserved_connections')::int
                               + coalesce(current_setting('reserved_connections', true)::int, 0) END,
               nullif((SELECT datconnlimit FROM pg_database WHERE datname = current_database()), -1),
               nullif((SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), -1)
           ) AS allowed,
           count(*) FILTER (WHERE application_name LIKE 'masspayout%') AS ours,
           count(*) AS used
      FROM pg_stat_activity
     -- Of others' sessions we may be shown little more than that they are there.
     WHERE datname IS NOT NULL AND usename IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
""")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The connections of a server.

    Attributes:
        allowed: The connections that our role may have in our database, if nobody else had any.
        ours: The open connections of this software, in all its processes.
        used: All open connections.
    """

    allowed: int
    ours: int
    used: int


async def read_capacity(connection: AsyncConnection | AsyncSession) -> Capacity:
    """Return the allowed and the open connections."""
    row = (await connection.execute(_CAPACITY)).one()
    return Capacity(**row._asdict())


async def require_room(database: Database, connections: int) -> None:
    """Refuse to start a process whose configured connections the server can never allow.

    Raises:
        DatabaseUnavailable: The server allows fewer.
    """
    async with database.unit_of_work() as work:
        capacity = await read_capacity(work)
    if capacity.allowed < connections:
        raise too_few(capacity, connections)


def too_few(capacity: Capacity, connections: int) -> DatabaseUnavailable:
    """Return the error of a process that may open more connections than the server allows."""
    return DatabaseUnavailable(
        f"The database allows {capacity.allowed} connections, and DATABASE_CONNECTIONS lets each process open "
        f"{connections}.",
        "Set DATABASE_CONNECTIONS so that all processes together need fewer, or raise max_connections of the server or "
        "the CONNECTION LIMIT of database or role, then: ",
        Action.EXAMINE,
    )
