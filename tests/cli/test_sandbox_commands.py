"""The sandbox's commands, run as a user runs them, against a real server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import URL
from typer.testing import CliRunner

from databases import fresh_database
from masspayout.cli import sandbox, sandbox_accounts
from masspayout.kernel.errors import Conflict, Invalid, InvalidRows, NotFound

ACCOUNT = "0x" + "ab" * 20
TOKEN = "0.0.5000"
Command = Callable[..., str]

app = typer.Typer()
app.add_typer(sandbox.app)
app.add_typer(sandbox_accounts.app)


@pytest.fixture(scope="module")
def sandbox_url(embedded_server: URL) -> Iterator[URL]:
    with fresh_database(embedded_server) as url:
        yield url


@pytest.fixture
def command(sandbox_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``masspayout sandbox …`` on an empty sandbox and return what it prints; its errors are raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_HOST", str(sandbox_url.query["host"]))
    monkeypatch.setenv("DATABASE_PORT", str(sandbox_url.query["port"]))
    monkeypatch.setenv("DATABASE_NAME", str(sandbox_url.database))

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    invoke("init", "--reset")
    return invoke


@pytest.fixture
def token(command: Command) -> str:
    command("token", TOKEN, "--name", "Pay", "--symbol", "PAY", "--decimals", "6", "--supply", "500.5")
    return TOKEN


def held(command: Command, account: str) -> str:
    return str(json.loads(command("balance", account, TOKEN, "--json"))["balance"])


def test_a_token_is_created_with_its_supply_in_the_treasury(command: Command, token: str) -> None:
    assert held(command, "0.0.1000") == "500.500000"
    with pytest.raises(Conflict):
        command("token", TOKEN, "--name", "Pay", "--symbol", "PAY", "--decimals", "6")


def test_a_deposit_goes_to_the_payer_unless_told(command: Command, token: str) -> None:
    command("deposit", TOKEN, "1250.75")
    command("deposit", TOKEN, "2", "--to", ACCOUNT.upper().replace("0X", "0x"))
    assert held(command, "0.0.1001") == "1250.750000"
    assert held(command, ACCOUNT) == "2.000000"


@pytest.mark.parametrize("amount", ["1.0000001", "0", "-1", "many"])
def test_a_wrong_amount_is_refused(command: Command, token: str, amount: str) -> None:
    with pytest.raises(Invalid):
        command("deposit", TOKEN, "--", amount)
    assert held(command, "0.0.1001") == "0.000000"


def test_holders_come_from_a_file(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "register.csv"
    file.write_text(f"account_id,balance\n0.0.11,1000000\n{ACCOUNT},1\n")
    command("token", TOKEN, "--name", "A", "--symbol", "A", "--decimals", "6", "--holders", str(file))
    assert held(command, "0.0.11") == "1.000000"
    assert held(command, ACCOUNT) == "0.000001"


def test_every_wrong_row_of_a_file_is_named_and_nothing_is_created(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "register.csv"
    file.write_text("account_id,balance\n0.0.11,5\nsomebody,1\n0.0.12,1.5\n0.0.13\n0.0.11,7\n0.0.14,-1\n")
    with pytest.raises(InvalidRows) as refusal:
        command("token", TOKEN, "--name", "A", "--symbol", "A", "--decimals", "6", "--holders", str(file))
    problems = refusal.value.problems
    assert [problem.split(":")[0] for problem in problems] == [
        "row 3, account_id",
        "row 4, balance",
        "row 5",
        "row 6, account_id",
        "row 7, balance",
    ]
    assert "row 2" in problems[3]
    with pytest.raises(NotFound):
        command("balance", "0.0.11", TOKEN)


@pytest.mark.parametrize("content", ["", "account,balance\n", b"\xff\xfe", 'account_id,balance\n"0.0.1"x,5\n'])
def test_a_file_that_is_none_is_refused(command: Command, tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "register.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Invalid):
        command("token", TOKEN, "--name", "A", "--symbol", "A", "--decimals", "6", "--holders", str(file))
    with pytest.raises(NotFound):
        command("token", TOKEN, "--name", "A", "--symbol", "A", "--decimals", "6", "--holders", "absent.csv")


def account_state(command: Command) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(command("account", ACCOUNT, "--json"))
    return state


def test_the_state_of_an_account_is_set_and_shown(command: Command, token: str) -> None:
    assert account_state(command) == {"account_id": ACCOUNT, "deleted": False, "holdings": []}
    command("freeze", ACCOUNT, TOKEN)
    command("dissociate", ACCOUNT)
    holding = {"token_id": TOKEN, "balance": "0.000000", "associated": False, "frozen": True}
    assert account_state(command)["holdings"] == [holding]
    command("unfreeze", ACCOUNT)
    command("associate", ACCOUNT, TOKEN)
    assert account_state(command)["holdings"] == [{**holding, "associated": True, "frozen": False}]
    command("delete", ACCOUNT)
    assert account_state(command)["deleted"]
    with pytest.raises(Conflict):
        command("deposit", TOKEN, "1", "--to", ACCOUNT)
    with pytest.raises(NotFound):
        command("freeze", ACCOUNT, "0.0.404")
    with pytest.raises(Invalid):
        command("freeze", "somebody")


def test_faults_are_set_one_by_one_and_switched_off(command: Command) -> None:
    assert "No faults are set." in command("faults")
    command("faults", "--lose-answers", "20", "--delay", "3", "--reject", ACCOUNT)
    command("faults", "--throttle", "5", "--reject", "0.0.9=ACCOUNT_DELETED")
    shown = json.loads(command("faults", "--json"))
    assert {name: value for name, value in shown.items() if value} == {
        "lose_answer_percent": 20,
        "delay_percent": 100,
        "delay_seconds": 3.0,
        "throttle_percent": 5,
        "rejections": {ACCOUNT: "TRANSFER_REVERTED", "0.0.9": "ACCOUNT_DELETED"},
    }
    with pytest.raises(Invalid):
        command("faults", "--reject", f"{ACCOUNT}=NONSENSE")
    assert "No faults are set." in command("faults", "--off")


def test_transactions_are_listed_newest_first(command: Command, token: str) -> None:
    command("deposit", TOKEN, "1.5")
    listed = json.loads(command("transactions", "--json"))["items"]
    assert [(one["kind"], one["amount"], one["paid"]) for one in listed] == [
        ("DEPOSIT", "1.500000", 1),
        ("CREATE", "500.500000", 1),
    ]
    newest = json.loads(command("transactions", "--limit", "1", "--json"))
    assert (len(newest["items"]), newest["total"]) == (1, 2)


def test_the_clock_is_advanced_and_never_set_back(command: Command) -> None:
    assert "UTC" in command("advance", "60")
    with pytest.raises(Invalid):
        command("advance", "--", "-60")


def test_a_token_is_paused_and_unpaused(command: Command, token: str) -> None:
    assert "is paused" in command("pause", TOKEN)
    assert "not paused" in command("unpause", TOKEN)
    with pytest.raises(NotFound):
        command("pause", "0.0.404")
