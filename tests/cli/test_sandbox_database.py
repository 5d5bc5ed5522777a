"""The sandbox's books in a database of their own: every command finds them there, and the address stays a secret."""

import logging
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import URL

from command_line import CommandLine
from databases import fresh_database
from masspayout.db.connecting import connect_arguments
from masspayout.kernel import logs
from masspayout.kernel.errors import Invalid
from masspayout.settings import load_settings

PASSWORD = "sesame-4711"


@pytest.fixture
def books_url(embedded_server: URL) -> Iterator[URL]:
    with fresh_database(embedded_server) as url:
        yield url


@pytest.fixture
def with_books(
    database_url: URL, command_line_on: Callable[[URL], CommandLine], books_url: URL, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Run ``masspayout …`` with the sandbox's books in another database than ours."""
    monkeypatch.setenv("SANDBOX_DATABASE_URL", books_url.set(drivername="postgresql").render_as_string())
    return command_line_on(database_url)


def schemas(url: URL) -> set[str]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        query = "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname IN ('sandbox', 'public')"
        return {str(name) for (name,) in connection.execute(query)}


def test_every_command_uses_the_database_of_the_sandbox(
    with_books: CommandLine, database_url: URL, books_url: URL
) -> None:
    for arguments in (["sandbox", "init"], ["demo"], ["sandbox", "transactions"], ["asset", "list"]):
        said = with_books(*arguments)
        assert said.status == 0, said
    assert "150,000.000000" in with_books("sandbox", "account", "0.0.1001").out
    said = with_books("doctor")
    assert "The ledger sandbox answers, and knows all" in said.out
    assert schemas(database_url) == {"public"}
    assert schemas(books_url) == {"sandbox"}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "postgresql+psycopg://ann:%s@db.example/books",
        "postgresql://ann:%s@db.example:5433/books?sslmode=require",
        "postgres:///books?host=/run/postgresql",
    ],
)
def test_addresses_of_postgresql_are_taken(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DATABASE_URL", address.replace("%s", PASSWORD))
    url = load_settings().sandbox_url
    if address:
        assert url is not None
        assert (url.drivername, url.database) == ("postgresql+psycopg", "books")
    else:
        assert url is None


@pytest.mark.parametrize(
    "address",
    [
        "books",
        "mysql://ann:%s@db.example/books",
        "postgresql://ann:%s@db.example",
        "postgresql://ann:%s@db.example:port/books",
        "postgresql://ann:%s@db.example/books?colour=blue",
    ],
)
def test_other_addresses_are_refused_in_a_sentence_without_the_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DATABASE_URL", address.replace("%s", PASSWORD))
    with pytest.raises(Invalid) as refused:
        load_settings()
    assert "SANDBOX_DATABASE_URL=…: it is not the address of a database" in refused.value.message
    assert PASSWORD not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_named_without_the_password(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DATABASE_URL", f"postgresql://ann:{PASSWORD}@127.0.0.1:1/books")
    for arguments in (["sandbox", "init"], ["demo"]):
        said = command_line(*arguments)
        assert said.status == 1
        assert "The sandbox's database books cannot be used" in said.err
        assert "SANDBOX_DATABASE_URL" in said.err
        assert PASSWORD not in said.out + said.err


def test_logs_never_show_its_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SANDBOX_DATABASE_URL", "postgresql://ann:pa%2Fss%2Dword@db.example/books")
    settings = load_settings()
    logs.install("text")
    logs.keep_out(*settings.secrets)
    logging.getLogger("test").error("%s or %s", settings.sandbox_database_url.get_secret_value(), "pa/ss-word")
    said = capsys.readouterr().err
    assert "…" in said
    assert "ss" not in said.split("ERROR")[1]
    assert "pa/ss-word" not in repr(settings)
