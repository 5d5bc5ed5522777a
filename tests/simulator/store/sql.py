"""Units of work on PostgreSQL: rung B, the product's own SQL under the same seeds.

There is one connection, and one transaction that never commits. A unit of work is a savepoint that stays when it ends,
so that to lose commits is to roll back to one. The server's clock, identity and start are those of the simulation: a
schema that comes first in the search path has functions of the same names.
"""

from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from masspayout.db.commit_hooks import run_commit_hooks
from masspayout.db.connecting import Connector
from masspayout.db.entities import Distribution
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.states import AttemptStatus, BatchStatus, DistributionStatus
from simulator.processes import Process
from simulator.store.exchanges import AuditNotes, Exchanges
from simulator.store.payouts import Policies
from simulator.store.rows import EndedByServer, SerialLock
from simulator.virtual_time import VirtualLoop

# What is looked at while units of work are open.
_PEEPED = ("distribution", "payer_entry")
_STATES = {"distribution": DistributionStatus, "batch_payout": BatchStatus, "attempt": AttemptStatus}

# What stands in the place of the server's own: the simulation says what it is.
_SUBSTITUTES = """
    CREATE SCHEMA simulation;
    CREATE FUNCTION simulation.now() RETURNS timestamptz STABLE LANGUAGE sql
        AS $$ SELECT CAST(current_setting('simulation.now') AS timestamptz) $$;
    CREATE FUNCTION simulation.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
        AS $$ SELECT CAST(current_setting('simulation.now') AS timestamptz) $$;
    CREATE FUNCTION simulation.pg_postmaster_start_time() RETURNS timestamptz STABLE LANGUAGE sql
        AS $$ SELECT to_timestamp(CAST(current_setting('simulation.started') AS int)) $$;
    CREATE FUNCTION simulation.masspayout_identity() RETURNS text STABLE LANGUAGE sql
        AS $$ SELECT current_setting('simulation.identity') $$;
    CREATE FUNCTION simulation.random() RETURNS double precision STABLE LANGUAGE sql AS $$ SELECT 1.0 $$;
"""
_TELL = text("""
    SELECT set_config('simulation.now', :now, false), set_config('simulation.identity', :who, false),
           set_config('simulation.started', :started, false)
""")
_STAMPED = """
    SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND starts_with(column_default, 'now()')
"""


class Cursor(psycopg.Cursor[Any]):
    """A cursor that an asynchronous session may close: everything has come by then."""

    async def _async_soft_close(self) -> None:
        pass


def connect(url: URL) -> Engine:
    """Return an engine whose connections do everything at once, for sessions that think that they wait."""
    connector = Connector(url)

    def open_connection() -> psycopg.Connection:
        connection = connector.connect_waiting()
        connection.cursor_factory = Cursor
        return connection

    return create_engine(url, poolclass=NullPool, creator=open_connection)


def prepare(url: URL) -> None:
    """Put the substitutes into a migrated database of the simulation's own."""
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(_SUBSTITUTES)
        for table, column in connection.exec_driver_sql(_STAMPED).all():
            default = "SET DEFAULT (simulation.now() AT TIME ZONE 'UTC')"
            connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" {default}')
    engine.dispose()


def work_on(connection: Connection) -> UnitOfWork:
    """Return a unit of work of the product on a connection that does everything at once."""
    work = UnitOfWork(expire_on_commit=False, join_transaction_mode="create_savepoint")
    work.sync_session.bind = connection
    return work


class SqlTransaction(EndedByServer):
    """One unit of work's savepoint."""

    is_to_commit = True

    def __init__(self, server: "SqlServer", work: UnitOfWork, owner: Process, name: str) -> None:
        self.owner = owner
        self._server = server
        self._work = work
        self._name = name
        server.open.append(self)

    def commit(self) -> None:
        """Keep what was written: the savepoint stays, to be gone back to if the commit is to be lost.

        Raises:
            DatabaseUnavailable: The server ended it before.
        """
        self.require_open()
        self._work.sync_session.commit()
        self._server.savepoints.append(self._name)
        self._server.peep()
        self._server.at_commit()
        self._end()

    def abort(self) -> None:
        """Undo what was written."""
        if not self.is_over:
            self._work.sync_session.rollback()
            self._server.execute(f"ROLLBACK TO SAVEPOINT {self._name}")
            self._server.execute(f"RELEASE SAVEPOINT {self._name}")
            self._end()

    def _end(self) -> None:
        self.is_over = True
        self._work.sync_session.close()
        self._server.open.remove(self)
        self._server.serial_lock.release()


class SqlWork:
    """A unit of work of the product, asked through exchanges of a process."""

    def __init__(self, process: Process, work: UnitOfWork, transaction: SqlTransaction) -> None:
        self.transaction = transaction
        self.audit_entries = AuditNotes(process, work.audit_entries.note)
        self.policies = Policies()
        self._process = process
        self._work = work

    def __getattr__(self, name: str) -> Any:
        return Exchanges(self._process, self.transaction, name, getattr(self._work, name))

    def entitlements(self, distribution: Distribution) -> Any:
        """Return what the holders of a distribution are owed."""
        return Exchanges(self._process, self.transaction, "entitlements", self._work.entitlements(distribution))

    async def refresh(self, entity: Any, names: Any = None) -> None:
        """Read an entity again."""
        await self._work.refresh(entity, names)

    async def rollback(self) -> None:
        """Undo what this unit of work wrote."""
        await self._work.rollback()

    async def finish(self) -> None:
        """Do what is done last, and write everything."""
        self.transaction.require_open()
        await run_commit_hooks(self._work)
        await self._work.flush()


class SqlServer:
    """PostgreSQL as a server of the simulation: what is restored or promoted is the same one with a shorter past."""

    def __init__(
        self, loop: VirtualLoop, epoch_nanos: int, identity: str, connection: Connection, savepoints: list[str]
    ) -> None:
        self.identity = identity
        self.started = 1
        self.offset_nanos = 0
        self.is_up = True
        self.is_synchronous = False
        self.serial_lock = SerialLock(loop)
        self.open: list[SqlTransaction] = []
        self.savepoints = savepoints
        self.at_commit: Callable[[], None] = lambda: None
        self._loop = loop
        self._epoch_nanos = epoch_nanos
        self._connection = connection
        self._committed: dict[str, list[Any]] = {}

    def nanos(self) -> int:
        """Return the server's time."""
        return self._epoch_nanos + self.offset_nanos + int(self._loop.time() * NANOS_PER_SECOND)

    @property
    def commit_count(self) -> int:
        """How many commits it remembers."""
        return len(self.savepoints)

    def begin(self, process: Process, ids: "count[int]") -> SqlWork:
        """Begin a unit of work of a process.

        Raises:
            DatabaseUnavailable: The server is down.
        """
        if not self.is_up:
            self.serial_lock.release()
            raise DatabaseUnavailable("The server is down.", "Wait.")
        self.tell_time()
        name = f"work_{next(_NAMES)}"
        self.execute(f"SAVEPOINT {name}")
        work = work_on(self._connection)
        return SqlWork(process, work, SqlTransaction(self, work, process, name))

    def tell_time(self) -> None:
        """Have SQL know the time of the simulation, and which server it is."""
        now = to_datetime(self.nanos()).isoformat()
        self._connection.execute(_TELL, {"now": now, "who": self.identity, "started": str(self.started)})

    def execute(self, statement: str) -> None:
        """Execute a statement outside of any unit of work."""
        self._connection.exec_driver_sql(statement)

    def peep(self) -> None:
        """Note what is committed, while no unit of work is open: the connection sees what an open one wrote."""
        self._committed = {table: self._read(table) for table in _PEEPED}

    def rows(self, table: str) -> Iterator[Any]:
        """Return the committed rows of a table."""
        return iter(self._committed[table] if table in _PEEPED else self._read(table))

    def _read(self, table: str) -> list[Any]:
        order = "created_at, id" if table != "holder" else "distribution_id, account_id"
        where = "WHERE distribution_id IS NOT NULL" if table == "holder" else ""
        found = self._connection.exec_driver_sql(f'SELECT * FROM "{table}" {where} ORDER BY {order}').mappings()
        return [_row(table, dict(row)) for row in found]

    def find(self, table: str, key: object) -> Any:
        """Return a committed row."""
        return next(row for row in self.rows(table) if row.id == key)

    def lose(self, commits: int) -> int:
        """Forget the last commits, and return how many these were."""
        lost = min(commits, len(self.savepoints))
        if lost:
            self.execute(f"ROLLBACK TO SAVEPOINT {self.savepoints[-lost]}")
            self.execute(f"RELEASE SAVEPOINT {self.savepoints[-lost]}")
            del self.savepoints[-lost:]
            self.peep()
        return lost

    def stop(self) -> None:
        """End all connections."""
        for transaction in list(self.open):
            transaction.abort()

    def copy(self, identity: str) -> "SqlServer":
        """Return the server that takes this one's place."""
        other = SqlServer(self._loop, self._epoch_nanos, identity, self._connection, self.savepoints)
        other.started, other.offset_nanos, other.at_commit = self.started, self.offset_nanos, self.at_commit
        other.peep()
        return other


def _row(table: str, values: dict[str, Any]) -> SimpleNamespace:
    """Return a row as dictionaries have it."""
    if table in _STATES:
        values["status"] = _STATES[table](values["status"])
    for name in ("scheduled_time",):
        if values.get(name) is not None:
            values[name] = values[name].replace(tzinfo=to_datetime(0).tzinfo)
    if table == "distribution":
        values["name"] = f"payout {values['id'].int}"
    return SimpleNamespace(**values)


_NAMES = count(1)
