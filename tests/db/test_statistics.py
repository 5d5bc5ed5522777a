"""Planner statistics are refreshed where many rows are written, and nothing fails because they cannot be."""

import asyncio
import logging

import psycopg
import pytest
from sqlalchemy import URL, text

from databases import fresh_database, run_sql
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.repositories import Holders
from masspayout.db.repositories.holders import _ADD_NEW, _CHANGE_BALANCES, _REMOVE_GONE
from masspayout.db.session import Database
from masspayout.db.statistics import refresh_statistics
from masspayout.kernel.spool import Spool
from masspayout.registers import assets
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, World, make_runtime

HOLDERS = [(f"0.0.{10_000 + number}", 1) for number in range(5_000)]


@pytest.mark.parametrize("statement", [_REMOVE_GONE, _CHANGE_BALANCES, _ADD_NEW], ids=["remove", "change", "add"])
async def test_a_register_that_was_just_imported_is_not_merged_row_by_row(
    server_url: URL, settings: Settings, statement: object
) -> None:
    with fresh_database(server_url) as url:
        await asyncio.to_thread(migrations.upgrade, url)
        await asyncio.to_thread(run_sql, url, "ALTER TABLE holder SET (autovacuum_enabled = off)")
        database = Database(url)
        runtime = make_runtime(database, settings)
        world = await World.make(runtime, HOLDERS)
        await assets.sync(database, runtime.ledger, world.asset.id)
        read = await Spool.of((await runtime.ledger.holders(ASSET_TOKEN)).pages)
        async with database.unit_of_work() as session:
            assert await Holders(session).stage(read.pages()) == len(HOLDERS) + 1
            plan = (await session.scalars(text(f"EXPLAIN {statement}"), {"asset_id": world.asset.id})).all()
        await runtime.ledger.close()
        await database.close()
    assert not [line for line in plan if "Nested Loop" in line and "Anti" in line], plan


async def test_a_table_that_is_locked_is_left_to_autovacuum(
    database: Database, database_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    run_sql(database_url, "CREATE TABLE kept (one INT)", "GRANT INSERT ON kept TO PUBLIC")
    with psycopg.connect(**connect_arguments(database_url)) as other, caplog.at_level(logging.WARNING):
        other.execute("LOCK TABLE holder IN SHARE UPDATE EXCLUSIVE MODE")
        async with database.unit_of_work() as session:
            await session.execute(text("INSERT INTO kept VALUES (1)"))
            before = await session.scalar(text("SHOW lock_timeout"))
            await refresh_statistics(session, "holder")
            assert await session.scalar(text("SHOW lock_timeout")) == before
            await refresh_statistics(session, "kept")
            assert await session.scalar(text("SHOW lock_timeout")) == before
    assert "the statistics of holder are left to autovacuum" in caplog.text
    assert "statistics of kept" not in caplog.text
    with psycopg.connect(**connect_arguments(database_url)) as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
        assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'kept'").fetchall() == [(1,)]
