"""Approving on the command line, where the operating system says who it is."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine
from databases import run_sql
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings

TOKEN = "0.0.7001"
NOBODY = 65534


@pytest.fixture
def shop(database_url: URL, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A funded payer, and a rule that somebody else must approve."""

    async def fund() -> None:
        ledger = SandboxLedger(database_url, Settings(_env_file=None))  # type: ignore[call-arg]
        await ledger.admin.create_token(TOKEN, name="Dollar", symbol="USD", decimals=6)
        await ledger.admin.deposit(TOKEN, 1000 * 10**6, "0.0.1001")
        await ledger.close()

    asyncio.run(fund())
    monkeypatch.setenv("APPROVALS_REQUIRED", "1")
    Path("list.csv").write_text("account_id,amount\n0.0.31,1\n0.0.32,2\n")
    return command_line


def test_a_list_is_paid_when_somebody_else_approved(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    pay = ("pay", "list.csv", "--payment-token", TOKEN, "--concept", "March")
    said = shop(*pay)
    assert said.status == 1
    found = re.search(r"Payout (\S+): 2 accounts, 3\.000000 in all\.", said.out)
    assert found is not None
    distribution = found[1]
    assert "waits for 1 of 1 approval." in said.err
    assert f"masspayout distribution approve {distribution}" in said.err
    shown = json.loads(shop("distribution", "show", distribution, "--json").out)
    assert (shown["waits"], shown["approvals"], shown["status"]) == ("waits for 1 of 1 approval", [], "PENDING")
    assert "waits for 1 of 1 approval" in shop("distribution", "list").out
    assert f"masspayout distribution approve {distribution}" in shop("distribution", "show", distribution).out

    approve = ("distribution", "approve", distribution)
    asked = shop(*approve)
    assert (asked.status, "3.000000 of 0.0.7001" in asked.out) == (2, True)
    assert f"--hash {shown['register_hash']}" in asked.err
    assert "created by you" in shop(*approve, "--hash", shown["register_hash"]).err

    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert "does not match" in shop(*approve, "--hash", "0" * 64).err
    said = shop(*approve, "--hash", shown["register_hash"])
    assert (said.status, f"masspayout distribution execute {distribution}" in said.out) == (0, True)
    assert "You approved" in shop(*approve, "--hash", shown["register_hash"]).err
    assert "nobody (" in shop("distribution", "show", distribution).out


def test_a_creator_who_waits_is_told_and_pays_later(shop: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    created = shop("distribution", "list", "--json")
    assert json.loads(created.out)["total"] == 0
    shop("pay", "list.csv", "--payment-token", TOKEN)
    (listed,) = json.loads(shop("distribution", "list", "--json").out)["items"]
    with monkeypatch.context() as as_somebody_else:
        as_somebody_else.setattr(os, "geteuid", lambda: NOBODY)
        shop("distribution", "approve", listed["id"], "--hash", listed["register_hash"])
    said = shop("pay", "list.csv", "--payment-token", TOKEN)
    assert (said.status, "COMPLETED" in said.out) == (0, True)
    trail = json.loads(shop("audit", "list", "--about", listed["id"], "--json").out)["items"]
    assert [(entry["action"], entry["actor_name"]) for entry in trail if "approved" in entry["action"]] == [
        ("distribution.approved", "nobody")
    ]
    assert shop("audit", "verify").status == 0


def test_the_trail_is_verified_and_what_is_wrong_is_named(shop: CommandLine, database_url: URL) -> None:
    shop("pay", "list.csv", "--payment-token", TOKEN)
    verified = shop("audit", "verify")
    assert (verified.status, "The chain holds" in verified.out) == (0, True)
    run_sql(
        database_url,
        "ALTER TABLE audit_entry DISABLE TRIGGER refuse_change",
        "UPDATE audit_entry SET actor_name = 'ben' WHERE number = 2",
    )
    broken = shop("audit", "verify")
    assert (broken.status, "Entry 2 " in broken.out) == (1, True)
    assert json.loads(shop("audit", "verify", "--json").out)["break_count"] == 1
