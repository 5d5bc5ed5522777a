"""A database server of dictionaries: rows, transactions, row locks, and commits that can be lost.

It does what the store port asks for and PostgreSQL does at READ COMMITTED: a statement sees what was committed by then
and what its own transaction wrote; whoever changes a row keeps it until the transaction ends; whoever waits for a row
looks at it anew afterwards.
"""

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime

if TYPE_CHECKING:
    from simulator.virtual_time import VirtualLoop

Key = Hashable
Place = tuple[str, Key]

# What a server does with a transaction whose client says nothing: as Database asks for.
IDLE_SECONDS = 60.0


def number_id(number: int) -> uuid.UUID:
    """Return a number as a primary key: to hash UUIDs would take a tenth of all time, and nobody reads them."""
    return cast("uuid.UUID", number)


class GuardedBySchema(Exception):  # noqa: N818 - it is what happened
    """A unique index of the schema refused a row: the protocol relied on its last guard."""


class Deadlock(Exception):  # noqa: N818 - it is what happened
    """Two transactions wait for each other."""


class Row(SimpleNamespace):
    """A version of a row. It is never changed once it was written."""

    def changed(self, **columns: Any) -> "Row":
        """Return a version with other columns."""
        values = self.__dict__.copy()
        values.update(columns)
        return self.__class__(**values)


class SerialLock:
    """A queue of those who want to open a unit of work, where there is one connection for all."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self, process: Any) -> None:
        """Wait until it is one's turn.

        Raises:
            CancelledError: The process died meanwhile.
        """
        while self._is_taken:
            future: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                if not self._is_taken:  # its turn may have come just now, and is the next one's
                    self._wake_next()
                raise
        if process.is_dead:
            self.release()
            raise asyncio.CancelledError
        self._is_taken = True

    def release(self) -> None:
        """Release the lock to the next one that waits."""
        self._is_taken = False
        self._wake_next()

    def _wake_next(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return


class Server:
    """One database server, with the history of its commits.

    Attributes:
        identity: What ``masspayout_identity()`` says.
        started: How often it was started: it stands in the clearance.
        offset_nanos: By how much its clock is ahead.
        tables: The committed rows, by table and key.
        turns: Where units of work wait for their turn, if no two may be open at once. Then all count as commits.
        found_by: Keys of rows by what statements look them up by; what a transaction wrote and lost stays in it.
    """

    def __init__(self, loop: "VirtualLoop", epoch_nanos: int, identity: str) -> None:
        self.loop = loop
        self.epoch_nanos = epoch_nanos
        self.identity = identity
        self.started = 1
        self.offset_nanos = 0
        self.is_up = True
        self.is_synchronous = False
        self.serial_lock: SerialLock | None = None
        self.tables: defaultdict[str, dict[Key, Row]] = defaultdict(dict)
        self.found_by: dict[tuple[str, Key], list[Key]] = {}
        self.history: list[list[tuple[Place, Row | None]]] = []
        self.locks: dict[Place, Transaction] = {}
        self.open: list[Transaction] = []
        self.at_commit: Callable[[Transaction], None] = lambda _: None

    @property
    def clearance(self) -> str:
        """What a payer is cleared for."""
        return f"{self.identity}@{self.started}{' synchronous' if self.is_synchronous else ''}"

    def nanos(self) -> int:
        """Return the server's time."""
        return self.epoch_nanos + self.offset_nanos + int(self.loop.time() * NANOS_PER_SECOND)

    def open_transaction(self) -> "Transaction":
        """Begin a transaction.

        Raises:
            DatabaseUnavailable: The server is down.
        """
        if not self.is_up:
            raise DatabaseUnavailable("The server is down.", "Wait.")
        return Transaction(self)

    def rows(self, table: str) -> Iterator[Row]:
        """Return the committed rows of a table."""
        return iter(list(self.tables[table].values()))

    def find(self, table: str, key: Key) -> Row:
        """Return a committed row."""
        return self.tables[table][key]

    @property
    def commit_count(self) -> int:
        """How many commits it remembers."""
        return len(self.history)

    def lose(self, commits: int) -> int:
        """Forget the last commits, and return how many these were."""
        lost = min(commits, len(self.history))
        for _ in range(lost):
            for (table, key), before in reversed(self.history.pop()):
                if before is None:
                    del self.tables[table][key]
                else:
                    self.tables[table][key] = before
        return lost

    def stop(self) -> None:
        """End all connections."""
        for transaction in list(self.open):
            transaction.abort()

    def copy(self, identity: str) -> "Server":
        """Return another server that holds the same."""
        other = self.__class__(self.loop, self.epoch_nanos, identity)
        other.serial_lock = None if self.serial_lock is None else SerialLock(self.loop)
        other.tables.update({table: dict(rows) for table, rows in self.tables.items()})
        other.found_by = {place: list(keys) for place, keys in self.found_by.items()}
        other.history = [list(commit) for commit in self.history]
        other.started, other.offset_nanos = self.started, self.offset_nanos
        other.is_synchronous, other.at_commit = self.is_synchronous, self.at_commit
        return other


class EndedByServer:
    """A transaction that its server may have ended: ``is_over`` then."""

    is_over = False

    def require_open(self) -> None:
        """Refuse to go on when the server ended the transaction.

        Raises:
            DatabaseUnavailable: It did.
        """
        if self.is_over:
            raise DatabaseUnavailable("The server ended the connection.", "Try again.")


class Transaction(EndedByServer):
    """One transaction: what it wrote is its own until it commits."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._now: int | datetime = server.nanos()
        self.owner: object = None
        self.written: dict[Place, Row | None] = {}
        self.has_committed = False
        self._held: list[Place] = []
        self._waits_for: Transaction | None = None
        self._waiting: list[Any] = []
        server.open.append(self)

    @property
    def now(self) -> datetime:
        """The time at which it began, which all its statements go by."""
        if isinstance(self._now, int):
            self._now = to_datetime(self._now)
        return self._now

    def find(self, table: str, key: Key) -> Row | None:
        """Return a row as it is for this transaction now."""
        if self.written and (table, key) in self.written:
            return self.written[table, key]
        return self.server.tables[table].get(key)

    def get(self, table: str, key: Key) -> Row:
        """Return a row that is there."""
        row = self.find(table, key)
        assert row is not None, (table, key)
        return row

    def find_by(self, index: str, key: Key) -> list[Row]:
        """Return the rows of a table, named as the index is up to its colon, that were put under a key."""
        keys = self.server.found_by.get((index, key))
        if not keys:
            return []
        table = index.partition(":")[0]
        if self.written:
            found = (self.find(table, each) for each in keys)
            return [row for row in found if row is not None]
        rows = self.server.tables[table]
        return [rows[each] for each in keys if each in rows]

    def all(self, table: str) -> list[Row]:
        """Return all rows of a table."""
        keys = dict.fromkeys(self.server.tables[table])
        keys.update(dict.fromkeys(key for name, key in self.written if name == table))
        return [row for key in keys if (row := self.find(table, key)) is not None]

    def is_locked(self, table: str, key: Key) -> bool:
        """Return whether another transaction keeps a row."""
        return self.server.locks.get((table, key), self) is not self

    async def lock(self, table: str, key: Key) -> None:
        """Keep a row until this transaction ends; wait while another one keeps it.

        Raises:
            Deadlock: That one waits for this one.
            DatabaseUnavailable: The server ended this transaction meanwhile.
        """
        place = (table, key)
        locks = self.server.locks
        while (holder := locks.get(place)) is not None and holder is not self:
            other: Transaction | None = holder
            while other is not None:
                if other is self:
                    raise Deadlock(f"two transactions wait for each other at {place}")
                other = other._waits_for
            self._waits_for = holder
            future = self.server.loop.create_future()
            holder._waiting.append(future)
            try:
                await future
            finally:
                self._waits_for = None
            self.require_open()
        if holder is None:
            locks[place] = self
            self._held.append(place)

    async def change(self, table: str, key: Key, condition: Callable[[Row], bool], **columns: Any) -> Row | None:
        """Change a row that fits a condition, also after it was waited for. Return the new version, if it did."""
        row = self.find(table, key)
        if row is None or not condition(row):
            return None
        if self.is_locked(table, key):
            await self.lock(table, key)
            row = self.find(table, key)
            if row is None or not condition(row):
                return None
        else:
            await self.lock(table, key)
        new = row.changed(updated_at=self.now, **columns)
        self.put(table, key, new)
        return new

    def put(self, table: str, key: Key, row: Row, *indexes: tuple[str, Key]) -> None:
        """Write a row, to be found by some keys. A new one is kept like any other."""
        self.require_open()
        self.written[table, key] = row
        for index, value in indexes:
            keys = self.server.found_by.setdefault((index, value), [])
            if key not in keys:
                keys.append(key)
        place = (table, key)
        if place not in self.server.locks:
            self.server.locks[place] = self
            self._held.append(place)

    @property
    def is_to_commit(self) -> bool:
        """Whether there is, or was, something to commit."""
        return self.has_committed or bool(self.written) or self.server.serial_lock is not None

    def commit(self) -> None:
        """Make what was written everybody's.

        Raises:
            DatabaseUnavailable: The server ended the transaction before.
        """
        self.require_open()
        if self.is_to_commit:
            self.server.at_commit(self)
            tables = self.server.tables
            undo: list[tuple[Place, Row | None]] = []
            for place, row in self.written.items():
                rows = tables[place[0]]
                undo.append((place, rows.get(place[1])))
                assert row is not None
                rows[place[1]] = row
            self.server.history.append(undo)
            self.has_committed = True
        self._end()

    def abort(self) -> None:
        """Undo what was written."""
        if not self.is_over:
            self.written.clear()
            self._end()

    def undo(self) -> None:
        """Undo what was written so far; the transaction goes on as a new one."""
        self.require_open()
        self.written.clear()
        self._release()

    def _end(self) -> None:
        self.is_over = True
        if self.server.serial_lock is not None:
            self.server.serial_lock.release()
        self.server.open.remove(self)
        self._release()

    def _release(self) -> None:
        for place in self._held:
            del self.server.locks[place]
        self._held.clear()
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
