"""The commands as Typer sees them: each imports its module when it is invoked, or asked for its own help."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from masspayout.cli.command_table import TABLE, Command, Group
from masspayout.kernel.deferred import deferred

if TYPE_CHECKING:
    from masspayout.cli import usage
else:
    usage = deferred("masspayout.cli.usage")


class LazyCommand(TyperCommand):
    """A command whose module is imported when it is invoked or asked for its help.

    Args:
        name: Its name, in the table and in the module's ``app``.
        entry: Its entry in the table.
    """

    def __init__(self, name: str, entry: Command) -> None:
        super().__init__(name, help=entry.help)
        self.module = f"{__package__}.{entry.module}"

    def load(self) -> TyperCommand | TyperGroup:
        """Import the module and return the command that it defines."""
        with _garbage_collection_paused(self.module):
            app: typer.Typer = importlib.import_module(self.module).app
        # A command takes the style of its help from the application above it, as in any other Typer application.
        above = typer.Typer(rich_markup_mode=None)
        above.add_typer(app, name="app")
        group: Any = typer.main.get_group(above).commands["app"]
        command: TyperCommand | TyperGroup = group.commands[self.name]
        for parameter in command.params:
            _take_any_case(parameter)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command that the module defines: that is the one that is invoked."""
        return self.load().make_context(info_name, args, parent, **extra)


class CommandGroup(TyperGroup):
    """Commands under one name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named first.

        Raises:
            Invalid: There is no such command.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            raise usage.no_such_command(name, ctx.command_path, get_close_matches(name, self.commands))
        return super().resolve_command(ctx, args)


class _TableGroup(CommandGroup):
    """Commands under one name, all of them from the table."""

    def __init__(self, **attributes: Any) -> None:
        # Typer gives its own options no default, and loads Pydantic to convert the value that is missing.
        not_given = {"default_map": dict.fromkeys(("help", "install_completion", "show_completion"), False)}
        super().__init__(**attributes | {"context_settings": not_given})


class CommandTable(_TableGroup):
    """``masspayout`` itself, with the commands of the table."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": {name: _made(name, entry) for name, entry in TABLE.items()}})


def _made(name: str, entry: Command | Group) -> LazyCommand | TyperGroup:
    if isinstance(entry, Command):
        return LazyCommand(name, entry)
    commands = {each: LazyCommand(each, its_entry) for each, its_entry in entry.commands.items()}
    return _TableGroup(name=name, help=entry.help, commands=commands, no_args_is_help=True, rich_markup_mode=None)


def _take_any_case(parameter: Any) -> None:
    """Let a value of an enumeration be typed in any case. The help shows the values as they are."""
    described = parameter.type_descriptor
    if described.is_choice:
        parameter.metavar = parameter.metavar or f"[{'|'.join(map(str, described.choices))}]"
        described.parameter_info.case_sensitive = False


@contextmanager
def _garbage_collection_paused(module: str) -> Iterator[None]:
    """Pause the garbage collector while a module is imported for the first time.

    Modules are no garbage, and traversing them takes a fifth of the time that it takes to import them. They stay until
    the process ends, so they are frozen: later collections do not traverse them either.
    """
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
