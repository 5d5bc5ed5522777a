"""Commits that a standby did not confirm: the server says so in a notice, and calls them committed all the same.

A session waits for a synchronous standby when it commits. When somebody cancels that wait, the transaction stands on
this server alone, the server warns, and the commit succeeds. A failover would lose it, so here it counts as failed.
"""

from typing import Any, cast
from weakref import WeakSet

from psycopg import AsyncConnection
from psycopg.errors import Diagnostic
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

# Where in the server the warning comes from. Its text is translated, and has no code of its own.
_SOURCE_FUNCTION = "SyncRepWaitForLSN"

_CONNECTION = "the connection that it commits on"


class UnconfirmedCommits:
    """Remembers on which connections of an engine the server gave up waiting for a standby."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._unconfirmed: WeakSet[AsyncConnection] = WeakSet()
        event.listen(engine.sync_engine, "connect", self._listen)

    def take(self, session: AsyncSession) -> bool:
        """Whether the last commit of a session was not confirmed by a standby. Forgets it."""
        connection = session.info.pop(_CONNECTION, None)
        if connection not in self._unconfirmed:
            return False
        self._unconfirmed.discard(connection)
        return True

    def begin(self, session: Session, _: SessionTransaction, connection: Connection) -> None:
        """Note on which connection a session works from now on; listens to a session's ``after_begin``."""
        raw = cast("AsyncConnection", connection.connection.driver_connection)
        self._unconfirmed.discard(raw)
        session.info[_CONNECTION] = raw

    def _listen(self, connection: Any, _: Any) -> None:
        raw: AsyncConnection = connection.driver_connection

        def note(diagnostic: Diagnostic) -> None:
            if diagnostic.source_function == _SOURCE_FUNCTION:
                self._unconfirmed.add(raw)

        raw.add_notice_handler(note)
