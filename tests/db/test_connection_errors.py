"""Every way in which PostgreSQL can refuse us has a sentence of its own, and none shows the password."""

import socket
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import ProgrammingError

from databases import GUARDED_ROLE, run_sql
from masspayout.db import migrations
from masspayout.db.connection_errors import unavailable
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseMismatch, DatabaseUnavailable, LedgerUnavailable
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings

PASSWORD = "correct horse battery staple"


async def connection_error(url: URL) -> DatabaseUnavailable:
    """What both ways of connecting say, which must be the same."""
    with pytest.raises(DatabaseUnavailable) as of_migrations:
        migrations.status(url)
    database = Database(url)
    try:
        with pytest.raises(DatabaseUnavailable) as of_database:
            async with database.unit_of_work() as session:
                await session.execute(text("SELECT 1"))
    finally:
        await database.close()
    assert str(of_database.value) == str(of_migrations.value)
    assert PASSWORD not in str(of_database.value)
    return of_database.value


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def guarded_url(debian_server: URL) -> Iterator[URL]:
    """The address of a server that asks this role for its password."""
    run_sql(debian_server, f"CREATE ROLE {GUARDED_ROLE} LOGIN PASSWORD '{PASSWORD}'")
    yield debian_server.set(username=GUARDED_ROLE, password=PASSWORD)
    run_sql(debian_server, f"DROP ROLE {GUARDED_ROLE}")


async def test_nobody_listens(closed_port: int) -> None:
    url = URL.create(
        "postgresql+psycopg", "masspayout", PASSWORD, host="127.0.0.1", port=closed_port, database="masspayout"
    )
    error = await connection_error(url)
    assert error.message == f"No PostgreSQL server answers at 127.0.0.1:{closed_port}."
    assert "DATABASE_PORT" in error.hint


async def test_no_such_host() -> None:
    url = URL.create("postgresql+psycopg", "masspayout", PASSWORD, host="db.invalid", database="masspayout")
    error = await connection_error(url)
    assert error.message == "The host of PostgreSQL at db.invalid:5432 is not known to this machine."


async def test_no_such_socket() -> None:
    url = URL.create("postgresql+psycopg", "masspayout", host="/nowhere", database="masspayout")
    assert (await connection_error(url)).message == "No PostgreSQL server answers at /nowhere."


async def test_wrong_password(guarded_url: URL) -> None:
    assert migrations.status(guarded_url).revision is None
    error = await connection_error(guarded_url.set(password=PASSWORD.title()))
    assert f"refuses the password of the role {GUARDED_ROLE}" in error.message
    assert "DATABASE_PASSWORD" in error.hint


async def test_no_password(guarded_url: URL) -> None:
    error = await connection_error(guarded_url._replace(password=None))
    assert f"asks for a password of the role {GUARDED_ROLE}" in error.message


async def test_no_such_database(server_url: URL) -> None:
    error = await connection_error(server_url.set(database="nowhere"))
    assert error.message.startswith("There is no database nowhere on PostgreSQL at ")
    assert "createdb" in error.hint
    assert "masspayout db upgrade" in error.hint


async def test_no_such_role(server_url: URL) -> None:
    error = await connection_error(server_url.set(username="nobody_here"))
    assert error.message.startswith("There is no role nobody_here on PostgreSQL at ")


async def test_a_role_that_may_not_connect(server_url: URL) -> None:
    run_sql(
        server_url,
        "CREATE ROLE kept_out LOGIN",
        "CREATE DATABASE closed_shop",
        "REVOKE CONNECT ON DATABASE closed_shop FROM PUBLIC",
    )
    try:
        closed = server_url.set(username="kept_out", database="closed_shop")
        assert "does not allow the role kept_out to connect to closed_shop" in (await connection_error(closed)).message
        run_sql(server_url, "GRANT CONNECT ON DATABASE closed_shop TO kept_out", "ALTER ROLE kept_out NOLOGIN")
        assert "ALTER ROLE kept_out LOGIN" in (await connection_error(closed)).hint
    finally:
        run_sql(server_url, "DROP DATABASE closed_shop", "DROP ROLE kept_out")


async def test_a_database_that_is_full(server_url: URL) -> None:
    run_sql(server_url, "CREATE ROLE latecomer LOGIN", "CREATE DATABASE full_house CONNECTION LIMIT 0")
    try:
        error = await connection_error(server_url.set(username="latecomer", database="full_house"))
        assert "has no connection left" in error.message
    finally:
        run_sql(server_url, "DROP DATABASE full_house", "DROP ROLE latecomer")


async def test_a_connection_that_is_cut(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="just starting or stopping"):
        async with database.unit_of_work() as session:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_a_database_that_can_only_be_read(database_url: URL) -> None:
    run_sql(database_url, f'ALTER DATABASE "{database_url.database}" SET default_transaction_read_only = on')
    database, ledger = Database(database_url), SandboxLedger(database_url, Settings(_env_file=None))  # type: ignore[call-arg]
    try:
        with pytest.raises(DatabaseUnavailable, match="can only be read"):
            async with database.unit_of_work() as session:
                await session.execute(text("UPDATE asset SET name = 'x'"))
        with pytest.raises(LedgerUnavailable, match="read-only"):
            await ledger.admin.deposit("0.0.9000", 1, "0.0.1001")
    finally:
        await ledger.close()
        await database.close()
    with pytest.raises(DatabaseUnavailable, match="can only be read"):
        migrations.downgrade(database_url)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding(server_url: URL, encoding: str) -> None:
    name = f"test_{uuid.uuid4().hex}"
    run_sql(server_url, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(DatabaseMismatch, match=f"is kept in {encoding}, and masspayout needs UTF8"):
            migrations.upgrade(server_url.set(database=name))
    finally:
        run_sql(server_url, f"DROP DATABASE {name}")


async def test_a_role_that_may_only_read(database_url: URL) -> None:
    role = f"reader_{uuid.uuid4().hex}"
    run_sql(database_url, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    database = Database(database_url.set(username=role))
    try:
        with pytest.raises(DatabaseUnavailable, match=f"The role {role} may not do this"):
            async with database.unit_of_work() as session:
                await session.execute(text("UPDATE asset SET name = 'x'"))
    finally:
        await database.close()
        run_sql(database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_statement_that_is_wrong_is_no_refusal(database: Database) -> None:
    with pytest.raises(ProgrammingError):
        async with database.unit_of_work() as session:
            await session.execute(text("SELECT nonsense"))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (psycopg.errors.DiskFull("x"), "no disk space left"),
        (psycopg.errors.TooManyConnections("x"), "has no connection left"),
        (psycopg.errors.DeadlockDetected("x"), "in each other's way"),
        (psycopg.errors.CannotConnectNow("x"), "just starting or stopping"),
        (psycopg.OperationalError("something new\nand more of it"), "cannot be used: something new."),
        (psycopg.OperationalError(), "cannot be used: OperationalError."),
    ],
)
def test_sentences_by_code(error: psycopg.Error, sentence: str) -> None:
    url = URL.create("postgresql+psycopg", "masspayout", PASSWORD, host="db", database="masspayout")
    assert sentence in unavailable(url, error).message
