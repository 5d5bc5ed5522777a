"""The last states of a database, after each of its commits, to put another one back to.

A commit that is lost cannot be undone from outside. But a transaction that reads sees the database as it was when it
began, for as long as it is open: one is begun after each commit, on connections that outlive whoever commits.
"""

import mmap
import struct
from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import URL

from masspayout.db.connecting import connect_arguments
from masspayout.kernel.movements import StatementPage
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings

MOST_LOST = 3  # how many commits can be lost

# How much of the sandbox's time passes whenever the statement of a payer in doubt is read, instead of a pause: the
# doubt lasts as long as what was lost could have been executed.
_PASSING_SECONDS = 20

_IS_IN_DOUBT = "SELECT count(*) FROM payer WHERE doubt_since IS NOT NULL"

_TABLES: LiteralString = """
SELECT c.relname, array_agg(quote_ident(a.attname) ORDER BY a.attnum)
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
   AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 GROUP BY c.relname ORDER BY c.relname
"""

# Whatever is inserted from now on has numbers that no lost row had.
_SEQUENCES: LiteralString = """
SELECT setval(c.oid, 1000000) FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
"""

_COUNT = struct.Struct("<q")


class Memory:
    """What a database was like at the beginning, and after each of its last commits that changed anything.

    It is made before the process that commits is forked, and read when that is dead: its connections belong to both.
    """

    def __init__(self, url: URL) -> None:
        self._connections = [
            psycopg.connect(**connect_arguments(url), autocommit=True, prepare_threshold=0)
            for _ in range(MOST_LOST + 3)
        ]
        self._beginning, *self._ring = self._connections
        self._tables: list[tuple[str, list[str]]] = self._beginning.execute(_TABLES).fetchall()
        parts = [
            sql.SQL("(SELECT ARRAY[count(*), max(xmin::text::bigint)] FROM {})").format(sql.Identifier(table))
            for table, _ in self._tables
        ]
        self._fingerprint = sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts))
        self._last = self._read_version(self._beginning)
        self._count = mmap.mmap(-1, _COUNT.size)  # shared with whoever is forked
        self.note()

    def note(self) -> None:
        """Keep the present state, unless it is the last one that was kept."""
        (count,) = _COUNT.unpack(self._count[:])
        found = self._read_version(self._ring[count % len(self._ring)])
        if found != self._last or not count:
            self._last = found
            self._count[:] = _COUNT.pack(count + 1)

    def put_back(self, target: URL, lost: int) -> int:
        """Bring another database, with the same tables, into the state before some commits; 0 means the beginning.

        Returns how many commits it does not know.
        """
        (count,) = _COUNT.unpack(self._count[:])
        state = self._beginning if not lost or lost >= count else self._ring[(count - 1 - lost) % len(self._ring)]
        with psycopg.connect(**connect_arguments(target)) as there:
            there.execute("SET LOCAL session_replication_role = replica")
            for table, columns in self._tables:
                name = sql.Identifier(table)
                listed = sql.SQL(", ").join(sql.SQL(column) for column in columns)
                there.execute(sql.SQL("DELETE FROM {}").format(name))
                read = sql.SQL("COPY {} ({}) TO STDOUT").format(name, listed)
                write = sql.SQL("COPY {} ({}) FROM STDIN").format(name, listed)
                with state.cursor().copy(read) as source, there.cursor().copy(write) as sink:
                    for block in source:
                        sink.write(block)
            there.execute(_SEQUENCES)
        return int(min(lost or count - 1, count - 1))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._count.close()

    def _read_version(self, connection: "psycopg.Connection[tuple[object, ...]]") -> object:
        """Begin to see the present state, and return what tells it from any other."""
        connection.execute("ROLLBACK")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return connection.execute(self._fingerprint).fetchone()


class ImpatientSandbox(SandboxLedger):
    """Lets the sandbox's time pass while a payer is in doubt. Its books are elsewhere, and forget nothing."""

    def __init__(self, url: URL, settings: Settings) -> None:
        super().__init__(settings.sandbox_url or url, settings)
        self._our_url = url

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        if is_in_doubt(self._our_url):
            await self.admin.advance(_PASSING_SECONDS)
        async for page in super().statement(payer_account_id, after=after):
            yield page


def is_in_doubt(url: URL) -> bool:
    """Whether a database may not know all that was paid from a payer."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(_IS_IN_DOUBT).fetchone()
    return row is not None and bool(row[0])
