"""The sandbox's own connections and tables, in a schema that the product's migrations never touch."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import URL

from masspayout.db.connecting import Connector
from masspayout.kernel.errors import Conflict, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.next_steps import Action
from masspayout.ledger.sandbox.faults import Faults

Connection = AsyncConnection[DictRow]

SCHEMA_VERSION = 1

# The advisory lock that orders the sandbox's transactions. Its books may lie in our database, whose own lock numbers
# are in ``db/advisory_locks.py``.
_LEDGER_LOCK = 0x5A4DB0C5

# Plans are not kept: tables grow from nothing to millions of rows under one connection. The ledger's lock may be held
# for as long as it takes to create a million accounts. All processes share that lock, and one that stands still gets it
# for each of its connections in turn, so an idle transaction may keep it for three seconds only.
_SESSION_SETTINGS = {
    "search_path": "sandbox",
    "plan_cache_mode": "force_custom_plan",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "3s",
}

# A commit need not wait for the disk where the product's next own commit, in the same write-ahead log, flushes it
# first. A database of its own may be on another server, and a ledger must not forget what it has answered.
_COMMIT_SOON = {"synchronous_commit": "off"}

_CONNECT_SECONDS = 10.0

# A sandbox that does not exist yet is looked up again after this long.
_POLL_SECONDS = 5.0

# There are no foreign keys: a million holders are loaded at once, and nobody but the sandbox writes here.
_TABLES: LiteralString = """
CREATE TABLE network (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    schema_version int NOT NULL,
    clock_offset_nanos bigint NOT NULL DEFAULT 0,
    longest_valid_seconds int NOT NULL DEFAULT 0,
    faults jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE token (
    token_id text PRIMARY KEY,
    name text NOT NULL,
    symbol text NOT NULL,
    decimals int NOT NULL CHECK (decimals >= 0),
    total_supply_units numeric NOT NULL CHECK (total_supply_units >= 0),
    treasury_account_id text NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    created_nanos bigint NOT NULL
);
-- A row is an association, or remembers that there is none any more.
CREATE TABLE holding (
    token_id text NOT NULL,
    account_id text NOT NULL,
    balance_units numeric NOT NULL DEFAULT 0 CHECK (balance_units >= 0),
    associated boolean NOT NULL DEFAULT true,
    frozen boolean NOT NULL DEFAULT false,
    PRIMARY KEY (token_id, account_id)
) WITH (fillfactor = 70);
CREATE TABLE deleted_account (account_id text PRIMARY KEY);
-- accounts and amounts_units are what moved; the failed ones got nothing.
CREATE TABLE ledger_transaction (
    transaction_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('CREATE', 'DEPOSIT', 'TRANSFER')),
    result text NOT NULL,
    payer_account_id text NOT NULL,
    token_id text NOT NULL,
    accounts text[] NOT NULL,
    amounts_units numeric[] NOT NULL,
    moved_units numeric NOT NULL,
    failed_accounts text[] NOT NULL,
    failure_codes text[] NOT NULL,
    consensus_nanos bigint NOT NULL UNIQUE,
    memo text NOT NULL
);
CREATE TABLE in_transit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signed_bytes bytea NOT NULL,
    deliver_at_nanos bigint NOT NULL
);
"""

# Tables of later versions, created beside the others where they are missing: events that contracts emit, the id of this
# sandbox, and the few accounts that obstruct a transfer, so that nobody reads all recipients to find none.
_LATER_TABLES: LiteralString = """
CREATE TABLE IF NOT EXISTS contract_event (
    contract_id text NOT NULL,
    timestamp_nanos bigint NOT NULL,
    event_index int NOT NULL,
    name text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (contract_id, timestamp_nanos, event_index)
);
ALTER TABLE network ADD COLUMN IF NOT EXISTS network_id uuid NOT NULL DEFAULT gen_random_uuid();
CREATE INDEX IF NOT EXISTS holding_obstructed ON holding (token_id, account_id) WHERE frozen OR NOT associated;
"""

# The tables belong to the owner of their schema, whichever role came first.
_ACT_AS_OWNER: LiteralString = """
SELECT set_config('role', rolname, true)
  FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner
 WHERE nspname = 'sandbox' AND rolname <> current_user AND pg_has_role(current_user, nspowner, 'MEMBER')
"""

_NETWORK: LiteralString = """
WITH clock AS (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 + clock_offset_nanos AS now_nanos,
           coalesce((SELECT max(consensus_nanos) FROM ledger_transaction), 0) AS last_nanos,
           clock_offset_nanos, longest_valid_seconds, faults
    FROM network
)
SELECT greatest(now_nanos, last_nanos + 1000) AS next_nanos,
       greatest(now_nanos - 1000, last_nanos) AS complete_nanos,
       clock_offset_nanos, longest_valid_seconds, faults,
       EXISTS (SELECT FROM in_transit WHERE deliver_at_nanos <= now_nanos) AS anything_due
FROM clock
"""

# Two statements in one exchange, so that the second one sees what the lock waited for. Not in a pipeline: the server
# forgets how long a transaction may be idle, which in there is every moment at which its process may be stopped.
_LOCKED_NETWORK: LiteralString = f"SELECT pg_advisory_xact_lock({_LEDGER_LOCK});{_NETWORK}"
_BEGIN_LOCKED_NETWORK: LiteralString = f"BEGIN;{_LOCKED_NETWORK}"


@dataclass(frozen=True, slots=True)
class Network:
    """The state of the sandbox's network at one moment, read under the ledger's lock.

    Attributes:
        next_nanos: The consensus time of the next transaction.
        complete_nanos: Every transaction that has, or will ever have, a consensus time up to this one is in the books.
        longest_valid_seconds: The longest validity that any transaction has, or ever had.
        anything_due: True if delayed transactions wait to be delivered.
    """

    next_nanos: int
    complete_nanos: int
    longest_valid_seconds: int
    faults: Faults
    anything_due: bool

    @property
    def mirror_nanos(self) -> int:
        """The time up to which transactions can be looked up."""
        return self.complete_nanos - int(self.faults.mirror_lag_seconds * NANOS_PER_SECOND)


class SandboxStore:
    """The tables of one sandbox, and a small pool of connections that is opened on first use."""

    def __init__(self, url: URL, *, valid_seconds: int, beside_ours: bool = True, connections: int = 4) -> None:
        self._url = url
        settings = {**_SESSION_SETTINGS, **(_COMMIT_SOON if beside_ours else {})}
        self._connector = Connector(url, application_name="masspayout-sandbox", settings=settings)
        self._valid_seconds = valid_seconds
        self._connections = connections
        self._is_outdated = False
        self._opening = asyncio.Lock()
        self._pool: AsyncConnectionPool[Connection] | None = None
        # The last known offset, for callers that need a time and cannot wait for the database.
        self.clock_offset_nanos = 0
        self._missing_since: float | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Open a transaction on a connection: committed when the block ends, rolled back when it raises.

        Raises:
            LedgerUnavailable: The server cannot be reached, or went away.
        """
        async with self.reading() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[tuple[Connection, Network]]:
        """Open the only transaction of the ledger until it ends, with the state of the network.

        The holder of the lock sees everything that went before, and nobody's consensus time lies before its own.

        Raises:
            LedgerUnavailable: The server cannot be reached, or went away.
        """
        async with self.reading() as connection:
            yield connection, await self.lock(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Open a connection on which each statement is a transaction of its own: one exchange instead of three.

        Raises:
            LedgerUnavailable: The server cannot be reached, or went away.
        """
        try:
            pool = await self._open()
            async with pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction, PoolTimeout) as error:
            # Sessions keep the mode that they began with: a read-only server may be writable for later ones.
            self._is_outdated |= isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
            raise self._unavailable(error) from error

    async def lock(self, connection: Connection) -> Network:
        """Begin the transaction if need be, and make it the only one of the ledger. Return the network's state."""
        cursor = await connection.execute(_LOCKED_NETWORK if _is_in_transaction(connection) else _BEGIN_LOCKED_NETWORK)
        while cursor.nextset():
            pass
        row = await the_row(cursor)
        self.clock_offset_nanos = row["clock_offset_nanos"]
        return Network(
            row["next_nanos"],
            row["complete_nanos"],
            row["longest_valid_seconds"],
            Faults(**row["faults"]),
            row["anything_due"],
        )

    async def exists(self) -> bool:
        """Return True if there are any books. Nothing is created."""
        if self._pool is not None:
            return True
        if self._missing_since is not None and time.monotonic() - self._missing_since < _POLL_SECONDS:
            return False
        try:
            async with self._single_connection() as connection:
                cursor = await connection.execute("SELECT to_regclass('sandbox.network') IS NOT NULL AS there")
                there = bool((await the_row(cursor))["there"])
        except psycopg.OperationalError as error:
            raise self._unavailable(error) from error
        self._missing_since = None if there else time.monotonic()
        return there

    async def find_clock_offset_nanos(self) -> int:
        """Return the offset of the clock: the last known one, if the server cannot be reached now."""
        try:
            if await self.exists():
                async with self.reading() as connection:
                    cursor = await connection.execute("SELECT clock_offset_nanos FROM network")
                    self.clock_offset_nanos = (await the_row(cursor))["clock_offset_nanos"]
        except (LedgerUnavailable, psycopg.Error):
            # Callers that need the ledger get its error. An offset that is too small only makes payouts start later.
            pass
        return self.clock_offset_nanos

    async def network_id(self, connection: Connection) -> str:
        """Return the id of this sandbox, which changes whenever it is emptied."""
        cursor = await connection.execute("SELECT network_id FROM network")
        return str((await the_row(cursor))["network_id"])

    async def set_faults(self, connection: Connection, faults: Faults) -> None:
        """Replace the faults, for every process."""
        await connection.execute("UPDATE network SET faults = %s", [Jsonb(faults.as_json())])

    async def advance_clock(self, connection: Connection, seconds: float) -> None:
        """Advance the ledger's clock, for every process."""
        cursor = await connection.execute(
            "UPDATE network SET clock_offset_nanos = clock_offset_nanos + %s RETURNING clock_offset_nanos",
            [int(seconds * NANOS_PER_SECOND)],
        )
        self.clock_offset_nanos = (await the_row(cursor))["clock_offset_nanos"]

    async def reset(self) -> None:
        """Become another ledger. Only the time continues, never backwards: ids of transactions are made from it."""
        async with self.locked() as (connection, _):
            await connection.execute(
                "TRUNCATE token, holding, deleted_account, ledger_transaction, in_transit, contract_event "
                "RESTART IDENTITY"
            )
            await connection.execute("UPDATE network SET network_id = gen_random_uuid()")
            await self.set_faults(connection, Faults())

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _open(self) -> AsyncConnectionPool[Connection]:
        async with self._opening:
            if self._pool is None:
                await self._create_tables()
                pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                    kwargs={**self._connector.arguments, "row_factory": dict_row, "autocommit": True},
                    configure=self._connector.agree,
                    min_size=0,
                    max_size=self._connections,
                    timeout=_CONNECT_SECONDS,
                    open=False,
                )
                await pool.open()
                self._pool = pool
            if self._is_outdated:
                self._is_outdated = False
                await self._pool.drain()
            return self._pool

    async def _create_tables(self) -> None:
        """Create the missing tables. Several processes may do so at once: the lock admits one of them."""
        async with self._single_connection() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LEDGER_LOCK])
            # Where another role owns the database, it made the schema: even IF NOT EXISTS needs the right to.
            cursor = await connection.execute("SELECT to_regnamespace('sandbox') IS NULL AS missing")
            if (await the_row(cursor))["missing"]:
                await connection.execute("CREATE SCHEMA sandbox")
            await connection.execute(_ACT_AS_OWNER)
            cursor = await connection.execute("SELECT to_regclass('sandbox.network') IS NULL AS missing")
            if (await the_row(cursor))["missing"]:
                await connection.execute(_TABLES)
                await connection.execute("INSERT INTO network (schema_version) VALUES (%s)", [SCHEMA_VERSION])
            await connection.execute(_LATER_TABLES)
            # Death is proven by the longest validity that anybody may have signed with, so it is known before we sign.
            cursor = await connection.execute(
                """
                UPDATE network SET longest_valid_seconds = greatest(longest_valid_seconds, %s)
                RETURNING schema_version, clock_offset_nanos
                """,
                [self._valid_seconds],
            )
            row = await the_row(cursor)
            self.clock_offset_nanos = row["clock_offset_nanos"]
            if row["schema_version"] != SCHEMA_VERSION:
                raise Conflict(
                    f"The sandbox's tables have version {row['schema_version']}; this software has {SCHEMA_VERSION}.",
                    "Drop the schema `sandbox` of the database: DROP SCHEMA sandbox CASCADE.",
                )

    @asynccontextmanager
    async def _single_connection(self) -> AsyncIterator[Connection]:
        async with await self._connector.connect() as connection:
            connection.row_factory = dict_row  # type: ignore[assignment]
            yield cast("Connection", connection)

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return LedgerUnavailable(
            f"The sandbox's database {self._url.database} cannot be used: {reason}.",
            "Check the DATABASE_* settings and SANDBOX_DATABASE_URL: ",
            Action.EXAMINE,
        )


def _is_in_transaction(connection: Connection) -> bool:
    return connection.info.transaction_status is not TransactionStatus.IDLE


async def the_row(cursor: psycopg.AsyncCursor[DictRow]) -> DictRow:
    """Return the single row of a statement that always has one."""
    row = await cursor.fetchone()
    if row is None:
        raise Conflict("The sandbox's network table has lost its row.", "Drop the schema: DROP SCHEMA sandbox CASCADE.")
    return row
