"""Commits that a standby did not confirm: the server reports them in a notice, and still calls them committed.

A session waits for a synchronous standby when it commits. When somebody cancels that wait, the transaction stands on
this server alone, the server warns, and the commit succeeds. A failover would lose such a commit, so here it counts as
failed.
"""

from typing import Any, cast
from weakref import WeakSet

from psycopg import AsyncConnection
from psycopg.errors import Diagnostic
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

# The server's function that warns. The text of the warning is translated, and has no code of its own.
_SOURCE_FUNCTION = "SyncRepWaitForLSN"

_CONNECTION = "the connection that it commits on"


class UnconfirmedCommits:
    """The connections of an engine on which the server gave up waiting for a standby."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._unconfirmed: WeakSet[AsyncConnection] = WeakSet()
        event.listen(engine.sync_engine, "connect", self._listen)

    def take(self, session: AsyncSession) -> bool:
        """Return True if the last commit of a session was not confirmed by a standby, and forget that."""
        connection = session.info.pop(_CONNECTION, None)
        if connection not in self._unconfirmed:
            return False
        self._unconfirmed.discard(connection)
        return True

    def begin(self, session: Session, _: SessionTransaction, connection: Connection) -> None:
        """Store the connection of a session; listens to ``after_begin``."""
        raw = cast("AsyncConnection", connection.connection.driver_connection)
        self._unconfirmed.discard(raw)
        session.info[_CONNECTION] = raw

    def _listen(self, connection: Any, _: Any) -> None:
        raw: AsyncConnection = connection.driver_connection

        def note(diagnostic: Diagnostic) -> None:
            if diagnostic.source_function == _SOURCE_FUNCTION:
                self._unconfirmed.add(raw)

        raw.add_notice_handler(note)
