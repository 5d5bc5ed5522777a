"""Users and tokens from the command line."""

import io
import json

import pytest

from command_line import CommandLine

PASSWORD = "correct horse battery staple"


def test_users_are_added_listed_and_kept_out(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_password(password: str, *arguments: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        said = command_line(*arguments, "--password-stdin")
        return said.out + said.err

    assert "No users yet" in command_line("user", "list").out
    assert "Added ana (approver)" in with_password(PASSWORD, "user", "add", "Ana", "--role", "approver")
    assert "There is a user 'ana' already" in with_password(PASSWORD, "user", "add", "ana")
    assert "it takes 12" in with_password("short", "user", "add", "ben")
    assert "ana is viewer" in command_line("user", "role", "ana", "viewer").out
    assert "Deactivated ana." in command_line("user", "disable", "ana").out
    assert command_line("user", "enable", "ana").status == 0
    assert "must sign in again" in with_password("another long sentence", "user", "password", "ana")
    assert "/sign-in/mpl_" in command_line("user", "link", "ana").out
    (item,) = json.loads(command_line("user", "list", "--json").out)["items"]
    assert (item["name"], item["role"], item["disabled"], item["logs_in_with"]) == ("ana", "viewer", False, "password")
    assert command_line("user", "disable", "nobody").status == 1


def test_a_token_is_shown_once(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    create = ("token", "create", "treasury", "--role", "operator", "--expires", "90d", "--json")
    assert "--user USER" in command_line(*create).err
    command_line("user", "add", "ana", "--role", "operator", "--password-stdin")
    said = command_line(*create, "--user", "ana")
    made = json.loads(said.out)
    assert made["token"].startswith(f"mpt_{made['prefix']}_")
    assert made["role"] == "operator"
    assert made["token"] not in command_line("token", "list", "--json").out
    assert made["prefix"] in command_line("token", "list").out
    assert "revoked" in command_line("token", "revoke", made["prefix"]).out
    assert "revoked already" in command_line("token", "revoke", made["id"]).err
    assert command_line("token", "revoke", "nothing").status == 1
    assert command_line("token", "create", "x", "--user", "nobody").status == 1


def test_a_user_is_renamed_and_connected(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ana", "ben"):
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        command_line("user", "add", name, "--password-stdin")
    assert "There is a user 'ben' already" in command_line("user", "rename", "ana", "Ben").err
    assert "ana is ana o'neil now." in command_line("user", "rename", "ana", "Ana O'Neil").out
    assert "The subject has to be named" in command_line("user", "connect", "ana o'neil").err
    connected = command_line("user", "connect", "Ana O'Neil", "--subject", "1", "--issuer", "https://login.example.com")
    assert "ana o'neil signs in through https://login.example.com, as 1." in connected.out
    assert "The subject has to be named" in command_line("user", "connect", "ana o'neil", "--of", "ben").err
    merged = command_line("user", "connect", "ben", "--of", "ana o'neil")
    assert "ana o'neil is deactivated, and counts as one person with ben." in merged.out
    items = {item["name"]: item for item in json.loads(command_line("user", "list", "--json").out)["items"]}
    assert (items["ben"]["subject"], items["ben"]["logs_in_with"]) == ("1", "password or provider")
    assert (items["ana o'neil"]["subject"], items["ana o'neil"]["disabled"]) == (None, True)


@pytest.mark.parametrize("command", ["serve", "up"])
def test_nothing_is_served_with_a_provider_that_nobody_could_sign_in_through(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://login.example.com")
    refused = command_line(command)
    assert refused.status == 2
    assert "OIDC_ISSUER='https://login.example.com': set OIDC_CLIENT_ID as well" in refused.err
