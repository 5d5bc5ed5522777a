"""An account with a history that is none of this database's: its statement begins where a person says."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine
from databases import copied_database, fresh_database

TOKEN, PAYER = "0.0.9000", "0.0.1001"
REASON = ("--reason", "all of it was paid by hand")


@pytest.fixture
def former(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """A database of another installation, which paid from the account before."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url


@pytest.fixture
def paid_before(
    former: URL,
    embedded_server: URL,
    command_line_on: Callable[[URL], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[datetime]:
    """An account that another installation has paid a list from. Returns a time after that."""
    with fresh_database(embedded_server) as books_url:
        monkeypatch.setenv("SANDBOX_DATABASE_URL", books_url.render_as_string(hide_password=False))
        masspayout = command_line_on(former)
        assert (
            masspayout("sandbox", "token", TOKEN, "--name", "Dollar", "--symbol", "USD", "--decimals", "6").status == 0
        )
        assert masspayout("sandbox", "deposit", TOKEN, "50").status == 0
        Path("list.csv").write_text("account_id,amount\n0.0.20001,1.5\n0.0.20002,2.5\n")
        assert masspayout("pay", "list.csv", "--payment-token", TOKEN).status == 0
        yield datetime.now(UTC)


def test_what_was_before_stops_nobody_and_the_books_add_up(
    paid_before: datetime, database_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> None:
    masspayout = command_line_on(database_url)
    begun = masspayout("recover", "--payer", PAYER, "--since", paid_before.isoformat(), *REASON)
    assert begun.status == 0, begun
    assert f"The statement of {PAYER} begins at {paid_before:%Y-%m-%d %H:%M:%S} UTC" in begun.out

    Path("list.csv").write_text("account_id,amount\n0.0.20001,7\n")
    paid = masspayout("pay", "list.csv", "--payment-token", TOKEN)

    assert paid.status == 0, paid
    (balance,) = json.loads(masspayout("payer", "show", PAYER, "--json").out)["balances"]
    assert {name: int(balance[name]) for name in ("opening_units", "sent_units", "stated_units")} == {
        "opening_units": 46_000_000,
        "sent_units": 7_000_000,
        "stated_units": 39_000_000,
    }
    assert len(json.loads(masspayout("payer", "statement", PAYER, "--json").out)["items"]) == 1
    again = masspayout("recover", "--payer", PAYER, "--since", paid_before.isoformat(), *REASON)
    assert (again.status, "was begun before" in again.err) == (1, True)


def test_without_it_what_another_installation_paid_stops_the_payer(
    paid_before: datetime, database_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> None:
    assert paid_before
    found = command_line_on(database_url)("recover", "--payer", PAYER)
    assert (found.status, "1 payments that this database does not know" in found.out) == (1, True), found


def test_where_it_would_hide_something_it_is_refused(
    paid_before: datetime, former: URL, database_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> None:
    masspayout, since = command_line_on(database_url), ("--since", paid_before.isoformat())
    ahead = ("--since", (paid_before + timedelta(days=1)).isoformat())
    for given, sentence in {
        (since): "--since makes sense with --payer only",
        ("--payer", PAYER, *since): "The reason is missing",
        ("--payer", PAYER, *ahead, *REASON): "lies ahead",
        ("--payer", PAYER, *since, "--copy"): "--since makes sense with --payer only",
    }.items():
        refused = masspayout("recover", *given)
        assert refused.status in {1, 2}
        assert sentence in refused.err
    with copied_database(former) as restored:
        masspayout = command_line_on(restored)
        refused = masspayout("recover", "--payer", "0.0.4711", *since, *REASON)
        assert (refused.status, "The database was restored" in refused.err) == (1, True), refused
