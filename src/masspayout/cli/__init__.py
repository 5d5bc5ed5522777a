"""The ``masspayout`` command: reads what the user typed, calls the business, shows what came of it."""

import sys

import typer

from masspayout import logs
from masspayout.actors import acting_as, operating_system_user
from masspayout.cli import (
    asset,
    audit,
    database,
    demo,
    distribution,
    doctor,
    evm,
    listener,
    payout,
    sandbox,
    series,
    serve,
    token,
    user,
    webhook,
    worker,
)
from masspayout.cli.output import show_error
from masspayout.errors import MassPayoutError

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
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(worker.app, name="worker")
app.add_typer(audit.app, name="audit")
app.add_typer(webhook.app, name="webhook")
app.command()(doctor.doctor)
app.add_typer(database.app, name="db")
app.add_typer(evm.app, name="evm")
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Run the command line. Exit status: 0 fine, 1 failed, 2 wrong usage."""
    logs.install("text")
    try:
        with acting_as(operating_system_user()):
            app(prog_name="masspayout")
    except MassPayoutError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
