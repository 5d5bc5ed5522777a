"""The policy and proposals from the command line, where the operating system says who it is."""

import io
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine
from databases import run_sql
from masspayout.db import migrations

PASSWORD = "correct horse battery staple"
NOBODY = 65534
GUARDED = {"mode": "guarded", "approvals": 1}


def write(content: object) -> str:
    Path("policy.json").write_text(json.dumps(content), encoding="utf-8")
    return "policy.json"


def add(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        command_line("user", "add", name, "--role", "admin", "--password-stdin")


def test_a_policy_is_changed_alone_and_then_by_two(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "No version of the policy" in command_line("policy", "show").out
    assert "The people here cannot meet this policy" in command_line("policy", "propose", write(GUARDED)).err
    add(command_line, monkeypatch, "ana", "ben")
    assert "Version 1 of the policy is in force." in command_line("policy", "propose", write(GUARDED)).out
    assert "Every payout needs 1 approval." in command_line("policy", "show").out

    said = command_line("policy", "propose", write({"mode": "open"}))
    assert "Another person approves it with: masspayout proposal approve" in said.out
    assert "masspayout proposal show" in command_line("policy", "show").out
    shown = json.loads(command_line("policy", "show", "--json").out)
    assert (shown["number"], shown["guarded"], len(shown["proposals"])) == (1, True, 1)
    assert "--user" in command_line("policy", "approve", "latest").err
    assert "OPEN" in command_line("proposal", "show", "latest").out
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert "alone can withdraw" in command_line("proposal", "withdraw", "latest").err
    as_ben = ("--user", "ben", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n" + PASSWORD + "\n" + PASSWORD + "\n"))
    assert "name or the password is wrong" in command_line("policy", "approve", "latest", *as_ben).err
    assert "policy of installation. Approved" in command_line("policy", "approve", "latest", *as_ben).out
    assert "is APPROVED" in command_line("proposal", "refuse", "latest", *as_ben).err
    listed = json.loads(command_line("policy", "history", "--json").out)["items"]
    assert [(each["number"], each["content"]) for each in listed] == [(2, {"mode": "open"}), (1, GUARDED)]
    assert json.loads(command_line("proposal", "list", "--state", "open", "--json").out)["total"] == 0


def test_what_is_no_policy_is_refused(command_line: CommandLine, tmp_path: Path) -> None:
    assert command_line("policy", "propose", str(tmp_path / "nothing.json")).status == 2
    (tmp_path / "no.json").write_text("{", encoding="utf-8")
    assert "cannot be read as JSON" in command_line("policy", "propose", str(tmp_path / "no.json")).err
    (tmp_path / "no.json").write_text('{"mode": "guarded"}', encoding="utf-8")
    assert "needs approvals of 1 or more" in command_line("policy", "propose", str(tmp_path / "no.json")).err


def test_an_upgrade_writes_what_the_environment_asks_for_as_the_first_version(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVALS_REQUIRED", "1")
    monkeypatch.setenv("LIMIT_PER_DAY_AMOUNT", "500")
    said = command_line("db", "upgrade")
    assert "are version 1 of the policy now" in said.err
    assert "1 of 2 people have to approve" in said.err
    monkeypatch.delenv("APPROVALS_REQUIRED")
    monkeypatch.delenv("LIMIT_PER_DAY_AMOUNT")
    command_line("db", "upgrade")
    (version,) = json.loads(command_line("policy", "history", "--json").out)["items"]
    assert version["content"] == GUARDED | {"limits": {"per_day": {"*": "500"}}}
    doctor = command_line("doctor", "--json")
    assert "Nobody can meet the policy" in doctor.out


def test_the_policy_waits_for_workers_of_earlier_versions(command_line: CommandLine, database_url: URL) -> None:
    migrations.downgrade(database_url)
    run_sql(database_url, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
    said = command_line("db", "upgrade")
    assert (said.status, "1 worker(s) of an earlier version are running" in said.err) == (1, True)
    run_sql(database_url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    assert command_line("db", "upgrade").status == 0
