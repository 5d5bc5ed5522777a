"""PostgreSQL as others run it: stricter defaults, poolers, few connections, schemas of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from command_line import CommandLine, Said
from databases import fresh_database, migrate, run_sql
from masspayout.db.connecting import connect_arguments
from poolers import pooled


@pytest.fixture
def debian_url(debian_server: URL) -> Iterator[URL]:
    """A fresh, migrated database on the server that poolers can reach."""
    with fresh_database(debian_server) as url:
        migrate(url)
        yield url


def pay(command_line: CommandLine, directory: Path, *, holders: int) -> Said:
    """Pay a list from the sandbox, as a newcomer does."""
    made = ["sandbox", "token", "0.0.9000", "--name", "Test Dollar", "--symbol", "TD", "--decimals", "6"]
    assert command_line(*made).status == 0
    assert command_line("sandbox", "deposit", "0.0.9000", "1000000").status == 0
    rows = "".join(f"0.0.{20000 + number},1.5\n" for number in range(holders))
    (directory / "list.csv").write_text(f"account_id,amount\n{rows}")
    return command_line("pay", "list.csv", "--payment-token", "0.0.9000", "--concept", "a")


def paid(url: URL) -> tuple[int, int]:
    """How many have it by the database, and by the ledger's own books."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        ((by_us,),) = connection.execute("SELECT count(*) FROM holder WHERE paid").fetchall()
        ((by_ledger,),) = connection.execute(
            "SELECT count(*) FROM sandbox.holding WHERE balance_units = 1500000 AND account_id LIKE '0.0.2%'"
        ).fetchall()
    return by_us, by_ledger


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_list_of_many_batches_is_paid_whatever_the_isolation_by_default(
    command_line: CommandLine, database_url: URL, tmp_path: Path, isolation: str
) -> None:
    server = database_url.set(database="postgres")
    run_sql(server, f"ALTER DATABASE \"{database_url.database}\" SET default_transaction_isolation = '{isolation}'")
    said = pay(command_line, tmp_path, holders=3000)
    assert said.status == 0, said.err
    assert paid(database_url) == (3000, 3000)


def test_a_pooler_that_pools_by_session_is_like_the_server(
    command_line_on: Callable[[URL], CommandLine], debian_url: URL, tmp_path: Path
) -> None:
    server = debian_url.set(database="postgres")
    run_sql(server, f"ALTER DATABASE \"{debian_url.database}\" SET TimeZone = 'Asia/Tokyo'")
    with pooled(debian_url, tmp_path, pool_mode="session") as url:
        command_line = command_line_on(url)
        assert pay(command_line, tmp_path, holders=600).status == 0
        assert "All checks passed." in command_line("doctor").out
    assert paid(debian_url) == (600, 600)
    with psycopg.connect(**connect_arguments(debian_url)) as connection:
        ((off_seconds,),) = connection.execute(
            "SELECT max(abs(extract(epoch FROM created_at - (now() AT TIME ZONE 'UTC')))) FROM distribution"
        ).fetchall()
    assert off_seconds < 600


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("round_robin", ["0", "1"])
def test_a_pooler_that_lends_sessions_to_others_is_refused_by_name(
    command_line_on: Callable[[URL], CommandLine], debian_url: URL, tmp_path: Path, mode: str, round_robin: str
) -> None:
    settings = {"pool_mode": mode, "server_round_robin": round_robin}
    with pooled(debian_url, tmp_path, **settings) as url:
        command_line = command_line_on(url)
        for arguments in (["db", "upgrade"], ["distribution", "list"], ["worker", "--until-idle"]):
            said = command_line(*arguments)
            assert said.status == 1
            assert f"The pooler at 127.0.0.1:{url.query['port']} lends the connections of" in said.err
            assert "pool_mode = session" in said.err
            assert "Traceback" not in said.err
        assert "pool_mode = session" in command_line("doctor").out


def test_too_many_connections_are_refused_at_the_start(
    command_line: CommandLine, database_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(database_url.set(database="postgres"), f'ALTER DATABASE "{database_url.database}" CONNECTION LIMIT 12')
    said = command_line("worker", "--until-idle")
    assert said.status == 1
    assert "The database allows 12 connections, and DATABASE_CONNECTIONS lets each process open 20." in said.err
    monkeypatch.setenv("DATABASE_CONNECTIONS", "12")
    assert command_line("worker", "--until-idle").status == 0


def test_our_tables_may_be_in_another_schema(
    empty_database_url: URL,
    command_line_on: Callable[[URL], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run_sql(empty_database_url, 'CREATE SCHEMA "Pay Out"')
    monkeypatch.setenv("DATABASE_SCHEMA", "Pay Out")
    command_line = command_line_on(empty_database_url)
    assert command_line("db", "upgrade").status == 0
    assert pay(command_line, tmp_path, holders=300).status == 0
    assert command_line("db", "check").status == 0
    with psycopg.connect(**connect_arguments(empty_database_url)) as connection:
        rows = connection.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename ~ 'distribution|procras'")
        assert rows.fetchall() == [("Pay Out",)]
