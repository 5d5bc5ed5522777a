"""Every kind of bad input: a clear sentence, the exit status, and nothing half-written."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine, refused
from databases import fresh_database, run_sql
from masspayout.db.session import Database
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.registers import assets
from masspayout.settings import Settings, load_settings

TOKEN, ASSET = "0.0.7001", "0.0.5001"


@pytest.fixture(scope="module")
def funded_url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """A sandbox with an asset, a payment token, and a payer who holds 100; shared by tests that write nothing."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        asyncio.run(fund(url))
        yield url


@pytest.fixture(scope="module")
def imported_url(embedded_server: URL, funded_url: URL) -> Iterator[URL]:
    """The same, with the asset imported."""
    with fresh_database(embedded_server, template=str(funded_url.database)) as url:
        asyncio.run(import_it(url))
        yield url


async def fund(url: URL) -> None:
    ledger = SandboxLedger(url, Settings(_env_file=None))  # type: ignore[call-arg]
    await ledger.admin.create_token(
        ASSET, name="Bond", symbol="BND", decimals=0, holders=[("0.0.11", 100), ("0.0.12", 300)]
    )
    await ledger.admin.create_token(TOKEN, name="Dollar", symbol="USD", decimals=6)
    await ledger.admin.deposit(TOKEN, 100 * 10**6, "0.0.1001")
    await ledger.close()


async def import_it(url: URL) -> None:
    database, ledger = Database(url), SandboxLedger(url, Settings(_env_file=None))  # type: ignore[call-arg]
    asset = await assets.import_asset(database, ledger, ASSET, payment_token_id=TOKEN)
    await assets.sync(database, ledger, asset.id)
    await ledger.close()
    await database.close()


@pytest.fixture
def funded(funded_url: URL, command_line_on: Callable[[URL], CommandLine]) -> CommandLine:
    return command_line_on(funded_url)


@pytest.fixture
def imported(imported_url: URL, command_line_on: Callable[[URL], CommandLine]) -> CommandLine:
    return command_line_on(imported_url)


@pytest.fixture
def own_funded(
    embedded_server: URL, funded_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> Iterator[CommandLine]:
    """As ``funded``, in a database of its own to write to."""
    with fresh_database(embedded_server, template=str(funded_url.database)) as url:
        yield command_line_on(url)


@pytest.fixture
def own_imported(
    embedded_server: URL, imported_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> Iterator[CommandLine]:
    """As ``imported``, in a database of its own to write to."""
    with fresh_database(embedded_server, template=str(imported_url.database)) as url:
        yield command_line_on(url)


PAYOUT_LISTS = {
    "no header": ("0.0.11,5\n", ["no proper header on line 1"]),
    "empty": ("", ["is empty"]),
    "header only": ("account_id,amount\n", ["no payments"]),
    "all bad rows": (
        "account_id,amount\n0.0.11,5\nnobody,1\n0.0.12\n0.0.13,one\n0.0.14,1,2\n",
        [
            "4 bad rows",
            "line 3, account_id: 'nobody' is not a valid account id",
            "line 4: it has 1 field",
            "line 5, amount: 'one' is not an amount",
            "line 6: it has 3 fields",
        ],
    ),
    "twice": ("account_id,amount\n0.0.11,5\n0.0.12,1\n0.0.11,7\n", ["line 4", "0.0.11 is already on line 2"]),
    "twice in other letters": (
        f"account_id,amount\n0x{'ab' * 20},5\n0x{'AB' * 20},5\n",
        ["line 3", "is already on line 2"],
    ),
    "negative": ("account_id,amount\n0.0.11,-5\n", ["line 2, amount: The amount -5 is negative"]),
    "zero": ("account_id,amount\n0.0.11,0.0\n", ["line 2, amount: The amount 0.0 is zero"]),
    "over-precise": (
        "account_id,amount\n0.0.11,0.0000001\n",
        ["line 2, amount: The amount 0.0000001 has more decimals than the payment token, which has 6"],
    ),
    "wrong account": ("account_id,amount\n0x1234,5\n", ["line 2, account_id: '0x1234' is not a valid account id"]),
    "not text": ("account_id,amount\n0.0.11,\x005\n", ["line 2, amount"]),
}


@pytest.mark.parametrize("kind", PAYOUT_LISTS)
def test_a_bad_list_is_refused_whole(funded: CommandLine, kind: str) -> None:
    content, sentences = PAYOUT_LISTS[kind]
    Path("list.csv").write_text(content)
    refused(funded, "pay", "list.csv", "--payment-token", TOKEN, status=2, sentences=tuple(sentences))


def test_a_list_that_is_not_there_is_refused(funded: CommandLine) -> None:
    pay = ("pay", "absent.csv", "--payment-token", TOKEN)
    refused(funded, *pay, status=1, sentences=("There is no file absent.csv.",))
    Path("folder").mkdir()
    pay = ("pay", "folder", "--payment-token", TOKEN)
    refused(funded, *pay, status=2, sentences=("folder cannot be read: is a directory.",))


def test_an_unknown_token_is_refused(funded: CommandLine) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n")
    sentences = ("The sandbox has no token 0.0.404.",)
    refused(funded, "pay", "list.csv", "--payment-token", "0.0.404", status=1, sentences=sentences)
    refused(funded, "asset", "import", "0.0.404", status=1, sentences=sentences)
    refused(funded, "asset", "import", ASSET, "--payment-token", "0.0.404", status=1, sentences=sentences)


def test_a_token_id_of_the_wrong_form_is_refused(funded: CommandLine) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n")
    pay = ("pay", "list.csv", "--payment-token", "dollars")
    refused(funded, *pay, status=2, sentences=("'dollars' is not a valid payment token id.",))
    refused(funded, "asset", "import", "1.2", status=2, sentences=("'1.2' is not a valid token id.",))


def test_a_list_above_the_funds_is_refused_and_the_shortfall_named(funded: CommandLine) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,60.5\n0.0.12,40\n")
    refused(
        funded,
        "pay",
        "list.csv",
        "--payment-token",
        TOKEN,
        status=1,
        sentences=("0.0.1001 holds 100.000000", "100.500000 is due", "0.500000 is missing"),
    )


def test_accounts_that_cannot_receive_are_all_named_and_the_others_paid_on_request(own_funded: CommandLine) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n0.0.12,6\n0.0.13,7\n")
    own_funded("sandbox", "dissociate", "0.0.12", TOKEN)
    own_funded("sandbox", "freeze", "0.0.13", TOKEN)
    pay = ("pay", "list.csv", "--payment-token", TOKEN)
    sentences = (
        "2 of 3 accounts cannot receive 0.0.7001; no payment was sent.",
        "0.0.12: The account is not associated with the payment token.",
        "0.0.13: The account is frozen for the payment token.",
        "--allow-unpayable",
    )
    refused(own_funded, *pay, status=2, sentences=sentences)

    said = own_funded(*pay, "--allow-unpayable")
    assert said.status == 1
    assert "FAILED: 1 of 3 holders paid, 5.000000 of 18.000000." in said.out
    assert "They agree to the smallest unit" in said.out

    own_funded("sandbox", "associate", "0.0.12", TOKEN)
    own_funded("sandbox", "unfreeze", "0.0.13", TOKEN)
    said = own_funded(*pay)
    assert said.status == 0
    assert "COMPLETED: 3 of 3 holders paid, 18.000000 of 18.000000." in said.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--amount", "10"), "The payout type is missing"),
        (("--payout", "FIXED"), "The amount is missing"),
        (("--payout", "FIXED", "--amount", "0"), "0 is not an amount that can be paid out."),
        (("--payout", "FIXED", "--amount=-5"), "-5 is not an amount that can be paid out."),
        (("--payout", "FIXED", "--amount", "NaN"), "'NaN' is not a number."),
        (("--payout", "FIXED", "--amount", "1e3"), "'1e3' is not a number."),
        (("--payout", "FIXED", "--amount", "1,000"), "'1,000' is not a number."),
        (
            ("--payout", "PERCENTAGE", "--amount", "0.0000001"),
            "The amount 0.0000001 has more decimals than the payment token, which has 6.",
        ),
        (("--payout", "FIXED", "--amount", "9" * 100), "larger than any ledger can hold"),
        (("--payout", "FIXED", "--amount", "1", "--exclude", "me"), "'me' is not a valid account id."),
        (("--payout", "FIXED", "--amount", "1", "--record-time", "soon"), "'soon' is not a time."),
        (("--payout", "FIXED", "--amount", "0.000001"), "rounds down to zero"),
        (
            ("--payout", "FIXED", "--amount", "1", "--exclude", "0.0.11", "--exclude", "0.0.12"),
            "No holder is eligible",
        ),
        (("--list", "list.csv", "--amount", "5"), "--amount makes no sense beside --list"),
        (("--payout", "FIXED", "--amount", "1", "--execution", "RECURRING"), "Missing --frequency"),
    ],
)
def test_wrong_terms_are_refused(imported: CommandLine, options: tuple[str, ...], sentence: str) -> None:
    Path("list.csv").write_text("account_id,amount\n0.0.11,5\n")
    refused(imported, "distribution", "create", ASSET, *options, status=2, sentences=(sentence,))


def test_wrong_usage_is_told_with_status_2(imported: CommandLine) -> None:
    for arguments in (
        ("pay",),
        ("pay", "list.csv"),
        ("distribution", "create", ASSET, "--payout", "SOME"),
        ("distribution", "holders", "x", "--limit", "0"),
        ("nonsense",),
    ):
        refused(imported, *arguments, status=2, sentences=("--help",))


def test_what_is_not_there_is_told_with_status_1(imported: CommandLine) -> None:
    for arguments, sentence in (
        (("asset", "show", "0.0.404"), "There is no asset '0.0.404'."),
        (("asset", "sync", "somewhat"), "There is no asset 'somewhat'."),
        (("distribution", "show", "that"), "There is no payout 'that'."),
        (("distribution", "execute", "that"), "There is no payout 'that'."),
        (("reconcile", "0197f000-0000-7000-8000-000000000000"), "There is no payout 0197f000"),
    ):
        refused(imported, *arguments, status=1, sentences=(sentence,))


def test_finished_and_cancelled_distributions_are_not_executed_again(own_imported: CommandLine) -> None:
    create = ("distribution", "create", ASSET, "--payout", "FIXED", "--amount", "10", "--json")
    finished, cancelled = (own_imported(*create).id for _ in range(2))
    assert own_imported("distribution", "execute", finished, "--wait").status == 0
    assert own_imported("distribution", "cancel", cancelled).status == 0
    for move, moved in (("execute", "executed"), ("retry", "retried"), ("cancel", "cancelled")):
        for distribution, status in ((finished, "COMPLETED"), (cancelled, "CANCELLED")):
            sentence = f"Payout {distribution} cannot be {moved}: it is {status}."
            refused(
                own_imported,
                "distribution",
                move,
                distribution,
                status=1,
                sentences=(sentence,),
            )


def test_funds_that_do_not_suffice_start_nothing(own_imported: CommandLine) -> None:
    create = ("distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "100.25", "--json")
    distribution = own_imported(*create).id
    execute = ("distribution", "execute", distribution, "--wait")
    refused(own_imported, *execute, status=1, sentences=("0.250000 is missing",))
    assert '"status": "PENDING"' in own_imported("distribution", "show", distribution, "--json").out


def test_an_asset_without_payment_token_cannot_be_paid_on(own_funded: CommandLine) -> None:
    assert own_funded("asset", "import", ASSET).status == 0
    create = ("distribution", "create", ASSET, "--payout", "FIXED", "--amount", "10")
    refused(own_funded, *create, status=1, sentences=("has no payment token", "--payment-token"))


def test_a_file_that_cannot_be_written_is_told(own_imported: CommandLine) -> None:
    create = ("distribution", "create", ASSET, "--payout", "FIXED", "--amount", "10", "--json")
    distribution = own_imported(*create).id
    holders = ("distribution", "holders", distribution, "--csv", "absent/file.csv")
    refused(
        own_imported,
        *holders,
        status=2,
        sentences=("absent/file.csv cannot be written: no such file or directory.",),
    )


def test_a_database_that_does_not_answer_is_told(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "127.0.0.1")
    monkeypatch.setenv("DATABASE_PORT", "1")
    for arguments in (("asset", "list"), ("distribution", "list"), ("db", "current"), ("worker", "--until-idle")):
        said = command_line(*arguments)
        assert said.status == 1
        assert said.err.startswith("error: No PostgreSQL server answers at 127.0.0.1:1.")
        assert "\nhint: " in said.err
        assert "Traceback" not in said.err


def test_a_database_of_a_newer_version_is_left_alone(command_line: CommandLine, database_url: URL) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    for arguments in (("asset", "list"), ("db", "upgrade"), ("worker", "--until-idle")):
        refused(command_line, *arguments, status=1, sentences=("newer",))


def test_a_database_that_was_not_migrated_is_told(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_NAME", "postgres")
    said = command_line("asset", "list")
    assert said.status == 1
    assert "masspayout db upgrade" in said.err


def test_settings_that_are_wrong_are_all_named(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "0")
    monkeypatch.setenv("LEDGER", "moon")
    monkeypatch.setenv("PAYER_ACCOUNT_ID", "banana")
    said = command_line("asset", "list")
    assert said.status == 2
    assert "BATCH_SIZE='0'" in said.err
    assert "LEDGER='moon'" in said.err
    assert "PAYER_ACCOUNT_ID='banana': 'banana' is not a valid account id" in said.err


def test_settings_that_are_empty_are_as_if_they_were_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("DATABASE_PORT=\nDATA_DIR=\n")
    monkeypatch.setenv("DATABASE_HOST", "")
    settings = load_settings()
    assert settings.uses_embedded_database
    assert settings.data_dir.is_absolute()


def test_what_began_on_another_ledger(
    embedded_server: URL, imported_url: URL, command_line_on: Callable[[URL], CommandLine]
) -> None:
    with fresh_database(embedded_server, template=str(imported_url.database)) as url:
        command_line = command_line_on(url)
        create = ("distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "100", "--json")
        dividend = command_line(*create).id
        assert command_line("sandbox", "init", "--reset").status == 0
        began = (f"Payout {dividend} began on the ledger sandbox:", "lead to sandbox:", "LEDGER=sandbox")
        refused(command_line, "distribution", "execute", dividend, "--wait", status=1, sentences=began)
        refused(command_line, "distribution", "preview", dividend, status=1, sentences=began)
        refused(command_line, "reconcile", dividend, status=1, sentences=began)
        imported = (f"Asset {ASSET} was imported from the ledger sandbox:", "masspayout doctor")
        refused(command_line, "asset", "sync", ASSET, status=1, sentences=imported)
