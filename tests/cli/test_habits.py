"""Habits of the command line: what was learnt at one command holds at all of them."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from typer.core import TyperArgument, TyperOption

from command_line import CommandLine, environment, refused
from commands import commands, options_of

ASSET, TOKEN, CONTRACT = "0.0.5001", "0.0.7001", "0.0.6001"
NOBODY = "0197f000-0000-7000-8000-000000000000"
LIBRARY_WORDS = re.compile(
    r"Usage:|Error:|Missing (option|argument|parameter)|Invalid value|No such|Input should|Value error|requires an|"
    r"unexpected extra|Aborted"
)
# Those that run until they are told to stop, and the demo, which tells a story.
WITHOUT_DATA = {"demo", "serve", "up", "worker"}

COMMANDS_THAT_LIST = {
    "asset list": (),
    "asset holders": (ASSET,),
    "audit list": (),
    "db history": (),
    "distribution batches": ("latest",),
    "distribution holders": ("latest",),
    "distribution list": (),
    "listener list": (),
    "payer list": (),
    "payer statement": ("0.0.1001",),
    "policy history": (),
    "proposal list": (),
    "sandbox transactions": (),
    "series list": (),
    "token list": (),
    "user list": (),
    "webhook deliveries": (),
    "webhook list": (),
}
NAMES_OF_THOSE = re.compile(r"(list|history|holders|batches|deliveries|statement|transactions)$")


@pytest.fixture
def market(command_line: CommandLine) -> CommandLine:
    """An asset with two holders, and a payer with money."""
    Path("holders.csv").write_text("account_id,balance\n0.0.11,100\n0.0.12,300\n")
    sandbox = ("--decimals", "0", "--holders", "holders.csv")
    assert command_line("sandbox", "token", ASSET, "--name", "Bond", "--symbol", "BND", *sandbox).status == 0
    command_line("sandbox", "token", TOKEN, "--name", "Dollar", "--symbol", "USD", "--decimals", "6")
    command_line("sandbox", "deposit", TOKEN, "1000")
    assert command_line("asset", "import", ASSET, "--payment-token", TOKEN).status == 0
    return command_line


def values(command_line: CommandLine, *arguments: str) -> Any:
    said = command_line(*arguments, "--json")
    assert said.status == 0, said
    return json.loads(said.out)


def create(command_line: CommandLine, *options: str) -> str:
    terms = ("--payout", "FIXED", "--amount", "10", *options)
    return str(values(command_line, "distribution", "create", ASSET, *terms)["id"])


def beginning(one: str, other: str) -> str:
    """The shortest beginning of an id that another one has not, of four characters or more."""
    common = next(position for position, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    return one[: max(4, common + 1)]


def test_a_distribution_is_known_by_the_beginning_of_its_id_and_the_newest_as_latest(market: CommandLine) -> None:
    first, second = create(market), create(market)
    assert values(market, "distribution", "show", beginning(first, second))["id"] == first
    assert values(market, "distribution", "show", beginning(second, first).upper())["id"] == second
    assert values(market, "distribution", "show", "latest")["id"] == second
    assert values(market, "distribution", "cancel", "latest") == {"id": second, "status": "CANCELLED"}
    assert market("distribution", "execute", beginning(first, second), "--wait").status == 0
    assert market("reconcile", beginning(first, second)).status == 0

    show = ("distribution", "show")
    refused(market, *show, first[:4], status=2, sentences=(f"Several ids begin with '{first[:4]}'", first, second))
    refused(market, *show, first[:3], status=1, sentences=(f"'{first[:3]}' is too short for an id.",))
    refused(market, *show, "ffff", status=1, sentences=("There is no payout 'ffff'.",))
    refused(market, *show, NOBODY, status=1, sentences=(f"There is no payout {NOBODY}.",))


def test_whatever_has_an_id_is_known_by_its_beginning_and_as_latest(
    market: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    refused(market, "series", "show", "latest", status=1, sentences=("There is no series yet.",))
    series = ("--execution", "AUTOMATIC", "--trigger", "ON_DEPOSIT")
    ids = {"series": create(market, *series)}
    ids["webhook"] = values(market, "webhook", "add", "http://127.0.0.1:9/payouts")["id"]
    token = values(market, "token", "create", "treasury")
    asset_id = values(market, "asset", "show", ASSET)["id"]
    listeners = values(market, "listener", "list")["items"]

    for reference in ("latest", ids["series"][:9]):
        assert values(market, "series", "pause", reference)["status"] == "PAUSED"
        assert values(market, "series", "resume", reference)["status"] == "ACTIVE"
    for reference in ("latest", ids["webhook"][:9]):
        assert values(market, "webhook", "disable", reference)["enabled"] is False
    for reference in ("latest", asset_id[:9], asset_id):
        assert values(market, "asset", "show", reference)["token_id"] == ASSET
    for reference in ("latest", listeners[0]["id"][:9], listeners[0]["contract_id"]):
        assert values(market, "listener", "disable", reference)["contract_id"] == listeners[0]["contract_id"]
    assert values(market, "token", "revoke", token["prefix"][:6])["id"] == token["id"]
    refused(market, "token", "revoke", "latest", status=1, sentences=("is revoked already",))
    refused(market, "token", "revoke", token["id"][:9], status=1, sentences=("is revoked already",))
    refused(market, "webhook", "redeliver", "latest", status=1, sentences=("There is no delivery yet.",))


def test_an_asset_is_known_by_its_symbol_where_no_other_has_it(market: CommandLine) -> None:
    assert values(market, "asset", "show", "bnd")["token_id"] == ASSET
    assert values(market, "distribution", "create", "Bnd", "--payout", "FIXED", "--amount", "1")["status"] == "PENDING"
    assert values(market, "distribution", "list", "--asset", "bnd")["total"] == 1
    assert values(market, "series", "list", "--asset", "BND")["total"] == 0
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n")
    pay = ("pay", "list.csv", "--payment-token", TOKEN)
    assert values(market, *pay, "--asset", "bnd")["status"] == "COMPLETED"
    refused(market, *pay, "--asset", "none", status=1, sentences=("There is no asset 'none'.",))

    market("sandbox", "token", "0.0.5002", "--name", "Other", "--symbol", "bnd", "--decimals", "0")
    market("asset", "import", "0.0.5002")
    sentence = f"Several tokens have the symbol 'Bnd': {ASSET}, 0.0.5002."
    refused(market, "asset", "show", "Bnd", status=2, sentences=(sentence,))
    market("sandbox", "token", "0.0.5003", "--name", "Other", "--symbol", "0.0.404", "--decimals", "0")
    market("asset", "import", "0.0.5003")
    refused(market, "asset", "show", "0.0.404", status=1, sentences=("There is no asset '0.0.404'.",))


def test_values_of_enumerations_are_typed_in_any_case(market: CommandLine) -> None:
    made = values(
        market,
        *("distribution", "create", ASSET, "--type", "coupon", "--payout", "Percentage", "--amount", "10"),
        *("--execution", "manual"),
    )
    assert (made["type"], made["payout_type"]) == ("COUPON", "PERCENTAGE")
    assert values(market, "distribution", "list", "--status", "pending")["total"] == 1
    assert values(market, "token", "create", "treasury", "--role", "VIEWER")["role"] == "viewer"
    status = ("distribution", "list", "--status", "done")
    sentences = ("--status cannot be 'done'.", "Use PENDING, PROCESSING, COMPLETED, FAILED or CANCELLED.")
    refused(market, *status, status=2, sentences=sentences)
    role = ("user", "role", "ana", "boss")
    sentences = ("ROLE cannot be 'boss'.", "Use viewer, operator, approver or admin.")
    refused(market, *role, status=2, sentences=sentences)


@pytest.mark.parametrize(
    ("typed", "sentence", "next_step"),
    [
        ("pay", "Missing FILE.csv.", "Add FILE.csv: "),
        ("pay list.csv", "Missing --payment-token.", "Add --payment-token …: the token to pay in."),
        ("distribution show", "Missing DISTRIBUTION.", "Add DISTRIBUTION: the distribution's id"),
        ("distribution holders x --limit 0", "--limit cannot be '0'.", "Use a whole number from 1 to 1,000."),
        ("distribution holders x --page one", "--page cannot be 'one'.", "Use a whole number of 1 or more."),
        ("sandbox advance soon", "SECONDS cannot be 'soon'.", "Use a number."),
        ("distribution create x --payout", "Missing the value of --payout.", "Write --payout …, with the value"),
        ("asset list --json=yes", "--json takes no value.", "Write --json alone."),
        ("pay list.csv --payment-tokn x", "There is no option --payment-tokn.", "Did you mean --payment-token?"),
        ("pay list.csv -x", "There is no option -x.", "See: masspayout pay --help"),
        ("asset list one two", "There is no place for 'one two'.", "Leave it out"),
        ("distribution creat", "There is no command 'creat'.", "Did you mean create"),
        ("worker stat", "There is no command 'stat'.", "Did you mean status?"),
        ("nonsense", "There is no command 'nonsense'.", "See: masspayout --help"),
        ("--colour", "There is no option --colour.", "See: masspayout --help"),
    ],
)
def test_wrong_usage_is_told_in_our_words(command_line: CommandLine, typed: str, sentence: str, next_step: str) -> None:
    said = command_line(*typed.split())
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"error: {sentence}\nhint: {next_step}"), said.err
    assert not LIBRARY_WORDS.search(said.err)


@pytest.mark.parametrize("name", commands())
def test_no_command_lets_words_of_a_library_out(command_line: CommandLine, name: str) -> None:
    command = commands()[name]
    arguments = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
    options = [parameter for parameter in command.params if isinstance(parameter, TyperOption)]
    ways: list[tuple[str, ...]] = [
        ("--no-such-option",),
        *((option.opts[-1],) for option in options if not option.is_flag),
    ]
    if any(parameter.required for parameter in command.params):
        ways.append(())
    ways += [
        (*("1" for _ in arguments), option.opts[-1], "nonsense")
        for option in options
        if option.type_descriptor.is_choice or option.type_descriptor.annotation in (int, float)
    ]
    for way in ways:
        said = command_line(*name.split(), *way)
        assert (said.status, said.out) == (2, ""), (way, said)
        assert said.err.startswith("error: "), (way, said.err)
        assert "\nhint: " in said.err
        assert not LIBRARY_WORDS.search(said.err), said.err


def test_every_command_that_prints_data_prints_it_as_json_too() -> None:
    assert {name for name, command in commands().items() if "--json" not in options_of(command)} == WITHOUT_DATA


def test_every_list_is_among_those_whose_shape_is_tried() -> None:
    assert {name for name in commands() if NAMES_OF_THOSE.search(name)} == set(COMMANDS_THAT_LIST)


def test_lists_have_one_shape(market: CommandLine) -> None:
    create(market)
    assert market("distribution", "execute", "latest", "--wait").status == 0
    assert market("recover").status == 0
    for name, arguments in COMMANDS_THAT_LIST.items():
        found = values(market, *name.split(), *arguments)
        assert set(found) == {"items", "total"}, name
        assert isinstance(found["total"], int), name
        assert len(found["items"]) <= found["total"], name
    assert values(market, "payer", "statement", "0.0.1001", "--limit", "1")["total"] == 1
    transactions = values(market, "sandbox", "transactions", "--limit", "1")
    assert (len(transactions["items"]), transactions["total"] > 1) == (1, True)


def test_progress_and_sentences_go_beside_the_json(market: CommandLine) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n")
    said = market("pay", "list.csv", "--payment-token", TOKEN, "--json")
    paid = json.loads(said.out)
    assert (paid["status"], paid["paid_count"], paid["reconciliation"]["agrees"]) == ("COMPLETED", 1, True)
    assert f"Payout {paid['id']}" in said.err
    assert "paying: 1 of 1 holders" in said.err

    assert values(market, "distribution", "execute", create(market))["status"] == "PROCESSING"
    market("sandbox", "freeze", "0.0.11", TOKEN)
    said = market("distribution", "execute", create(market), "--wait", "--json")
    failed = json.loads(said.out)
    assert (said.status, failed["failures"]) == (1, {"ACCOUNT_FROZEN_FOR_TOKEN": 1})


@pytest.mark.parametrize("columns", [80, 130, 150, 200])
def test_ids_and_amounts_stay_whole_in_a_terminal(
    market: CommandLine, database_url: URL, tmp_path: Path, columns: int
) -> None:
    concept = "A dividend for all who held the bond at the end of the year"
    made = create(market, "--concept", concept)
    assert market("distribution", "execute", made, "--wait").status == 0
    shown = in_terminal(columns, database_url, tmp_path, "distribution", "list")
    assert made in shown
    assert "10.000000" in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert set(concept.split()) <= set(shown.split())
    batches = in_terminal(columns, database_url, tmp_path, "distribution", "batches", "latest")
    (batch,) = values(market, "distribution", "batches", "latest")["items"]
    assert batch["transaction_id"] in batches
    assert "10.000000" in batches
    assert values(market, "distribution", "show", "latest")["register_hash"] in in_terminal(
        columns, database_url, tmp_path, "distribution", "show", "latest"
    )


def test_a_table_that_is_piped_has_its_full_width(market: CommandLine) -> None:
    concept = "A dividend " * 30
    made = create(market, "--concept", concept)
    (line,) = [line for line in market("distribution", "list").out.splitlines() if made in line]
    assert concept.strip() in line


def in_terminal(columns: int, url: URL, directory: Path, *arguments: str) -> str:
    """Run a command in a terminal of a width, and return what it shows, without colours."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "masspayout", *arguments],
        env={**os.environ, **environment(url), "TERM": "xterm"},
        cwd=directory,
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
