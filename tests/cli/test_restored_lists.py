"""A list is paid, the database is put back to before that, and the same command is typed again: nothing is sent."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from command_line import CommandLine
from databases import copied_database, fresh_database
from evm_operator import operator_on
from masspayout.db.connecting import connect_arguments

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

TOKEN = "0.0.9000"
ACCOUNTS = [f"0.0.{number}" for number in range(20_001, 20_031)]


@pytest.fixture
def books_url(embedded_server: URL) -> Iterator[URL]:
    with fresh_database(embedded_server) as url:
        yield url


def transfers(books_url: URL) -> list[tuple[str, int]]:
    """Return what the sandbox's books say that each account got, every transaction by itself."""
    with psycopg.connect(**connect_arguments(books_url)) as connection:
        rows = connection.execute(
            """
            SELECT paid.account_id, paid.units FROM sandbox.ledger_transaction AS t,
                   unnest(t.accounts, t.amounts_units) AS paid (account_id, units)
             WHERE t.kind = 'TRANSFER' ORDER BY paid.account_id
            """
        ).fetchall()
    return [(account_id, int(units)) for account_id, units in rows]


def test_on_the_sandbox(
    books_url: URL,
    database_url: URL,
    command_line_on: Callable[[URL], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SANDBOX_DATABASE_URL", books_url.render_as_string(hide_password=False))
    monkeypatch.setenv("SANDBOX_VALID_SECONDS", "10")
    masspayout = command_line_on(database_url)
    assert masspayout("sandbox", "token", TOKEN, "--name", "Dollar", "--symbol", "USD", "--decimals", "6").status == 0
    # Enough for once: what was paid before must not be asked for again.
    assert masspayout("sandbox", "deposit", TOKEN, "50").status == 0
    Path("list.csv").write_text("account_id,amount\n" + "".join(f"{account},1.5\n" for account in ACCOUNTS))
    pay = ("pay", "list.csv", "--payment-token", TOKEN, "--concept", "March")
    with copied_database(database_url) as nightly:
        assert masspayout(*pay).status == 0
        paid = transfers(books_url)
        assert paid == [(account, 1_500_000) for account in ACCOUNTS]

        masspayout = command_line_on(nightly)
        doctor = masspayout("doctor")
        assert doctor.status == 1
        assert "It paid payouts before this database ever paid from it" in doctor.out
        again = masspayout(*pay)

    assert again.status == 0, again
    assert "The ledger shows payments of this list that the database does not know" in again.out
    assert "COMPLETED: 30 of 30 holders paid, 45.000000 of 45.000000." in again.out
    assert transfers(books_url) == paid


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with running_anvil(tmp_path_factory.mktemp("anvil")) as anvil:
        yield anvil


def test_on_an_evm_chain(
    anvil: Anvil,
    database_url: URL,
    command_line_on: Callable[[URL], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator = operator_on(anvil, command_line_on(database_url), monkeypatch)
    operator.deploy()
    operator.say("evm", "fund", "100")
    first, second = "0x" + "11" * 20, "0x" + "22" * 20
    Path("march.csv").write_text(f"account_id,amount\n{first},12.5\n{second},7.000000000000000001\n")
    pay = ("pay", "march.csv", "--payment-token", operator.token.address, "--concept", "March 2026")
    owed = [12_500_000_000_000_000_000, 7_000_000_000_000_000_001]
    with copied_database(database_url) as nightly:
        operator.say(*pay)
        assert operator.token.ask_all("balanceOf", [(first,), (second,)]) == owed
        sent = operator.sent()

        operator.run = command_line_on(nightly)
        assert operator.run("doctor").status == 1
        assert "COMPLETED: 2 of 2 holders paid" in operator.say(*pay)

    assert operator.token.ask_all("balanceOf", [(first,), (second,)]) == owed
    assert operator.sent() == sent
