"""The main job, from the command line: a list is paid once, whatever happens to the process that pays it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from command_line import CommandLine, environment, nobody_reads
from databases import allow_connections, refuse_connections, run_sql
from masspayout.db.connecting import connect_arguments
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings
from shared_data import shared_file

TOKEN = "0.0.7001"


async def fund(url: URL, amount: int) -> None:
    ledger = SandboxLedger(url, Settings(_env_file=None))  # type: ignore[call-arg]
    await ledger.admin.create_token(TOKEN, name="Dollar", symbol="USD", decimals=6)
    await ledger.admin.deposit(TOKEN, amount * 10**6, "0.0.1001")
    await ledger.close()


def received_units(url: URL) -> dict[str, int]:
    """What the sandbox's own books say that everybody but the payer and the treasury holds."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute(
            "SELECT account_id, balance_units FROM sandbox.holding "
            "WHERE token_id = %s AND account_id NOT IN ('0.0.1001', '0.0.1000')",
            [TOKEN],
        )
        return {account: int(units) for account, units in rows}


def listed_units(file: Path) -> dict[str, int]:
    rows = (line.split(",") for line in file.read_text().splitlines()[1:])
    return {account.lower(): int(Decimal(amount) * 10**6) for account, amount in rows}


def hold_back(url: URL, *, after: int) -> None:
    """Let the batches after a number wait as soon as they are made, as if somebody else were paying them."""
    run_sql(
        url,
        """CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN NEW.claimed_until := now() + interval '1 day'; RETURN NEW; END $$""",
        f"""CREATE TRIGGER hold_back BEFORE INSERT ON batch_payout FOR EACH ROW
            WHEN (NEW.batch_number > {after}) EXECUTE FUNCTION hold_back()""",
    )


def let_go(url: URL) -> None:
    run_sql(url, "DROP FUNCTION hold_back() CASCADE", "UPDATE batch_payout SET claimed_until = NULL")


def end_half_way(end: Callable[["subprocess.Popen[str]"], object], url: URL, *arguments: str) -> tuple[int, str]:
    """Run a payment in a process of its own, which ends when it says that it is half-way. Return how, and its words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "masspayout", *arguments],
        env={**os.environ, **environment(url)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            done = re.match(r"paying: ([\d,]+) of ([\d,]+)", line)
            if done and 2 * int(done[1].replace(",", "")) >= int(done[2].replace(",", "")):
                end(process)
                break
        words = process.stderr.read()
    return process.returncode, words


def test_a_real_list_is_paid_once_though_its_process_is_killed(database_url: URL, command_line: CommandLine) -> None:
    file = shared_file("payout-list-26093.csv")
    asyncio.run(fund(database_url, 300_000))
    pay = ("pay", str(file), "--payment-token", TOKEN)

    hold_back(database_url, after=200)
    status, _ = end_half_way(lambda process: process.kill(), database_url, *pay)
    assert status == -signal.SIGKILL
    assert 0 < len(received_units(database_url)) < 26_093
    let_go(database_url)

    said = command_line(*pay)
    assert said.status == 0, said
    assert "26,093 accounts, 262,998.504996 in all" in said.out
    assert "They agree to the smallest unit. No breaks." in said.out
    assert "COMPLETED: 26,093 of 26,093 holders paid, 262,998.504996 of 262,998.504996." in said.out
    assert received_units(database_url) == listed_units(file)
    assert sum(received_units(database_url).values()) == 262_998_504_996

    said = command_line(*pay)
    assert said.status == 1
    assert "This list was paid already, by payout" in said.err
    assert "--concept" in said.err
    assert sum(received_units(database_url).values()) == 262_998_504_996


@pytest.fixture
def payment(database_url: URL, command_line: CommandLine) -> tuple[str, ...]:
    """A payment of 20,000 holders, with money for it; it does not come to its end before it is let go."""
    asyncio.run(fund(database_url, 20_000))
    Path("list.csv").write_text("account_id,amount\n" + "".join(f"0.0.{n},1\n" for n in range(20_000, 40_000)))
    hold_back(database_url, after=150)
    return "pay", "list.csv", "--payment-token", TOKEN


def test_a_payment_that_is_interrupted_says_how_it_goes_on(
    database_url: URL, command_line: CommandLine, payment: tuple[str, ...]
) -> None:
    status, words = end_half_way(lambda process: process.send_signal(signal.SIGINT), database_url, *payment)
    assert status == 130
    assert "nothing is lost. It goes on with: masspayout worker" in words
    (paid,) = json.loads(command_line("distribution", "list", "--json").out)["items"]
    assert f"To stop it everywhere: masspayout distribution pause {paid['id']}" in words
    assert "Traceback" not in words
    let_go(database_url)
    assert command_line(*payment).status == 0
    assert len(received_units(database_url)) == 20_000


def test_a_payment_whose_database_goes_away_says_how_it_goes_on(
    database_url: URL, command_line: CommandLine, payment: tuple[str, ...]
) -> None:
    status, words = end_half_way(lambda _: refuse_connections(database_url), database_url, *payment)
    allow_connections(database_url)
    assert status == 1
    assert "nothing is lost. It goes on with: masspayout worker" in words
    assert "error: PostgreSQL at " in words
    assert "Traceback" not in words
    let_go(database_url)
    assert command_line(*payment).status == 0
    assert len(received_units(database_url)) == 20_000


def test_a_payment_whose_words_nobody_reads(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 100))
    Path("list.csv").write_text("account_id,amount\n0.0.11,1.5\n0.0.12,2\n")
    pay = (sys.executable, "-m", "masspayout", "pay", "list.csv", "--payment-token", TOKEN)
    with nobody_reads() as output:
        assert subprocess.run(pay, stdout=output, stderr=output, check=False).returncode == 0
        assert sum(received_units(database_url).values()) == 3_500_000
        assert subprocess.run(pay, stdout=output, stderr=output, check=False).returncode == 1
        (paid,) = json.loads(command_line("distribution", "list", "--json").out)["items"]
        assert paid["status"] == "COMPLETED"
        export = (sys.executable, "-m", "masspayout", "distribution", "holders", paid["id"], "--csv", "-")
        assert subprocess.run(export, stdout=output, check=False).returncode == 0


def test_ctrl_c_while_a_list_does_not_come(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 100))
    os.mkfifo("list.csv")
    pay = (sys.executable, "-m", "masspayout", "pay", "list.csv", "--payment-token", TOKEN)
    process = subprocess.Popen(pay, stderr=subprocess.PIPE)
    with Path("list.csv").open("w") as slow:  # waits until it is opened at the other end, too
        slow.write("account_id,amount\n0.0.11,")
        slow.flush()
        process.send_signal(signal.SIGINT)
        _, words = process.communicate()
    assert process.returncode == 130
    assert words == b""
    assert received_units(database_url) == {}
    assert "No payouts yet" in command_line("distribution", "list").out


def test_a_list_is_paid_again_only_for_another_concept(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 100))
    Path("list.csv").write_text(f"amount,account_id\n1.5,0.0.11\n2,0x{'AB' * 20}\n")
    Path("same.csv").write_text(f"account_id,amount\n0x{'ab' * 20},2.000\n\n0.0.11,1.50\n")
    assert command_line("pay", "list.csv", "--payment-token", TOKEN, "--concept", "May").status == 0
    assert command_line("pay", "same.csv", "--payment-token", TOKEN, "--concept", "May").status == 1
    assert command_line("pay", "same.csv", "--payment-token", TOKEN, "--concept", "June").status == 0
    assert received_units(database_url) == {"0.0.11": 3_000_000, "0x" + "ab" * 20: 4_000_000}


def test_two_processes_that_pay_the_same_list_pay_it_once(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 5000))
    file = Path("list.csv")
    file.write_text("account_id,amount\n" + "".join(f"0.0.{n},1.25\n" for n in range(20_000, 21_000)))
    arguments = [sys.executable, "-m", "masspayout", "pay", "list.csv", "--payment-token", TOKEN]
    processes = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    ends: Counter[int] = Counter()
    for process in processes:
        _, error = process.communicate()
        assert "Traceback" not in error
        ends[process.returncode] += 1
    assert set(ends) <= {0, 1}
    assert ends[0] >= 1
    assert received_units(database_url) == listed_units(file)


def test_breaks_in_the_books_are_told_with_status_1(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 100))
    Path("list.csv").write_text("account_id,amount\n0.0.11,1.5\n0.0.12,2\n")
    bond = ("0.0.8000", "--name", "Bond", "--symbol", "B", "--decimals", "0")
    assert command_line("sandbox", "token", *bond).status == 0
    assert command_line("asset", "import", "0.0.8000", "--payment-token", TOKEN).status == 0
    distribution = command_line("distribution", "create", "0.0.8000", "--list", "list.csv", "--json").id
    assert command_line("distribution", "execute", distribution, "--wait").status == 0
    assert command_line("sandbox", "faults", "--mirror-lag", "3600").status == 0
    said = command_line("reconcile", distribution)
    assert said.status == 1
    assert "The ledger's books are up to 3,600 s behind it, and 2 payments that it confirmed are not in them yet." in (
        " ".join(said.out.split())
    )
    assert f"Wait, then: masspayout reconcile {distribution}" in " ".join(said.out.split())
    assert command_line("sandbox", "faults", "--mirror-lag", "0").status == 0
    assert command_line("reconcile", distribution).status == 0
    run_sql(database_url, "UPDATE sandbox.ledger_transaction SET amounts_units = '{1500000,1}' WHERE kind = 'TRANSFER'")
    said = command_line("reconcile", distribution)
    assert said.status == 1
    assert "WRONG_AMOUNT 0.0.12 database 2.000000 ledger 0.000001" in said.out
    assert command_line("reconcile", distribution, "--json").status == 1


def test_a_list_in_another_token_leaves_what_the_asset_is_paid_in(database_url: URL, command_line: CommandLine) -> None:
    asyncio.run(fund(database_url, 100))
    Path("list.csv").write_text("account_id,amount\n0.0.11,1.5\n")
    assert (
        command_line("sandbox", "token", "0.0.8000", "--name", "Bond", "--symbol", "B", "--decimals", "0").status == 0
    )
    assert command_line("asset", "import", "0.0.8000", "--payment-token", "0.0.8000").status == 0
    assert command_line("pay", "list.csv", "--payment-token", TOKEN, "--asset", "0.0.8000").status == 0
    assert '"payment_token_id": "0.0.8000"' in command_line("asset", "show", "0.0.8000", "--json").out
    assert received_units(database_url) == {"0.0.11": 1_500_000}
