"""The opening of connections: each session states its settings, and has a server process of its own.

Defaults of a server, database or role hold for all its users, and are changed for others' sake, so each session states
the settings that we rely on. They are not sent as ``options`` when connecting: poolers refuse or drop them.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, LiteralString

import psycopg
from psycopg import AsyncConnection, Connection
from sqlalchemy import URL

from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.next_steps import Action

# Every TIMESTAMP of the schema holds UTC; a statement that waited for a row sees the new version; the driver reads
# these forms.
# No unit of work waits for anything but the server, so one that is idle for so long belongs to a process that stands
# still, or to a machine that is gone, and others wait for its locks. To freeze a million holders takes minutes on a
# slow machine.
SESSION_SETTINGS: Final[Mapping[str, str]] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_in_transaction_session_timeout": "10s",
    "idle_session_timeout": "0",
    "lock_timeout": "2min",
    "statement_timeout": "30min",
}

# Settings that older servers do not know, with the first version that does.
_LATER_SETTINGS = {"transaction_timeout": (170000, "0")}

SEARCH_PATH: Final = "search_path"
_DEFAULT_SEARCH_PATH = "public"

# A machine that is gone is noticed within a minute, by both ends.
_NETWORK_ARGUMENTS: Final[Mapping[str, Any]] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}

# A pooler hands out the process that was last released, unless another client is faster: five tries make that unlikely.
_SHARING_CHECKS = 5


def connect_arguments(url: URL, *, application_name: str = "masspayout") -> dict[str, Any]:
    """Return the arguments of ``psycopg.connect`` for a database."""
    url = url.difference_update_query([SEARCH_PATH])
    _, arguments = url.get_dialect()().create_connect_args(url)
    return {**_NETWORK_ARGUMENTS, "client_encoding": "utf8", "application_name": application_name, **arguments}


class Connector:
    """A factory of connections to one database.

    Args:
        url: The address of the database. ``search_path`` in its query names the schema of the tables; the default is
            ``public``.
        application_name: The name in the server's list of connections.
        settings: Session settings that differ from the usual ones.
    """

    def __init__(
        self, url: URL, *, application_name: str = "masspayout", settings: Mapping[str, str] | None = None
    ) -> None:
        self.url = url
        self.arguments = connect_arguments(url, application_name=application_name)
        path = str(url.query.get(SEARCH_PATH, _DEFAULT_SEARCH_PATH))
        self._settings = {**SESSION_SETTINGS, SEARCH_PATH: path, **(settings or {})}
        self._is_known_to_be_ours = False

    async def connect(self) -> AsyncConnection:
        """Open a connection.

        Raises:
            DatabaseUnavailable: A pooler lends its server processes to others between our transactions.
            psycopg.Error: The server cannot be reached, refuses us, or does not know a setting.
        """
        connection = await AsyncConnection.connect(**self.arguments)
        try:
            await self.agree(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def agree(self, connection: AsyncConnection[Any]) -> None:
        """Set a new session's settings, and verify that they last. Raises the errors of ``connect``."""
        before = connection.autocommit
        await connection.set_autocommit(True)
        statement, values = self._statement(connection)
        async with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
        await connection.set_autocommit(before)
        if self._may_be_shared(connection, row):
            await asyncio.to_thread(self._require_own_process)

    def connect_waiting(self) -> Connection:
        """Open a connection for code that is not asynchronous. Raises the errors of ``connect``."""
        connection = psycopg.connect(**self.arguments)
        try:
            connection.autocommit = True
            row = connection.execute(*self._statement(connection)).fetchone()
            connection.autocommit = False
            if self._may_be_shared(connection, row):
                self._require_own_process()
        except BaseException:
            connection.close()
            raise
        return connection

    def _statement(self, connection: psycopg.Connection[Any] | AsyncConnection[Any]) -> tuple[LiteralString, list[str]]:
        """Return the statement that makes every setting and returns the id of the server process."""
        settings = dict(self._settings)
        for name, (version, value) in _LATER_SETTINGS.items():
            if connection.info.server_version >= version:
                settings[name] = value
        each: LiteralString = ", set_config(%s, %s, false)"
        return "SELECT pg_backend_pid()" + each * len(settings), [part for pair in settings.items() for part in pair]

    def _may_be_shared(self, connection: psycopg.Connection[Any] | AsyncConnection[Any], row: Any) -> bool:
        """Return True if the statement ran in another process than the login: there is a pooler between."""
        return not self._is_known_to_be_ours and row[0] != connection.info.backend_pid

    def _require_own_process(self) -> None:
        """Refuse a pooler that gives two connections the same server process: a session would last for one transaction.

        Raises:
            DatabaseUnavailable: Two connections got the same process.
        """
        with psycopg.connect(**self.arguments, autocommit=True) as one:
            mine = _process_of(one)
            for _ in range(_SHARING_CHECKS):
                with psycopg.connect(**self.arguments, autocommit=True) as other:
                    try:
                        other.execute("BEGIN")
                    except psycopg.errors.ProtocolViolation as error:  # PgBouncer lends processes by the statement
                        raise _shared(self.url) from error
                    if _process_of(other) == mine or _process_of(one) != mine:
                        raise _shared(self.url)
                    other.execute("ROLLBACK")
        self._is_known_to_be_ours = True


def _shared(url: URL) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The pooler at {url.host}:{url.port or 5432} lends the connections of {url.database} by the transaction or "
        "statement; masspayout needs them for whole sessions.",
        "Have it pool by session (PgBouncer: pool_mode = session for this database or user), or name PostgreSQL itself "
        "in DATABASE_HOST and DATABASE_PORT, then: ",
        Action.EXAMINE,
    )


def _process_of(connection: Connection) -> int:
    (number,) = connection.execute("SELECT pg_backend_pid()").fetchall()[0]
    return int(number)
