"""Connections are kept, and replaced when they broke while nobody used them."""

import pytest
from sqlalchemy import text

from masspayout.db import session as sessions
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseUnavailable

BACKEND = text("SELECT pg_backend_pid()")


async def backend_of(database: Database) -> int:
    async with database.unit_of_work() as session:
        return int(await session.scalar(BACKEND) or 0)


async def test_a_connection_is_used_again(database: Database) -> None:
    assert await backend_of(database) == await backend_of(database)


async def test_a_connection_that_broke_while_idle_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_IDLE_SECONDS", 0)
    before = await backend_of(database)
    killer = Database(database.url)
    async with killer.unit_of_work() as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": before})
    await killer.close()

    assert await backend_of(database) not in {0, before}


async def test_a_connection_that_breaks_in_use_is_an_error_that_says_so_and_is_not_used_again(
    database: Database,
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.unit_of_work() as session:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert await backend_of(database)


async def test_a_single_statement_is_committed_at_once(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("CREATE TABLE sandbox.note (line text)"))
    async with database.single_statement() as session:
        await session.execute(text("INSERT INTO sandbox.note VALUES ('kept')"))
        async with database.unit_of_work() as other:
            assert await other.scalar(text("SELECT line FROM sandbox.note")) == "kept"


async def test_connections_go_back_to_units_of_work_after_a_single_statement(database: Database) -> None:
    async with database.unit_of_work() as session:
        await session.execute(text("CREATE TABLE sandbox.note (line text)"))
    async with database.single_statement() as session:
        backend = await session.scalar(BACKEND)
    async with database.unit_of_work() as session:
        assert await session.scalar(BACKEND) == backend
        await session.execute(text("INSERT INTO sandbox.note VALUES ('lost')"))
        await session.rollback()
    async with database.unit_of_work() as session:
        assert await session.scalar(text("SELECT count(*) FROM sandbox.note")) == 0


async def test_a_transaction_whose_machine_is_gone_without_a_word_does_not_keep_its_locks(database: Database) -> None:
    lock = text("SELECT pg_advisory_xact_lock(1)")

    async def go_silent() -> None:
        async with database.unit_of_work() as gone:
            assert await gone.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
            await gone.execute(text("SET LOCAL idle_in_transaction_session_timeout = 100"))
            await gone.execute(lock)
            async with database.unit_of_work() as other:
                await other.execute(lock)
            await gone.execute(lock)

    with pytest.raises(DatabaseUnavailable, match="nothing had happened for too long"):
        await go_silent()
