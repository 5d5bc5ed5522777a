"""What a worker does by the clock costs nothing in a database that has been paying for years.

Two hundred thousand distributions, five thousand series and a hundred thousand events in the outbox: the statements of
a round in which nothing is due are recorded, and none reads what has piled up from end to end. (The calendars of the
series are gone through; what is old is looked for once an hour.)
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event

from databases import fresh_database, run_sql
from masspayout.context import Context
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.session import Database
from masspayout.settings import Settings
from masspayout.worker.periodic import PERIODIC
from payouts import World, accounts, make_runtime

PAST = """
    INSERT INTO distribution (asset_id, type, execution_type, payout_type, amount, status, frozen_at, executed_at,
                              scheduled_time, payer_account_id, ledger_identity)
    SELECT id, 'DIVIDEND', 'SCHEDULED', 'PERCENTAGE', 100, 'COMPLETED', now(), now(),
           now() - make_interval(secs => number), '0.0.1001', ledger_identity
      FROM asset, generate_series(1, 200000) AS number
"""
SERIES = """
    WITH made AS (
        INSERT INTO series (id, asset_id, type, execution_type, payout_type, amount, frequency, time_zone, start_time,
                            catch_up_seconds, status)
        SELECT masspayout_uuid7(), id, 'DIVIDEND', 'RECURRING', 'PERCENTAGE', 100, 'MONTHLY', 'UTC',
               now() + interval '20 days', 86400, 'ACTIVE'
          FROM asset, generate_series(1, 5000)
        RETURNING id, asset_id
    )
    INSERT INTO distribution (asset_id, series_id, type, execution_type, payout_type, amount, status, scheduled_time)
    SELECT asset_id, id, 'DIVIDEND', 'RECURRING', 'PERCENTAGE', 100, 'PENDING', now() + interval '20 days' FROM made
"""
OUTBOX = (
    """
    INSERT INTO webhook (id, url, events, sealed_secret, created_at)
    SELECT masspayout_uuid7(), 'https://example.com/', '{distribution.*}', 'x', now() - interval '1 year'
    """,
    """
    INSERT INTO webhook_event (id, type, data, dispatched_at)
    SELECT masspayout_uuid7(), 'distribution.created', '{}', now() FROM generate_series(1, 100000)
    """,
    """
    INSERT INTO webhook_delivery (id, webhook_id, event_id, number, status, next_try_at, delivered_at)
    SELECT masspayout_uuid7(), webhook.id, webhook_event.id, row_number() OVER (), 'DELIVERED', now(), now()
      FROM webhook, webhook_event
    """,
)
MINUTE_SECONDS = 60.0
LARGE_TABLES = {"distribution", "webhook_event", "webhook_delivery", "holder", "attempt"}


@pytest.fixture
async def busy_database(server_url: URL, settings: Settings) -> AsyncIterator[Context]:
    with fresh_database(server_url) as url:
        await asyncio.to_thread(migrations.upgrade, url)
        runtime = make_runtime(Database(url), settings)
        await World.make(runtime, [(account, 100) for account in accounts(3)])
        await asyncio.to_thread(run_sql, url, PAST, SERIES, *OUTBOX, "VACUUM ANALYZE")
        yield runtime
        await runtime.ledger.close()
        await runtime.database.close()


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)


async def test_a_round_in_which_nothing_is_due_reads_no_large_table_from_end_to_end(busy_database: Context) -> None:
    statements: list[tuple[str, Any]] = []
    engine = busy_database.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *said: statements.append((said[2], said[3])))
    now = await busy_database.database.clock.now()
    for task in PERIODIC:
        if task.pause_seconds <= MINUTE_SECONDS:
            await task.run(busy_database, now)
    assert len(statements) > 8
    scanned = []
    with psycopg.connect(**connect_arguments(busy_database.database.url)) as connection:
        for statement, parameters in statements:
            if not statement.lstrip().startswith(("SELECT", "UPDATE", "WITH", "DELETE", "INSERT")):
                continue
            explained = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters)
            for (plan,) in explained.fetchall():
                scanned += [
                    (node["Relation Name"], statement)
                    for node in nodes_of(plan[0]["Plan"])
                    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE_TABLES
                ]
    assert scanned == []
