"""The doctor's queries: schema, statements under way, queue of jobs, payouts that hang.

Nothing is changed and nothing hangs: every transaction is read-only, and every statement has a time limit.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import URL, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from masspayout.db.connecting import Connector
from masspayout.db.connection_errors import ErrorStage, stage_of, unavailable
from masspayout.db.drift import MissingIndex, find_differences, find_missing_indexes
from masspayout.db.repositories.pauses import IS_PAUSED
from masspayout.kernel.errors import DatabaseUnavailable

# Half of the doctor's time limit for a check, so that the server's own error comes first.
_STATEMENT_SECONDS = 15
_SETTINGS = {"default_transaction_read_only": "on", "statement_timeout": f"{_STATEMENT_SECONDS}s"}

_LONG_RUNNING = text("""
    SELECT pid, state, coalesce(application_name, '') AS application, query,
           extract(epoch FROM clock_timestamp()
                   - CASE WHEN state = 'active' THEN query_start ELSE state_change END) AS seconds
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND state IN ('active', 'idle in transaction', 'idle in transaction (aborted)')
       AND clock_timestamp() - CASE WHEN state = 'active' THEN query_start ELSE state_change END
           > make_interval(secs => :slow_seconds)
     ORDER BY seconds DESC
""")

_KEEPS_STATEMENTS = text("""
    SELECT to_regclass('pg_stat_statements') IS NOT NULL AND current_setting('pg_stat_statements.max', true) IS NOT NULL
""")

_SLOW_STATEMENTS = text("""
    SELECT query, calls, mean_exec_time AS mean_ms
      FROM pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND mean_exec_time > :slow_ms AND calls >= :least_calls
     ORDER BY mean_exec_time DESC
     LIMIT 10
""")

_WORKERS = text("""
    SELECT count(*) FILTER (WHERE last_heartbeat >= now() - make_interval(secs => :alive_seconds))
      FROM procrastinate_workers
""")

# Jobs only trigger work. A payment job waits for a worker only while its distribution is being paid; the periodic
# recovery never counts as waiting. A process that pays without being a worker (pay, execute --wait) claims batches too.
_WAITING = text(f"""
    SELECT (SELECT count(*) FROM distribution AS d
             WHERE d.status = 'PROCESSING' AND NOT {IS_PAUSED}
               AND NOT EXISTS (SELECT FROM batch_payout AS b
                                WHERE b.distribution_id = d.id AND b.claimed_until > now())) AS distributions,
           (SELECT count(*) FROM procrastinate_jobs AS j
             WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
               AND j.task_name NOT IN (:payment, :recovery)) AS jobs
""")  # noqa: S608 - the piece is a constant

_STALLED_JOBS = text("""
    SELECT j.id, j.task_name, w.last_heartbeat
      FROM procrastinate_jobs AS j
      LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
     WHERE j.status = 'doing'
       AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :alive_seconds))
     ORDER BY j.id
""")

# A failed payment job matters as long as its distribution is not finished; any other for a day.
_FAILED_JOBS = text("""
    SELECT j.id, j.task_name, j.attempts, max(e.at) AS failed_at
      FROM procrastinate_jobs AS j
      JOIN procrastinate_events AS e ON e.job_id = j.id AND e.type = 'failed'
     WHERE j.status = 'failed'
     GROUP BY j.id
    HAVING CASE WHEN j.task_name = :payment
                THEN EXISTS (SELECT FROM distribution AS d
                              WHERE CAST(d.id AS text) = j.args ->> 'distribution_id' AND d.status = 'PROCESSING')
                ELSE max(e.at) > now() - interval '1 day' END
     ORDER BY j.id
""")

_UNDECIDED = text("""
    SELECT coalesce(a.transaction_id, 'number ' || a.number || ' of ' || a.sender_account_id) AS transaction_id,
           b.distribution_id, a.looks AS polls, a.outcome_detail AS reason, a.created_at AS since
      FROM attempt AS a
      JOIN batch_payout AS b ON b.id = a.batch_payout_id
     WHERE a.status IN ('RESERVED', 'SIGNED', 'SUBMITTED')
       AND (a.created_at < now() - make_interval(secs => :patience_seconds)
            OR a.created_at < now() - make_interval(secs => :named_seconds)
               AND NOT starts_with(a.outcome_detail, CAST(:is_executed AS text)))
     ORDER BY a.created_at
""")

# A redemption that was planned again: its unpaid holders who still hold the bond are in the later one.
_IS_PLANNED_AGAIN = """
    (d.status = 'FAILED' AND d.contract_terms IS NOT NULL
     AND EXISTS (SELECT FROM distribution AS later
                  WHERE later.asset_id = d.asset_id AND later.contract_terms = d.contract_terms
                    AND later.status <> 'CANCELLED' AND later.id > d.id))
"""

# Completed batches need nothing more; a holder who is attached to an attempt may have been paid already.
_UNPAID = text(f"""
    SELECT d.id AS distribution_id, d.status, d.payer_account_id, d.payment_token_id, d.payment_token_decimals,
           CASE WHEN d.status = 'PENDING' THEN d.total_amount
                ELSE (SELECT coalesce(sum(h.payment_amount), 0)
                        FROM batch_payout AS b
                        JOIN holder AS h ON h.distribution_id = b.distribution_id AND h.batch_number = b.batch_number
                       WHERE b.distribution_id = d.id AND b.status <> 'COMPLETED'
                         AND NOT h.paid AND h.attempt_id IS NULL)
           END AS amount
      FROM distribution AS d
     WHERE d.status IN ('PENDING', 'PROCESSING', 'FAILED') AND d.frozen_at IS NOT NULL AND NOT {_IS_PLANNED_AGAIN}
     ORDER BY d.created_at, d.id
""")  # noqa: S608 - the pieces are constants

_FAILED_DISTRIBUTIONS = text(f"""
    SELECT d.id, a.symbol, d.failure_message, d.failure_next_step,
           (SELECT coalesce(sum(b.failed_payments), 0) FROM batch_payout AS b WHERE b.distribution_id = d.id) AS failed
      FROM distribution AS d
      JOIN asset AS a ON a.id = d.asset_id
     WHERE d.status = 'FAILED' AND NOT {_IS_PLANNED_AGAIN}
     ORDER BY d.created_at, d.id
""")  # noqa: S608 - the pieces are constants

_PUT_OFF_DISTRIBUTIONS = text("""
    SELECT d.id, a.symbol, d.failure_message, d.failure_next_step, d.scheduled_time
      FROM distribution AS d JOIN asset AS a ON a.id = d.asset_id
     WHERE (d.status = 'PENDING' OR d.status = 'PROCESSING' AND d.frozen_at IS NULL) AND d.failure_message IS NOT NULL
     ORDER BY d.scheduled_time, d.id
""")

_STALE_REGISTERS = text("""
    SELECT token_id, sync_status, sync_error, updated_at
      FROM asset
     WHERE sync_status = 'FAILED'
        OR sync_status = 'SYNCING' AND updated_at < now() - make_interval(secs => :patience_seconds)
     ORDER BY token_id
""")

_TROUBLED_LISTENERS = text("""
    SELECT l.contract_id, l.poll_error, count(e.id) AS set_aside,
           (array_agg(e.name || ': ' || e.error ORDER BY e.timestamp_nanos, e.event_index)
                FILTER (WHERE e.id IS NOT NULL))[1] AS first_error
      FROM blockchain_event_listener_config AS l
      LEFT JOIN contract_event AS e ON e.contract_id = l.contract_id AND e.status = 'SET_ASIDE'
     WHERE l.enabled OR e.id IS NOT NULL
     GROUP BY l.id
    HAVING l.poll_error IS NOT NULL OR count(e.id) > 0
     ORDER BY l.contract_id
""")

_LAGGING_LISTENERS = text("""
    SELECT contract_id, last_polled_at
      FROM blockchain_event_listener_config
     WHERE enabled AND coalesce(last_polled_at, created_at) < now() - make_interval(secs => :patience_seconds)
     ORDER BY last_polled_at NULLS FIRST, contract_id
""")

_GUARDS = text("""
    SELECT count(*) FROM pg_trigger
     WHERE tgrelid = to_regclass('audit_entry') AND tgname IN ('refuse_change', 'move_head') AND tgenabled IN ('O', 'A')
""")

_START_GUARDS = text("""
    SELECT count(*) = 2 FROM pg_trigger
     WHERE tgrelid = to_regclass('distribution') AND tgname IN ('require_approvals', 'require_approvals_of_new')
       AND tgenabled IN ('O', 'A')
""")

_TROUBLED_WEBHOOKS = text("""
    SELECT w.id, w.url, CASE WHEN NOT w.enabled THEN w.failing_since END AS off_since,
           count(*) FILTER (WHERE d.status = 'FAILED') AS given_up,
           count(*) FILTER (WHERE d.status = 'PENDING') AS overdue,
           (array_agg(d.error ORDER BY d.number DESC) FILTER (WHERE d.error IS NOT NULL))[1] AS error
      FROM webhook AS w
      JOIN webhook_delivery AS d ON d.webhook_id = w.id
     WHERE (w.enabled OR w.failing_since IS NOT NULL)
       AND (d.status = 'FAILED' AND d.updated_at > now() - interval '1 day'
            OR d.status = 'PENDING' AND d.created_at < now() - interval '1 hour' OR NOT w.enabled)
     GROUP BY w.id
     ORDER BY given_up DESC, w.id
""")


# A role that may not see the standbys in full still sees their number.
_REPLICATION = text("""
    SELECT (SELECT count(*) FROM pg_stat_replication WHERE application_name <> 'pg_basebackup') AS standbys,
           current_setting('synchronous_standby_names') AS standby_names,
           current_setting('synchronous_commit') AS commit
""")
_WAITING_COMMITS = ("on", "remote_write", "remote_apply")


class Replication(NamedTuple):
    """The number of standbys of the server, and the setting of its commits."""

    standbys: int
    standby_names: str
    commit: str

    @property
    def is_synchronous(self) -> bool:
        """True if a commit waits for a standby."""
        return bool(self.standby_names) and self.commit in _WAITING_COMMITS


class Unpaid(NamedTuple):
    """The sum that one frozen distribution still needs, in whole payment tokens."""

    distribution_id: Any
    status: str
    payer_account_id: str
    payment_token_id: str
    payment_token_decimals: int
    amount: Decimal


class Diagnosis:
    """The diagnosis of one database.

    Each query has a connection of its own, so that one failure does not spoil the next.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        connector = Connector(url, application_name="masspayout-doctor", settings=_SETTINGS)
        self._engine = create_async_engine(url, poolclass=NullPool, async_creator=connector.connect)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection with one read-only transaction.

        Raises:
            DatabaseUnavailable: The server cannot be reached, refuses us, or takes too long over a statement.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise unavailable(self.url, error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def connection_error(self) -> tuple[ErrorStage, DatabaseUnavailable] | None:
        """Try to connect. Return the failed stage and the error, or None."""
        try:
            async with self._engine.connect():
                return None
        except DBAPIError as error:
            return stage_of(error), unavailable(self.url, error)

    async def is_read_only(self) -> bool:
        """Return True if nothing can be written: the database or the role is read-only, or the server is a standby."""
        async with await Connector(self.url).connect() as connection:
            cursor = await connection.execute("SHOW transaction_read_only")
            return await cursor.fetchone() == ("on",)

    async def server_version(self) -> tuple[int, ...]:
        """Return the server's version as numbers, the major one first."""
        async with self.connection() as connection:
            return tuple(int(number) for number in connection.dialect.server_version_info or ())

    async def drift(self) -> list[str]:
        """Return a sentence for each table, column or foreign key that is not as the entities have it."""
        async with self.connection() as connection:
            return await connection.run_sync(find_differences)

    async def missing_indexes(self) -> list[MissingIndex]:
        """Return the indexes of the entities that are missing, different or invalid."""
        async with self.connection() as connection:
            return await connection.run_sync(find_missing_indexes)

    async def long_running(self, slow_seconds: float) -> Sequence[Row[Any]]:
        """Return the statements and open transactions of others that have lasted longer, the longest first."""
        return await self._rows(_LONG_RUNNING, slow_seconds=slow_seconds)

    async def slow_statements(self, slow_ms: float, least_calls: int) -> Sequence[Row[Any]]:
        """Return the statements that ``pg_stat_statements`` shows as slow on average; none if it is not installed."""
        ((keeps_statements,),) = await self._rows(_KEEPS_STATEMENTS)
        if not keeps_statements:
            return []
        return await self._rows(_SLOW_STATEMENTS, slow_ms=slow_ms, least_calls=least_calls)

    async def replication(self) -> Replication:
        """Return how the server is replicated."""
        (row,) = await self._rows(_REPLICATION)
        return Replication(**row._asdict())

    async def live_workers(self, alive_seconds: float) -> int:
        """Return the number of workers with a recent heartbeat."""
        ((count,),) = await self._rows(_WORKERS, alive_seconds=alive_seconds)
        return int(count)

    async def waiting(self, *, payment: str, recovery: str) -> Row[Any]:
        """Return the number of waiting distributions and other jobs without a worker, by the names of those tasks."""
        (row,) = await self._rows(_WAITING, payment=payment, recovery=recovery)
        return row

    async def stalled_jobs(self, alive_seconds: float) -> Sequence[Row[Any]]:
        """Return the jobs whose worker is gone."""
        return await self._rows(_STALLED_JOBS, alive_seconds=alive_seconds)

    async def failed_jobs(self, *, payment: str) -> Sequence[Row[Any]]:
        """Return the jobs that were given up and still matter."""
        return await self._rows(_FAILED_JOBS, payment=payment)

    async def undecided(self, patience_seconds: float, *, named_seconds: float, is_executed: str) -> Sequence[Row[Any]]:
        """Return the transactions whose outcome has been unknown for longer, the oldest first.

        Args:
            patience_seconds: The age of any such transaction.
            named_seconds: The age of one with a known reason.
            is_executed: The beginning of the reason of one that was executed, and only has to become final.
        """
        return await self._rows(
            _UNDECIDED, patience_seconds=patience_seconds, named_seconds=named_seconds, is_executed=is_executed
        )

    async def unpaid(self) -> list[Unpaid]:
        """Return the sum that each frozen distribution still needs, oldest first."""
        return [Unpaid(**row._asdict()) for row in await self._rows(_UNPAID)]

    async def failed_distributions(self) -> Sequence[Row[Any]]:
        """Return the distributions that ended with unpaid holders."""
        return await self._rows(_FAILED_DISTRIBUTIONS)

    async def put_off_distributions(self) -> Sequence[Row[Any]]:
        """Return the distributions that are due and did not start, for a reason that may pass."""
        return await self._rows(_PUT_OFF_DISTRIBUTIONS)

    async def stale_registers(self, patience_seconds: float) -> Sequence[Row[Any]]:
        """Return the assets whose last sync failed, or has not ended."""
        return await self._rows(_STALE_REGISTERS, patience_seconds=patience_seconds)

    async def troubled_listeners(self) -> Sequence[Row[Any]]:
        """Return the listeners that could not read, or that set events aside, with the oldest reason."""
        return await self._rows(_TROUBLED_LISTENERS)

    async def lagging_listeners(self, patience_seconds: float) -> Sequence[Row[Any]]:
        """Return the listeners that were not read for longer, the one that waited longest first."""
        return await self._rows(_LAGGING_LISTENERS, patience_seconds=patience_seconds)

    async def trail_is_guarded(self) -> bool:
        """Return True if the triggers that guard the audit trail exist and are enabled."""
        ((count,),) = await self._rows(_GUARDS)
        return int(count) == 2  # noqa: PLR2004 - the two that the statement names

    async def starts_are_guarded(self) -> bool:
        """Return True if the triggers that let nothing begin without its approvals exist and are enabled."""
        ((are_there,),) = await self._rows(_START_GUARDS)
        return bool(are_there)

    async def troubled_webhooks(self) -> Sequence[Row[Any]]:
        """Return the targets with deliveries that were given up within a day, or have waited for more than an hour."""
        return await self._rows(_TROUBLED_WEBHOOKS)

    async def _rows(self, statement: Any, **parameters: Any) -> Sequence[Row[Any]]:
        async with self.connection() as connection:
            return (await connection.execute(statement, parameters)).all()
