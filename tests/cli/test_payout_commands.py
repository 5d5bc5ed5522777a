"""The way of an asset and a distribution, command by command, as a user goes it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from command_line import CommandLine, refused
from databases import run_sql
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings

ASSET, TOKEN = "0.0.5001", "0.0.7001"
FROZEN = "0.0.22"


@pytest.fixture
def shop(database_url: URL, command_line: CommandLine) -> CommandLine:
    """An asset with three holders, a funded payer, and a holder who is frozen."""

    async def open_shop() -> None:
        ledger = SandboxLedger(database_url, Settings(_env_file=None))  # type: ignore[call-arg]
        holders = [("0.0.21", 100), (FROZEN, 200), ("0.0.23", 700)]
        await ledger.admin.create_token(ASSET, name="Bond", symbol="BND", decimals=2, holders=holders)
        await ledger.admin.create_token(TOKEN, name="Dollar", symbol="USD", decimals=6)
        await ledger.admin.deposit(TOKEN, 1000 * 10**6, "0.0.1001")
        await ledger.admin.freeze([FROZEN], TOKEN)
        await ledger.close()

    asyncio.run(open_shop())
    return command_line


def values(command_line: CommandLine, *arguments: str) -> Any:
    said = command_line(*arguments, "--json")
    assert said.status == 0, said
    return json.loads(said.out)


def test_an_asset_is_imported_listed_and_synced(shop: CommandLine) -> None:
    assert "No assets yet" in shop("asset", "list").out
    said = shop("asset", "import", ASSET)
    assert "Imported BND (0.0.5001) with 3 holders." in said.out
    assert "--payment-token" in said.out
    assert shop("asset", "import", ASSET, "--payment-token", TOKEN).out.count("\n") == 1
    (listed,) = values(shop, "asset", "list")["items"]
    shown = values(shop, "asset", "show", ASSET)
    assert listed == shown == values(shop, "asset", "show", listed["id"])
    assert (shown["total_supply"], shown["sync_status"]) == ("10.00", "SYNCED")
    assert shown["last_synced_at"].endswith("Z")
    shop("sandbox", "deposit", ASSET, "1.5", "--to", "0.0.24")
    assert "4 holders" in shop("asset", "sync", ASSET).out
    holders = values(shop, "asset", "holders", ASSET, "--limit", "2", "--page", "2")
    assert holders == {
        "items": [{"account_id": "0.0.23", "balance": "7.00"}, {"account_id": "0.0.24", "balance": "1.50"}],
        "total": 4,
    }
    assert "fewer pages" in shop("asset", "holders", ASSET, "--page", "9").out


def test_the_same_reference_is_refused_until_it_is_paid_again(shop: CommandLine, tmp_path: Path) -> None:
    shop("asset", "import", ASSET, "--payment-token", TOKEN)
    create = ("distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "5", "--reference")
    made = values(shop, *create, "INV-7")
    assert made["reference"] == "INV-7"
    assert "INV-7" in shop("distribution", "list").out
    assert "INV-7" in shop("distribution", "show", made["id"]).out
    said = shop(*create, "inv-7")
    assert (said.status, "with the reference 'inv-7' already" in said.err) == (1, True)
    assert "add --again 2, or give another --reference." in said.err
    assert values(shop, *create, "INV-7", "--again", "2")["id"] != made["id"]
    assert values(shop, *create, "INV-8")["reference"] == "INV-8"
    file = tmp_path / "march.csv"
    file.write_text("account_id,amount\n0.0.21,1\n")
    pay = ("pay", str(file), "--payment-token", TOKEN, "--reference")
    assert shop(*pay, "INV-7").status == 0
    said = shop(*pay, "inv-7")
    assert (said.status, "This list was paid already" in said.err) == (1, True)
    assert shop(*pay, "INV-8").status == 0
    assert shop(*pay, "INV-7", "--again", "2").status == 0


def test_a_dividend_is_created_reviewed_paid_mended_and_proven(shop: CommandLine) -> None:
    shop("asset", "import", ASSET, "--payment-token", TOKEN)
    assert "No payouts yet" in shop("distribution", "list").out
    assert "No matching payouts." in shop("distribution", "list", "--status", "FAILED").out
    dividend = values(shop, "distribution", "create", ASSET, "--payout", "PERCENTAGE", "--amount", "500")["id"]
    assert f"{FROZEN} would fail" in shop("distribution", "preview", dividend).out
    preview = values(shop, "distribution", "preview", dividend)
    assert (preview["total_amount"], preview["shortfall_amount"]) == ("500.000000", "0")
    assert (preview["takes_seconds"], preview["fee_amount"], preview["fee_symbol"]) == (1, "0", None)
    assert preview["unpayable"] == {FROZEN: "ACCOUNT_FROZEN_FOR_TOKEN"}

    said = shop("distribution", "execute", dividend, "--wait")
    assert said.status == 1
    assert "FAILED: 2 of 3 holders paid, 400.000000 of 500.000000." in said.out
    assert "1 ACCOUNT_FROZEN_FOR_TOKEN" in said.out
    assert f"masspayout distribution retry {dividend} --wait" in said.out
    (failed,) = values(shop, "distribution", "holders", dividend, "--failed")["items"]
    assert (failed["account_id"], failed["payment_amount"], failed["paid"]) == (FROZEN, "100.000000", False)
    assert failed["failure_code"] == "ACCOUNT_FROZEN_FOR_TOKEN"
    (batch,) = values(shop, "distribution", "batches", dividend)["items"]
    assert (batch["status"], batch["successful_payments"], batch["failed_payments"]) == ("FAILED", 2, 1)

    shop("sandbox", "unfreeze", FROZEN, TOKEN)
    assert shop("distribution", "retry", dividend, "--wait").status == 0
    verdict = values(shop, "reconcile", dividend)
    assert (verdict["agrees"], verdict["ledger_amount"], verdict["breaks"]) == (True, "500.000000", [])
    shown = values(shop, "distribution", "show", dividend)
    assert (shown["status"], shown["paid_count"], shown["failed_count"]) == ("COMPLETED", 3, 0)


def test_everybody_is_written_into_a_file_or_onto_the_screen(shop: CommandLine) -> None:
    shop("asset", "import", ASSET, "--payment-token", TOKEN)
    create = ("distribution", "create", ASSET, "--payout", "FIXED", "--amount", "100")
    dividend = values(shop, *create)["id"]
    shop("distribution", "execute", dividend, "--wait")
    assert "Wrote 3 holders to all.csv." in shop("distribution", "holders", dividend, "--csv", "all.csv").out
    written = Path("all.csv").read_text()
    assert written.splitlines() == [
        "account_id,balance,payment_amount,paid,failure_code,reference",
        "0.0.21,100,33.333333,true,,",
        "0.0.22,200,33.333333,false,ACCOUNT_FROZEN_FOR_TOKEN,",
        "0.0.23,700,33.333333,true,,",
    ]
    assert shop("distribution", "holders", dividend, "--csv", "-").out == written


def test_a_worker_pays_what_was_started_elsewhere_and_stops_when_idle(shop: CommandLine) -> None:
    shop("asset", "import", ASSET, "--payment-token", TOKEN)
    shop("sandbox", "unfreeze", FROZEN, TOKEN)
    Path("list.csv").write_text("account_id,amount\n0.0.31,1\n0.0.32,2\n")
    dividend = values(shop, "distribution", "create", ASSET, "--list", "list.csv", "--concept", "bonus")["id"]
    said = shop("distribution", "execute", dividend)
    assert "masspayout worker" in said.out
    assert shop("worker", "--until-idle").status == 0
    assert values(shop, "reconcile", dividend)["paid_amount"] == "3.000000"
    (listed,) = values(shop, "distribution", "list", "--asset", ASSET, "--status", "COMPLETED")["items"]
    assert (listed["id"], listed["concept"]) == (dividend, "bonus")


def test_rows_that_another_program_wrote_are_named_with_a_next_step(shop: CommandLine, database_url: URL) -> None:
    shop("asset", "import", ASSET, "--payment-token", TOKEN)
    terms = ("--payout", "FIXED", "--amount", "3", "--execution", "SCHEDULED", "--at", "2060-01-01T00:00")
    made = values(shop, "distribution", "create", ASSET, *terms)["id"]
    run_sql(
        database_url,
        f"UPDATE distribution SET scheduled_time = now() - interval '1 second' WHERE id = '{made}'",
        "INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount) "
        f"SELECT gen_random_uuid(), asset_id, id, '0.0.21', 100, 9 FROM distribution WHERE id = '{made}'",
    )
    sentences = (
        "has an amount of 3, and its rows in holder come to 9.000000",
        "masspayout distribution retry",
    )
    refused(shop, "distribution", "execute", made, status=1, sentences=sentences)
    assert shop("worker", "--until-idle").status == 0
    shown = values(shop, "distribution", "show", made)
    assert (shown["status"], shown["failure_code"]) == ("FAILED", "CANNOT_START")
    refused(shop, "distribution", "retry", made, status=1, sentences=sentences)
    run_sql(database_url, f"DELETE FROM holder WHERE distribution_id = '{made}'")
    assert "2 of 3 holders paid" in shop("distribution", "retry", made, "--wait").out
