"""What commands and options there are, and which ones a text mentions."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

from masspayout.cli import app
from masspayout.cli.commands import LazyCommand

_MENTION = re.compile(r"(?<![\w/.-])(?<!-O )masspayout((?: +(?!masspayout\b)[^\s`|]+)*)")
_OPTION = re.compile(r"--[a-z][a-z-]*")
_GROUP_ITSELF = re.compile(r"…|\.\.\.|-.*")


@cache
def commands() -> dict[str, Any]:
    """Return every command by its name as typed after ``masspayout``, without groups that do nothing themselves."""
    return dict(_walk(typer.main.get_command(app), ""))


def options_of(command: Any) -> set[str]:
    """Return the names of a command's options that begin with two dashes, but ``--help``."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, TyperOption)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--") and name != "--help"
    }


def mentions(line: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each command that a line of code or a hint names, with its options; unknown ones as they are written."""
    known = commands()
    groups = {name.rsplit(" ", 1)[0] for name in known if " " in name}
    for match in _MENTION.finditer(line):
        words = match[1].split()
        if not words or not words[0][0].islower():
            continue
        name = words[0].rstrip(".,;:)")
        if name in groups and len(words) > 1 and not _GROUP_ITSELF.fullmatch(words[1]):
            name = f"{name} {words[1].rstrip('.,;:)')}"
        elif name in groups and name not in known:
            continue
        yield name, set(_OPTION.findall(match[1]))


def _walk(command: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(command, LazyCommand):
        command = command.load()
    if not isinstance(command, TyperGroup):
        yield prefix.strip(), command
        return
    if command.invoke_without_command:
        yield prefix.strip(), command
    for name, child in command.commands.items():
        yield from _walk(child, f"{prefix} {name}")
