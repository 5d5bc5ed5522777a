"""The ``masspayout`` command: reads what the user typed, calls the business, shows what came of it."""

import errno
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from masspayout.cli.commands import CommandTable
from masspayout.kernel import logs
from masspayout.kernel.actors import acting_as, operating_system_user
from masspayout.kernel.deferred import deferred
from masspayout.kernel.errors import Invalid, MassPayoutError
from masspayout.kernel.text import is_utf8

if TYPE_CHECKING:
    from importlib import metadata

    from masspayout.cli import output, usage
else:
    # --help and completion need none of them, and would take twice as long with them.
    metadata = deferred("importlib.metadata")
    output = deferred("masspayout.cli.output")
    usage = deferred("masspayout.cli.usage")

app = typer.Typer(
    name="masspayout",
    cls=CommandTable,
    help="Pays every holder of a tokenised asset exactly what it is owed, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Disk full, quota used up, and a device that fails.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"masspayout {metadata.version('masspayout')}")
        raise typer.Exit


@app.callback()
def _masspayout(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take what concerns no command."""


def main() -> None:
    """Run the command line. Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted."""
    _write_anything()
    logs.install("text")
    try:
        _require_text(sys.argv[1:])
        with acting_as(operating_system_user()):
            status = app(prog_name="masspayout", standalone_mode=False)
        sys.exit(status or 0)
    except MassPayoutError as error:
        output.show_error(error)
        sys.exit(error.exit_code)
    except typer.TyperException as found:
        sys.exit(_show_usage(found))
    except typer.Abort:
        output.err.print("Stopped: nothing was done.")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        output.err.print(f"[bold red]error:[/] The output cannot be written: {error.strerror}.")
        output.err.print("[bold]hint:[/] Make room there, then run the command again: it goes on where it stopped.")
        sys.exit(1)


def _show_usage(found: typer.TyperException) -> int:
    """Show a usage error in our words, or the help of a group that was named without a command."""
    text = usage.help_instead(found)
    if text is not None:
        typer.echo(text, err=True)
        return 2
    error = usage.usage_error(found)
    output.show_error(error)
    return error.exit_code


def _write_anything() -> None:
    """Have what standard output and error cannot express written with escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _require_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not is_utf8(argument):
            raise Invalid(f"{argument!r} is not UTF-8 text.", "Write it in UTF-8; a file, rename it.")
