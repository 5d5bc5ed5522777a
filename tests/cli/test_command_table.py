"""The table of commands agrees with the modules that define them, and a command imports what it needs and no more."""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import URL
from typer.core import TyperGroup

from command_line import environment
from masspayout import cli
from masspayout.cli.commands import LazyCommand
from masspayout.kernel.deferred import deferred
from processes import complete, run_masspayout

# Import names of what commands need that serve, pay, sign or migrate. --help needs none of it.
HEAVY = {
    *("alembic", "argon2", "authlib", "cryptography", "eth_account", "fastapi", "grpc", "hiero_sdk_python", "httpx"),
    *("holidays", "jinja2", "joserfc", "nicegui", "procrastinate", "prometheus_client", "starlette", "uvicorn", "web3"),
}
FOR_A_LIST = {"psutil", "psycopg", "pydantic", "pydantic_settings", "rich", "sqlalchemy"}
SHOWN_AT_WIDTHS = (20, 45, 60, 200)


def table() -> Mapping[str, Any]:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    return root.commands


def lazy_commands() -> Iterator[tuple[str, LazyCommand]]:
    for name, entry in table().items():
        if isinstance(entry, LazyCommand):
            yield name, entry
        else:
            yield from ((f"{name} {each}", command) for each, command in entry.commands.items())


LAZY = dict(lazy_commands())


@pytest.mark.parametrize("name", LAZY)
def test_the_table_has_the_help_that_the_command_has(name: str) -> None:
    entry, command = LAZY[name], LAZY[name].load()
    assert command.name == name.rsplit(" ", maxsplit=1)[-1]
    assert command.help is not None
    assert entry.help == " ".join(command.help.split("\n\n")[0].split())
    for width in SHOWN_AT_WIDTHS:
        assert entry.get_short_help_str(width) == command.get_short_help_str(width)
    assert (entry.hidden, entry.deprecated) == (command.hidden, command.deprecated)


def test_every_command_of_every_module_is_in_the_table_once() -> None:
    of_modules = {}
    for module in pkgutil.iter_modules(cli.__path__, prefix=f"{cli.__name__}."):
        app = getattr(importlib.import_module(module.name), "app", None)
        if isinstance(app, typer.Typer):
            of_modules[module.name] = sorted(typer.main.get_group(app).commands)
    in_table = defaultdict(list)
    for entry in LAZY.values():
        in_table[entry.module].append(entry.name)
    assert {module: sorted(map(str, names)) for module, names in in_table.items()} == of_modules


def test_every_group_says_what_it_is_for() -> None:
    groups = [entry for entry in table().values() if not isinstance(entry, LazyCommand)]
    assert groups
    assert all(group.help and group.no_args_is_help for group in groups)


@pytest.mark.parametrize("arguments", [["--help"], ["distribution", "--help"], ["--version"]], ids=" ".join)
def test_what_is_asked_of_no_command_imports_none(arguments: list[str]) -> None:
    ended = run_masspayout(*arguments)
    assert not ended.packages & (HEAVY | FOR_A_LIST)
    assert ended.rooms == {"cli", "kernel"}
    assert {name for name in ended.modules if name.startswith("masspayout.cli.")} == {
        "masspayout.cli.command_table",
        "masspayout.cli.commands",
    }


def test_a_list_of_distributions_imports_neither_ledgers_nor_services(database_url: URL, tmp_path: Path) -> None:
    settings = {**environment(database_url), "DATA_DIR": str(tmp_path)}
    ended = run_masspayout("distribution", "list", **settings)
    assert ended.out.startswith("No payouts yet.")
    assert not ended.packages & HEAVY
    assert ended.packages >= FOR_A_LIST
    assert ended.rooms == {"cli", "db", "kernel", "settings"}


def test_the_version_is_that_of_the_package() -> None:
    assert run_masspayout("--version").out == f"masspayout {version('masspayout')}\n"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("masspayout di", ["distribution"]),
        ("masspayout distribution c", ["create", "cancel"]),
        ("masspayout --v", ["--version"]),
    ],
)
def test_names_are_completed_from_the_table_alone(typed: str, completed: list[str]) -> None:
    ended = complete("bash", typed)
    assert ended.out.split() == completed
    assert not ended.packages & (HEAVY | FOR_A_LIST)
    assert ended.rooms == {"cli", "kernel"}


def test_options_and_their_values_are_completed_from_the_command() -> None:
    assert complete("bash", "masspayout distribution list --st").out.split() == ["--status"]
    assert complete("bash", "masspayout distribution list --status CO").out.split() == ["COMPLETED"]
    assert complete("bash", "masspayout worker --u").out.split() == ["--until-idle"]


def test_completion_in_zsh_shows_what_commands_do() -> None:
    ended = complete("zsh", "masspayout distribution l")
    assert '"list":"List payouts, newest first."' in ended.out
    assert not ended.packages & (HEAVY | (FOR_A_LIST - {"rich"}))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_given_its_script(shell: str) -> None:
    script = run_masspayout(_MASSPAYOUT_COMPLETE=f"source_{shell}").out
    assert f"_MASSPAYOUT_COMPLETE=complete_{shell}" in script


def test_a_deferred_module_is_loaded_by_the_first_name_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "waiting"
    package.mkdir()
    (package / "__init__.py").write_text("loaded = []\n")
    (package / "part.py").write_text("from waiting import loaded\n\nloaded.append(__name__)\nanswer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    part = deferred("waiting.part")
    package_loaded = importlib.import_module("waiting").loaded
    assert package_loaded == []
    assert part.answer == 42
    assert package_loaded == ["waiting.part"]
    assert deferred("waiting.part") is part
    with pytest.raises(ModuleNotFoundError, match=r"waiting\.nothing"):
        deferred("waiting.nothing")
