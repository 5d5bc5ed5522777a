"""Pausing, sending back and withdrawing on the command line."""

import json
import os

import pytest

from command_line import CommandLine
from masspayout.db.session import Database
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

NOBODY = 65534


@pytest.fixture
async def payout(database: Database) -> str:
    """Plan a payout that is big enough to be approved, and return its id."""
    runtime = make_runtime(database, Settings(_env_file=None, approvals_required=1))  # type: ignore[call-arg]
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    made = await world.plan("3")
    await runtime.ledger.close()
    return str(made.id)


def test_a_payout_is_approved_withdrawn_sent_back_and_handed_in_again(
    payout: str, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVALS_REQUIRED", "1")
    shown = json.loads(command_line("distribution", "show", payout, "--json").out)
    approve = ("distribution", "approve", payout)
    with monkeypatch.context() as as_somebody_else:
        as_somebody_else.setattr(os, "geteuid", lambda: NOBODY)
        assert command_line(*approve, "--hash", shown["register_hash"]).status == 0
        both = command_line(*approve, "--withdraw", "--hash", shown["register_hash"])
        assert (both.status, "contradict each other" in both.err) == (2, True)
        assert "Withdrawn. It waits for 1 of 1 approval." in command_line(*approve, "--withdraw").out
        assert "You have not approved" in command_line(*approve, "--withdraw").err
        assert command_line("distribution", "send-back", payout).status == 2
        assert command_line("distribution", "send-back", payout, "--reason", "Wrong date").status == 0
    shown = command_line("distribution", "show", payout).out
    assert (
        f"was sent back by nobody: Wrong date. Ask for approval again with: masspayout distribution resubmit {payout}"
        in shown
    )
    assert "was sent back by nobody: Wrong date" in command_line("distribution", "list").out
    refused = command_line("distribution", "execute", payout)
    assert (refused.status, "was sent back by nobody: Wrong date." in refused.err) == (1, True)
    assert command_line("distribution", "resubmit", payout).status == 0
    assert "waits for 1 of 1 approval" in command_line("distribution", "execute", payout).err


def test_a_pause_of_the_installation_refuses_starts_and_is_listed(payout: str, command_line: CommandLine) -> None:
    assert "Nothing is paused." in command_line("pause", "--list").out
    assert command_line("pause", "--list", "--reason", "x").status == 2
    paused = command_line("pause", "--reason", "An audit")
    assert (paused.status, "Resume with: masspayout resume" in paused.out) == (0, True)
    assert "The installation was paused before, by" in command_line("pause").out
    (listed,) = json.loads(command_line("pause", "--list", "--json").out)["items"]
    assert (listed["subject"], listed["reason"]) == ("installation", "An audit")
    refused = command_line("distribution", "execute", payout)
    assert (refused.status, "hint: Resume the installation with: masspayout resume" in refused.err) == (1, True)
    assert "Resumed" in command_line("resume").out
    assert "The installation was not paused." in command_line("resume").out


def test_a_pause_of_an_asset_is_named_by_its_token(payout: str, command_line: CommandLine) -> None:
    assert "masspayout resume --asset 0.0.5001" in command_line("pause", "--asset", "0.0.5001").out
    assert command_line("pause", "--asset", "0.0.5999").status == 1
    (listed,) = json.loads(command_line("pause", "--list", "--json").out)["items"]
    assert (listed["subject"], listed["id"]) == ("asset", "0.0.5001")
    assert command_line("pause", "--reason", "Everything").status == 0
    said = command_line("resume", "--asset", "0.0.5001").out
    assert "Resume the installation with: masspayout resume" in said
