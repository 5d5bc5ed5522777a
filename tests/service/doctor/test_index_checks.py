"""The doctor's checks of indexes and queries: what is missing comes with the SQL, what is slow with its statement."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import URL

from databases import fresh_database, run_sql
from doctor_reports import all_is_well, examine, the_problem
from masspayout.context import Context
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Base
from masspayout.service.doctor import Status
from payouts import World


async def test_missing_indexes_come_with_the_sql_that_mends_them(database_url: URL) -> None:
    drop_indexes(database_url)
    dropped = await examine(database_url)
    problem = the_problem(dropped, "indexes")
    wanted = {str(index.name) for table in Base.metadata.tables.values() for index in table.indexes}
    assert {f"{name} of" in problem.message for name in wanted} == {True}
    assert "idx_holder_unique of holder is missing" in problem.message
    run_sql(database_url, *problem.details)
    assert all_is_well(await examine(database_url))
    assert migrations.check(database_url) == []


def drop_indexes(url: URL) -> None:
    """Drop every index and UNIQUE constraint of the entities, but the primary keys."""
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        for table in Base.metadata.tables:
            rows = connection.execute(
                "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = %s::regclass", [table]
            ).fetchall()
            for (name,) in rows:
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            rows = connection.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisprimary AND indrelid = %s::regclass",
                [table],
            ).fetchall()
            for (name,) in rows:
                connection.execute(f"DROP INDEX {name}")


async def test_an_index_that_was_built_in_vain_or_otherwise(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    run_sql(database_url, "DROP INDEX idx_asset_sync_status", "DROP INDEX idx_holder_account")
    run_sql(
        database_url,
        "INSERT INTO asset SELECT gen_random_uuid(), '0.0.4', name, symbol, total_supply, decimals FROM asset",
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_sql(database_url, "CREATE UNIQUE INDEX CONCURRENTLY idx_asset_sync_status ON asset (name)")
    run_sql(database_url, "CREATE INDEX idx_holder_account ON holder (balance)")
    problem = (await examine(database_url))["indexes"]
    assert problem.status is Status.PROBLEM
    assert "idx_asset_sync_status of asset is invalid" in problem.message
    assert "idx_holder_account is on holder (balance)" in problem.message
    for statements in problem.details:
        run_sql(database_url, *statements.split("; "))
    assert (await examine(database_url))["indexes"].status is Status.OK


async def test_a_hot_query_that_reads_everything(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    await world.plan()
    run_sql(
        database_url,
        """INSERT INTO holder (id, asset_id, account_id, balance)
           SELECT gen_random_uuid(), asset.id, '0.0.' || 30000 + number, 1 FROM asset, generate_series(1, 12000) number
        """,
        "ANALYZE holder",
    )
    assert (await examine(database_url))["query plans"].status is Status.OK
    run_sql(database_url, "DROP INDEX idx_holder_batch", "DROP INDEX idx_holder_distribution")
    run_sql(database_url, "ALTER TABLE holder DROP CONSTRAINT idx_holder_unique")
    problem = (await examine(database_url))["query plans"]
    assert problem.status is Status.PROBLEM
    assert "holder" in problem.message
    assert any("Seq Scan on holder" in line for line in problem.details)
    assert any(line.startswith("attach holders to an attempt: reads all 12,0") for line in problem.details)


async def test_a_transaction_that_somebody_leaves_open(database_url: URL) -> None:
    with psycopg.connect(**connect_arguments(database_url)) as other:
        other.execute("SELECT 1 AS left_open -- ALTER ROLE x PASSWORD 'a secret'")
        problem = the_problem(await examine(database_url, slow_ms=1), "slow queries")
        assert f"process {other.info.backend_pid} (idle in transaction)" in problem.message
        assert "left_open" in problem.details[0]
        assert "secret" not in problem.details[0]
    assert all_is_well(await examine(database_url))


@pytest.fixture
def debian_url(debian_server: URL) -> Iterator[URL]:
    """The address of a fresh, migrated database on PostgreSQL 15, which keeps statistics of statements."""
    with fresh_database(debian_server) as url:
        migrations.upgrade(url)
        yield url


async def test_a_statement_that_is_often_slow(debian_url: URL) -> None:
    assert (await examine(debian_url, slow_ms=2))["slow queries"].status is Status.OK
    run_sql(debian_url, "CREATE EXTENSION pg_stat_statements", *["SELECT pg_sleep(0.05)"] * 20)
    problem = the_problem(await examine(debian_url, slow_ms=2), "slow queries")
    assert "pg_sleep" in problem.details[0]
    run_sql(debian_url, "SELECT pg_stat_statements_reset()")
    assert all_is_well(await examine(debian_url, slow_ms=2))
