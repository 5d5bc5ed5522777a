"""Sessions go by nobody's defaults, and last: whatever DBAs set, and whatever stands before the server."""

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from psycopg.rows import tuple_row
from sqlalchemy import URL, text

from clusters import Cluster, require_debian_15
from databases import fresh_database, run_sql
from masspayout.db import migrations
from masspayout.db.connecting import SESSION_SETTINGS, connect_arguments
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.errors import DatabaseUnavailable, LedgerUnavailable
from masspayout.ledger.sandbox.store import SandboxStore
from masspayout.settings import Settings
from masspayout.settings.database import encrypted

# What a DBA may have set for good reasons of theirs, each of which would change or stop what we do.
OTHER_DEFAULTS = {
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "1s",
    "lock_timeout": "1ms",
    "statement_timeout": "200ms",
    "search_path": '"$user", elsewhere',
}


@pytest.fixture
def strict_url(server_url: URL) -> Iterator[URL]:
    """A migrated database with other defaults, on each of the servers."""
    with fresh_database(server_url) as url:
        migrations.upgrade(url)
        set_defaults(url)
        yield url


def set_defaults(url: URL) -> None:
    for name, value in OTHER_DEFAULTS.items():
        quoted = value if name == "search_path" else f"'{value}'"
        run_sql(url.set(database="postgres"), f'ALTER DATABASE "{url.database}" SET {name} = {quoted}')


@asynccontextmanager
async def closed(store: SandboxStore) -> AsyncIterator[None]:
    """Close it afterwards, whatever happens: its pool would keep the event loop from ending."""
    try:
        yield
    finally:
        await store.close()


def names_of(settings: dict[str, str]) -> str:
    return ", ".join(f"current_setting('{name}')" for name in settings)


async def test_units_of_work_go_by_our_settings(strict_url: URL) -> None:
    database = Database(strict_url)
    for opened in (database.unit_of_work, database.single_statement):
        async with opened() as work:
            row = (await work.execute(text(f"SELECT {names_of(dict(SESSION_SETTINGS))}"))).one()
            assert dict(zip(SESSION_SETTINGS, row, strict=True)) == SESSION_SETTINGS
            assert await work.scalar(text("SHOW search_path")) == "public"
            assert await work.scalar(text("SHOW transaction_isolation")) == "read committed"
    await database.close()


async def test_jobs_go_by_our_settings(strict_url: URL) -> None:
    app = Jobs(strict_url).app
    async with app.open_async():
        query = f"SELECT ARRAY[{names_of(dict(SESSION_SETTINGS))}, current_setting('search_path')] AS values"
        found = await app.connector.execute_query_one_async(query)
    assert found["values"] == [*SESSION_SETTINGS.values(), "public"]


async def test_the_one_who_listens_for_jobs_hears_of_them(strict_url: URL) -> None:
    app = Jobs(strict_url).app
    heard = asyncio.Event()

    async def hear(*, channel: str, payload: str) -> None:
        heard.set()

    async with app.open_async():
        listening = asyncio.create_task(app.connector.listen_notify(hear, ["jobs"]))
        while not heard.is_set():
            await app.connector.execute_query_async("NOTIFY jobs, 'one'")
            await asyncio.sleep(0.05)
        with psycopg.connect(**connect_arguments(strict_url), autocommit=True) as connection:
            connection.execute("SET statement_timeout = 0")
            states = connection.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            ).fetchall()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert states == [("idle",)]


async def test_the_sandbox_goes_by_our_settings(strict_url: URL) -> None:
    store = SandboxStore(strict_url, valid_seconds=120)
    async with store.connection() as connection:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(
            "SELECT current_setting('TimeZone'), current_setting('transaction_isolation'),"
            " current_setting('search_path'), current_setting('statement_timeout')"
        )
        assert await cursor.fetchone() == ("UTC", "read committed", "sandbox", "30min")
    await store.close()


def test_migrations_go_by_our_settings(server_url: URL) -> None:
    with fresh_database(server_url) as url:
        set_defaults(url)
        migrations.upgrade(url)
        with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
            connection.execute("SET statement_timeout = 0")
            rows = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'distribution'").fetchall()
    assert rows == [("public",)]


async def test_a_database_that_was_read_only_for_a_while_is_written_to_again(database: Database) -> None:
    server, name = database.url.set(database="postgres"), database.url.database
    jobs, store = Jobs(database.url), SandboxStore(database.url, valid_seconds=120)

    async def write() -> None:
        async with database.unit_of_work() as work:
            await work.execute(text("UPDATE payer SET identity = identity"))

    async def write_books() -> None:
        async with store.connection() as connection:
            await connection.execute("UPDATE network SET schema_version = schema_version")

    async with jobs.app.open_async(), closed(store):
        await write_books()
        run_sql(server, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        # Sessions keep what they began with: only what is opened from now on may only read.
        run_sql(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await jobs.renew_connections()
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable, match="can only be read"):
                await write()
            with pytest.raises(LedgerUnavailable) as refusal:
                await write_books()
            with pytest.raises(ConnectorException):
                await jobs.app.connector.execute_query_async("DELETE FROM procrastinate_jobs")
        assert "read-only transaction" in refusal.value.message
        run_sql(server, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await write()
        await write_books()
        await jobs.renew_connections()
        await jobs.app.connector.execute_query_async("DELETE FROM procrastinate_jobs")


def test_a_server_elsewhere_has_to_prove_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def arguments(**settings: str) -> dict[str, str]:
        with monkeypatch.context() as environment:
            for name, value in settings.items():
                environment.setenv(f"DATABASE_{name.upper()}", value)
            found = connect_arguments(Settings(_env_file=None).external_database_url)  # type: ignore[call-arg]
        return {name: found[name] for name in ("sslmode", "sslrootcert") if name in found}

    authorities = ssl.get_default_verify_paths().cafile
    assert arguments(host="db.example.com") == {"sslmode": "verify-full", "sslrootcert": authorities}
    assert arguments(host="10.0.0.7") == {"sslmode": "verify-full", "sslrootcert": authorities}
    for own in ("127.0.0.1", "::1", "localhost", "/var/run/postgresql"):
        assert arguments(host=own) == {}
    assert arguments(host="db", sslmode="require") == {"sslmode": "require"}
    named = arguments(host="db", sslmode="verify-ca", sslrootcert="/etc/our-ca.pem")
    assert named == {"sslmode": "verify-ca", "sslrootcert": "/etc/our-ca.pem"}
    monkeypatch.setenv("SANDBOX_DATABASE_URL", "postgresql://a@db.example.com/books")
    books = Settings(_env_file=None).sandbox_url  # type: ignore[call-arg]
    assert books is not None
    assert books.query["sslmode"] == "verify-full"


@pytest.fixture
def encrypting_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Path]]:
    """A server with a certificate for ``localhost``, and the certificate of the authority that signed it."""
    require_debian_15()
    directory = tmp_path_factory.mktemp("encrypted")
    cluster = Cluster.make(directory)
    certificate, key = directory / "server.crt", cluster.directory / "server.key"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    shutil.copy(certificate, cluster.directory / "server.crt")
    key.chmod(0o600)
    owner = cluster.directory.stat()
    for path in (key, cluster.directory / "server.crt"):
        os.chown(path, owner.st_uid, owner.st_gid)
    run_sql(cluster.url("postgres"), "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
    yield cluster, certificate
    cluster.kill()


async def test_a_server_that_proves_who_it_is_and_one_that_does_not(
    encrypting_cluster: tuple[Cluster, Path], database_url: URL
) -> None:
    cluster, certificate = encrypting_cluster

    def url(host: str, sslmode: str, authority: Path | None = None) -> URL:
        named = URL.create("postgresql+psycopg", "masspayout", host=host, port=cluster.port, database="postgres")
        return encrypted(named, sslmode, authority)

    async def said_by(url: URL) -> str:
        database = Database(url)
        try:
            async with database.unit_of_work() as work:
                return str(await work.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))
        except DatabaseUnavailable as error:
            return str(error)
        finally:
            await database.close()

    assert await said_by(url("localhost", "verify-full", certificate)) == "True"
    assert await said_by(url("127.0.0.1", "require")) == "True"
    of_another_name = await said_by(url("127.0.0.1", "verify-full", certificate))
    unknown = await said_by(url("localhost", "verify-full"))
    missing = await said_by(url("localhost", "verify-full", Path("/nowhere.pem")))
    for refusal in (of_another_name, unknown, missing):
        assert "It cannot be verified that PostgreSQL at" in refusal
        assert "DATABASE_SSLROOTCERT" in refusal
    run_sql(cluster.url("postgres"), "ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    plain = await said_by(url("localhost", "require"))
    assert "offers no encryption" in plain
    assert "DATABASE_SSLMODE=prefer" in plain
