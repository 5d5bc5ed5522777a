"""The doctor's checks of server and database, on real ones: each names what is wrong, and a command."""

import socket
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import URL
from sqlalchemy.exc import InternalError

from commands import mentions
from databases import GUARDED_ROLE, run_sql
from doctor_reports import all_is_well, by_name, examine, settings_of, the_problem
from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.diagnosis import Diagnosis
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import Status
from masspayout.settings import Settings

PASSWORD = "correct horse battery staple"


async def test_a_fresh_database_is_fine_and_stays_as_it_is(database_url: URL) -> None:
    before = relations(database_url)
    assert all_is_well(await examine(database_url))
    assert relations(database_url) == before


async def test_the_doctor_cannot_write(database_url: URL) -> None:
    diagnosis = Diagnosis(database_url)
    async with diagnosis._engine.connect() as connection:
        with pytest.raises(InternalError, match="read-only"):
            await connection.exec_driver_sql("UPDATE asset SET name = 'x'")
    await diagnosis.close()


def relations(url: URL) -> list[str]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        query = "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class ORDER BY 1"
        return [name for (name,) in connection.execute(query)]


async def test_no_embedded_database_is_made(settings: Settings) -> None:
    problem = the_problem(by_name(await doctor.examine(settings, opening())), "database server")
    assert str(settings.data_dir) in problem.message
    assert {name for name, _ in mentions(problem.hint)} == {"demo", "db upgrade"}
    assert not settings.data_dir.exists()


async def test_an_embedded_database_is_started_and_not_migrated(settings: Settings) -> None:
    url = embedded.start(settings.data_dir)
    try:
        before = relations(url)
        results = by_name(await doctor.examine(settings, opening()))
        assert "has no tables yet" in the_problem(results, "migrations").message
        assert relations(url) == before
    finally:
        embedded.leave(settings.data_dir)


async def test_connection_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = Settings(_env_file=None, database_host="127.0.0.1", database_port=port)  # type: ignore[call-arg]
        results = by_name(await doctor.examine(settings, opening()))
    problem = the_problem(results, "database server")
    assert problem.message == f"No PostgreSQL server answers at 127.0.0.1:{port}."
    # The provider of sign-ins is no part of the database.
    others = [result for result in results.values() if result is not problem and result.name != "OpenID Connect"]
    assert {(result.status, result.message) for result in others} == {
        (Status.NOT_CHECKED, "First fix: database server.")
    }


@pytest.fixture
def guarded_url(debian_server: URL) -> Iterator[URL]:
    """The address of a server that asks this role for its password."""
    run_sql(debian_server, f"CREATE ROLE {GUARDED_ROLE} LOGIN PASSWORD '{PASSWORD}'")
    yield debian_server.set(username=GUARDED_ROLE)
    run_sql(debian_server, f"DROP ROLE {GUARDED_ROLE}")


async def test_wrong_password(guarded_url: URL) -> None:
    wrong = PASSWORD.title()
    results = by_name(await doctor.examine(settings_of(guarded_url, wrong), opening()))
    problem = the_problem(results, "login")
    assert f"refuses the password of the role {GUARDED_ROLE}" in problem.message
    assert "DATABASE_PASSWORD" in problem.hint
    assert wrong not in str(results)

    results = by_name(await doctor.examine(settings_of(guarded_url, PASSWORD), opening()))
    assert results["login"].status is Status.OK
    assert PASSWORD not in str(results)


async def test_missing_database(server_url: URL) -> None:
    problem = the_problem(await examine(server_url.set(database="nowhere")), "database")
    assert problem.message.startswith("There is no database nowhere")


async def test_a_database_that_can_only_be_read(database_url: URL) -> None:
    run_sql(database_url, f'ALTER DATABASE "{database_url.database}" SET default_transaction_read_only = on')
    problem = the_problem(await examine(database_url), "database")
    assert problem.message == f"The database {database_url.database} can only be read."
    assert "standby" in problem.hint


async def test_a_server_that_is_too_old(database_url: URL) -> None:
    answer = "PostgreSQL 14.9 on x86_64-pc-linux-gnu"
    run_sql(
        database_url,
        f"CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text STABLE LANGUAGE sql AS $$SELECT '{answer}'$$",
    )
    problem = the_problem(await examine(database_url), "server version")
    assert problem.message == "The server runs PostgreSQL 14.9, and masspayout needs 15 or newer."


async def test_pending_migrations(database_url: URL) -> None:
    (taken_back,) = migrations.downgrade(database_url)
    problem = the_problem(await examine(database_url), "migrations")
    assert taken_back.id in problem.message
    assert problem.details == (f"{taken_back.id}: {taken_back.message}",)
    assert problem.hint == "Migrate it: masspayout db upgrade"
    migrations.upgrade(database_url)
    assert all_is_well(await examine(database_url))


async def test_a_database_of_a_newer_version(database_url: URL) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert "revision 9999" in the_problem(await examine(database_url), "migrations").message


async def test_tables_of_somebody_else(empty_database_url: URL) -> None:
    run_sql(empty_database_url, "CREATE TABLE asset (id int)")
    assert "not made by masspayout" in the_problem(await examine(empty_database_url), "migrations").message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE distribution DROP COLUMN concept", "distribution.concept is missing"),
        ("DROP TABLE ledger_sequence", "the table ledger_sequence is missing"),
        (
            "ALTER TABLE asset ALTER decimals TYPE bigint",
            "asset.decimals is of type BIGINT; it should be INTEGER",
        ),
        ("ALTER TABLE asset ALTER name DROP NOT NULL", "asset.name is nullable, and should not be"),
        (
            "ALTER TABLE holder DROP CONSTRAINT holder_asset_id_fkey",
            "the foreign key holder_asset_id_fkey of holder is missing",
        ),
    ],
)
async def test_a_schema_that_somebody_changed(database_url: URL, change: str, sentence: str) -> None:
    run_sql(database_url, change)
    problem = the_problem(await examine(database_url), "tables")
    assert problem.details == (sentence,)
