"""Listeners, timers and workers as a user has them, with a real worker process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from command_line import CommandLine, Said, environment, rows_of

ASSET, DOLLAR, PAYER, CONTRACT = "0.0.5000", "0.0.9000", "0.0.1001", "0.0.6000"


@pytest.fixture
def market(command_line: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line, with an asset that three accounts hold and a payment token."""
    holders = tmp_path / "holders.csv"
    holders.write_text("account_id,balance\n0.0.2001,100\n0.0.2002,200\n0.0.2003,300\n")
    bond = ("--name", "Green Bond", "--symbol", "GRB", "--decimals", "2")
    dollar = ("--name", "Test Dollar", "--symbol", "TUSD", "--decimals", "6")
    for arguments in (
        ("sandbox", "token", ASSET, *bond, "--holders", str(holders)),
        ("sandbox", "token", DOLLAR, *dollar),
        ("asset", "import", ASSET, "--payment-token", DOLLAR, "--lifecycle-contract", CONTRACT),
    ):
        assert command_line(*arguments).status == 0
    return command_line


@contextmanager
def worker(url: URL) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process that is told to stop at the end, and stops in good order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "masspayout", "worker"],
        env={**os.environ, **environment(url)},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()


def ask(command_line: CommandLine, *arguments: str) -> Any:
    said = command_line(*arguments, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def wait_for(command_line: CommandLine, *arguments: str, until: Any) -> Any:
    """Ask again until the answer is as wanted; it fails by the test's own time limit only."""
    while not until(found := ask(command_line, *arguments)):
        time.sleep(0.2)
    return found


def test_a_deposit_becomes_a_paid_and_reconciled_payout(market: CommandLine, database_url: URL) -> None:
    create = ("distribution", "create", ASSET, "--execution", "AUTOMATIC", "--payout", "PERCENTAGE")
    assert market(*create, "--trigger", "ON_DEPOSIT >= 1000").status == 0
    assert market("listener", "add", PAYER).status == 1
    with worker(database_url):
        for amount in ("999", "1234.5"):
            assert market("sandbox", "deposit", DOLLAR, amount).status == 0
        completed = ("distribution", "list", "--status", "COMPLETED")
        (paid,) = wait_for(market, *completed, until=lambda found: found["total"])["items"]

    assert (paid["execution_type"], paid["amount"]) == ("AUTOMATIC", "1234.500000")
    assert "They agree to the smallest unit." in market("reconcile", paid["id"]).out
    (listener,) = [each for each in ask(market, "listener", "list")["items"] if each["contract_id"] == PAYER]
    assert (listener["handled"], listener["set_aside"], listener["error"]) == (2, 0, None)


def test_a_payment_that_is_sent_back_is_counted_and_starts_nothing(market: CommandLine) -> None:
    market("sandbox", "deposit", DOLLAR, "600")
    dividend = ("distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "600", "--json")
    assert market("distribution", "execute", market(*dividend).id, "--wait").status == 0
    automatic = ("--execution", "AUTOMATIC", "--payout", "PERCENTAGE", "--trigger", "ON_DEPOSIT")
    assert market("distribution", "create", ASSET, *automatic).status == 0
    assert market("sandbox", "deposit", DOLLAR, "100", "--from", "0.0.2001").status == 0
    too_much = market("sandbox", "deposit", DOLLAR, "0.000001", "--from", "0.0.2001")
    assert (too_much.status, "0.0.2001 holds less than" in too_much.err) == (1, True)
    assert market("listener", "poll", PAYER).status == 0

    assert "1 deposits are payments sent back" in " ".join(market("listener", "list").out.split())
    assert ask(market, "listener", "list")["items"][0]["refunds"] == 1
    assert ask(market, "distribution", "list")["total"] == 1


def test_a_paused_contract_and_a_timer_reach_the_worker(market: CommandLine, database_url: URL) -> None:
    assert market("listener", "add", CONTRACT).status == 0
    assert market("sandbox", "emit", CONTRACT, "Paused").status == 0
    assert market("asset", "sync", ASSET, "--every", "1h").status == 0
    before = ask(market, "asset", "show", ASSET)["last_synced_at"]
    with worker(database_url):
        show = ("asset", "show", ASSET)
        wait_for(market, *show, until=lambda found: found["contract_paused"] and found["last_synced_at"] > before)
        market("sandbox", "deposit", DOLLAR, "1000")
        plan = market("distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "600", "--json").id
        refused = market("distribution", "execute", plan)
        assert (refused.status, "is paused" in refused.err) == (1, True)
        assert market("sandbox", "emit", CONTRACT, "Unpaused").status == 0
        wait_for(market, *show, until=lambda found: not found["contract_paused"])
        assert market("distribution", "execute", plan, "--wait").status == 0
    assert market("asset", "sync", ASSET, "--off").status == 0
    assert ask(market, "asset", "show", ASSET)["sync_every_seconds"] is None


def test_what_was_set_aside_is_shown_and_handled_again(market: CommandLine) -> None:
    market("listener", "add", CONTRACT)
    market("sandbox", "emit", CONTRACT, "PaymentTokenChanged", "token_id=0.0.9100")
    polled = market("listener", "poll", CONTRACT)
    assert (polled.status, "0 handled, 1 set aside" in polled.out) == (1, True)
    listed = market("listener", "list")
    assert "PaymentTokenChanged: The sandbox has no token 0.0.9100" in " ".join(listed.out.split())
    assert f"masspayout listener replay {CONTRACT}" in listed.out

    market("sandbox", "token", "0.0.9100", "--name", "Test Euro", "--symbol", "TEUR", "--decimals", "2")
    replayed = market("listener", "replay", CONTRACT)

    assert (replayed.status, "1 handled, 0 set aside" in replayed.out) == (0, True)
    assert ask(market, "asset", "show", ASSET)["payment_token_id"] == "0.0.9100"


def test_a_listener_is_switched_off_and_on(market: CommandLine) -> None:
    market("listener", "add", CONTRACT)
    assert "switched off" in market("listener", "disable", CONTRACT).out
    refused = market("listener", "poll", CONTRACT)
    assert (refused.status, f"masspayout listener enable {CONTRACT}" in refused.err) == (1, True)
    assert "switched on" in market("listener", "enable", CONTRACT).out
    assert market("listener", "poll", CONTRACT).status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("listener", "add", "0.0"), 2, "'0.0' is not a valid contract id"),
        (("listener", "add", CONTRACT, "--since", "soon"), 2, "'soon' is not a time"),
        (("listener", "enable", "0.0.7"), 1, "There is no listener for 0.0.7"),
        (("listener", "disable", "0.0.7"), 1, "There is no listener for 0.0.7"),
        (("listener", "poll", "0.0.7"), 1, "There is no listener for 0.0.7"),
        (("listener", "replay", "0.0.7"), 1, "There is no listener for 0.0.7"),
        (("asset", "sync", ASSET, "--every", "soon"), 2, "'soon' is not a duration"),
        (("asset", "sync", ASSET, "--every", "59"), 2, "cannot be read every 59 seconds"),
        (("asset", "sync", ASSET, "--every", "1h", "--off"), 2, "--every and --off contradict each other"),
        (("asset", "sync", "0.0.7", "--off"), 1, "There is no asset '0.0.7'"),
        (("sandbox", "emit", "0.0", "Paused"), 2, "'0.0' is not a valid contract id"),
        (("sandbox", "emit", CONTRACT, "Paused", "why"), 2, "'why' is not a field of an event"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    market: CommandLine, database_url: URL, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    before = rows_of(database_url)
    said: Said = market(*arguments)
    assert (said.status, sentence in said.err) == (status, True), said.err
    assert rows_of(database_url) == before


def test_a_listener_is_added_once(market: CommandLine) -> None:
    assert market("listener", "add", CONTRACT).status == 0
    again = market("listener", "add", CONTRACT)
    assert (again.status, "already" in again.err) == (1, True)


def test_the_status_of_workers_when_there_is_none(market: CommandLine) -> None:
    assert ask(market, "worker", "status") == {
        "workers": [],
        "jobs": {"waiting": 0, "doing": 0, "failed": 0},
        "distributions": [],
    }
    assert "No worker is running" in market("worker", "status").out
