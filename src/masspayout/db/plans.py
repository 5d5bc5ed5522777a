"""Plans of the hot queries: the repositories' own statements, explained and not executed."""

import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from masspayout.db.diagnosis import Diagnosis
from masspayout.db.entities import BatchPayout, Distribution
from masspayout.db.repositories import BatchPayouts, Claims, Distributions, Entitlements, Holders
from masspayout.db.types import uuid7

# The tables that grow with the number of holders.
_LARGE_TABLES = ("holder", "batch_payout", "attempt")
_PAGE = 20
_LARGEST_SHOWN = 200

# The newest distribution that has batches, and a batch from its middle. A bare asset serves for the register.
_EXAMPLE = text("""
    SELECT d.id AS distribution_id, d.asset_id, coalesce(d.batch_count, 1) / 2 + 1 AS batch_number
      FROM distribution AS d
     WHERE d.frozen_at IS NOT NULL
     UNION ALL
    SELECT NULL, a.id, 1 FROM asset AS a
     ORDER BY distribution_id DESC NULLS LAST
     LIMIT 1
""")

# The planner's own estimate: the rows of a page when they were last counted, times the present number of pages.
_ROW_COUNTS = text("""
    SELECT relname,
           CASE WHEN relpages = 0 THEN pg_stat_get_live_tuples(oid)
                ELSE reltuples / relpages * pg_relation_size(oid) / CAST(current_setting('block_size') AS int)
           END AS row_count
      FROM pg_class
     WHERE relnamespace = CAST(quote_ident(current_schema()) AS regnamespace) AND relname = ANY (:tables)
""")


@dataclass(frozen=True, slots=True)
class SlowPlan:
    """A hot query that would read a large table from end to end and keep few of its rows.

    Attributes:
        query: The purpose of the query.
        table: The table that it would read.
        row_count: The estimated number of rows of the table.
        plan: The output of EXPLAIN, line by line.
    """

    query: str
    table: str
    row_count: int
    plan: tuple[str, ...]


class _ExplainedError(Exception):
    """An error that carries the plan of a statement out of the repository that wanted to execute it."""

    def __init__(self, tree: dict[str, Any], lines: tuple[str, ...]) -> None:
        super().__init__()
        self.tree = tree
        self.lines = lines


async def find_slow_plans(diagnosis: Diagnosis, least_rows: int) -> list[SlowPlan]:
    """Explain the hot queries for an existing distribution, and return those that would scan a large table.

    Args:
        diagnosis: The database.
        least_rows: The number of rows from which on a table counts as large.
    """
    async with diagnosis.connection() as connection:
        counts = await connection.execute(_ROW_COUNTS, {"tables": list(_LARGE_TABLES)})
        row_counts = {row.relname: int(row.row_count) for row in counts}
        example = (await connection.execute(_EXAMPLE)).first()
        if example is None:
            return []
        slow = []
        for query, call in _hot_queries(example):
            tree, lines = await _explain(connection, call)
            slow += [
                SlowPlan(query, table, row_counts[table], lines)
                for table, kept_rows in _scans(tree)
                if row_counts.get(table, 0) > least_rows and kept_rows < row_counts[table] / 2
            ]
        return slow


def _hot_queries(example: Row[Any]) -> Iterator[tuple[str, Callable[[AsyncSession], Awaitable[Any]]]]:
    """Yield the queries that run once per batch, page or minute, with realistic parameters."""
    distribution_id = example.distribution_id or uuid7()
    distribution = Distribution(id=distribution_id, asset_id=example.asset_id)
    batch = BatchPayout(id=uuid7(), distribution_id=distribution_id, batch_number=example.batch_number)
    attempt_id = uuid.uuid4()

    def claim(session: AsyncSession) -> Awaitable[Any]:
        return Claims(session).claim(distribution_id, after=example.batch_number, claim_seconds=0)

    def mark_failed(session: AsyncSession) -> Awaitable[Any]:
        return BatchPayouts(session).mark_failed(batch, attempt_id, {"0.0.1": "X"})

    yield "claim a batch", claim
    yield "attach holders to an attempt", lambda session: Claims(session).attach(batch, attempt_id, None)
    yield "mark holders as paid", lambda session: BatchPayouts(session).mark_paid(batch, attempt_id, [])
    yield "mark holders as failed", mark_failed
    yield "count the holders of a batch", lambda session: BatchPayouts(session).tally(batch)
    yield "progress of a distribution", lambda session: BatchPayouts(session).progress(distribution_id)
    yield "finish a distribution", lambda session: Distributions(session).finish(distribution_id)
    yield "distributions that are due", lambda session: Distributions(session).find_pending_scheduled(datetime.now(UTC))
    yield "distributions to start", lambda session: Distributions(session).find_due(datetime.now(UTC), limit=_PAGE)
    yield "a page of the register", lambda session: Holders(session).find_register(example.asset_id, 1, _PAGE)
    yield (
        "entitlements after an account",
        lambda session: Entitlements(session, distribution).find_after("0.0.1", _PAGE),
    )


async def _explain(
    connection: AsyncConnection, call: Callable[[AsyncSession], Awaitable[Any]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the plan of the first statement that a repository's method would execute, as a tree and as text."""

    def explain_instead(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        ((plans,),) = cursor.fetchall()
        cursor.execute(f"EXPLAIN {statement}", parameters)
        raise _ExplainedError(plans[0]["Plan"], tuple(_shown(line) for (line,) in cursor.fetchall()))

    target = connection.sync_connection
    event.listen(target, "before_cursor_execute", explain_instead)
    try:
        async with AsyncSession(connection) as session:
            await call(session)
    except _ExplainedError as explained:
        return explained.tree, explained.lines
    finally:
        event.remove(target, "before_cursor_execute", explain_instead)
    raise LookupError("the query executed nothing that could be explained")


def _scans(node: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each table that a plan reads from end to end, with the estimated number of rows that it keeps."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"], float(node["Plan Rows"])
    for child in node.get("Plans", ()):
        yield from _scans(child)


def _shown(line: str) -> str:
    """Return a line of a plan, cut to a readable length."""
    return line if len(line) <= _LARGEST_SHOWN else re.sub(r"\s+", " ", line)[:_LARGEST_SHOWN] + " …"
