"""The ``masspayout`` command: reads what the user typed, calls the business, shows what came of it."""

import errno
import sys
from collections.abc import Sequence

import typer

from masspayout.cli import (
    asset,
    audit,
    database,
    demo,
    distribution,
    doctor,
    evm,
    listener,
    payer,
    payout,
    recover,
    sandbox,
    series,
    serve,
    token,
    user,
    webhook,
    worker,
)
from masspayout.cli.output import err, show_error, write_anything
from masspayout.kernel import logs
from masspayout.kernel.actors import acting_as, operating_system_user
from masspayout.kernel.errors import Invalid, MassPayoutError
from masspayout.settings import is_utf8

app = typer.Typer(
    name="masspayout",
    help="Pays every holder of a tokenised asset exactly what it is owed, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(serve.up)
app.command()(serve.serve)
app.add_typer(asset.app, name="asset")
app.add_typer(distribution.app, name="distribution")
app.add_typer(series.app, name="series")
app.add_typer(listener.app, name="listener")
app.command()(payout.pay)
app.command()(payout.reconcile)
app.command()(recover.recover)
app.add_typer(payer.app, name="payer")
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(worker.app, name="worker")
app.add_typer(audit.app, name="audit")
app.add_typer(webhook.app, name="webhook")
app.command()(doctor.doctor)
app.add_typer(database.app, name="db")
app.add_typer(evm.app, name="evm")
app.add_typer(sandbox.app, name="sandbox")

# Disk full, quota used up, and a device that fails.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def main() -> None:
    """Run the command line. Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted."""
    write_anything()
    logs.install("text")
    try:
        _require_text(sys.argv[1:])
        with acting_as(operating_system_user()):
            app(prog_name="masspayout")
    except MassPayoutError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        err.print(f"[bold red]error:[/] What this command says cannot be written: {error.strerror}.")
        err.print("[bold]hint:[/] Make room there, then do the same again: it goes on where it stopped.")
        sys.exit(1)


def _require_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not is_utf8(argument):
            raise Invalid(f"{argument!r} is not UTF-8 text.", "Write it in UTF-8; a file, rename it.")
