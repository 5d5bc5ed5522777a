"""``masspayout worker``: does the work in the background, and says how it stands."""

import logging
from dataclasses import asdict
from typing import Annotated

import typer

from masspayout.app.control import announce_policy
from masspayout.cli.commands import CommandGroup
from masspayout.cli.output import JsonOption, out, show_json, show_table
from masspayout.cli.session import with_context
from masspayout.cli.transaction import in_transaction
from masspayout.context import Context
from masspayout.db.capacity import require_room
from masspayout.db.repositories import WorkStatus
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.worker import run_worker

app = typer.Typer()
worker_app = typer.Typer(cls=CommandGroup, help="Run background jobs until told to stop; or show workers and jobs.")
app.add_typer(worker_app, name="worker")


@worker_app.callback(invoke_without_command=True)
def worker(
    invocation: typer.Context,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs to run at once.")] = 2,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when no job is left.")] = False,
) -> None:
    """Do the work that was started elsewhere, until told to stop. Any number may run, on any number of machines."""
    if invocation.invoked_subcommand is not None:
        return

    async def work(context: Context) -> None:
        logging.getLogger("masspayout").setLevel(logging.INFO)
        await require_room(context.database, context.settings.database_connections)
        await announce_policy(context.database, context.settings)
        out.print("Worker is running; stop it with Ctrl-C.")
        await run_worker(context, concurrency=concurrency, until_idle=until_idle)

    with_context(work)


@worker_app.command()
def status(as_json: JsonOption = False) -> None:
    """Show which workers are alive, what waits for them, and how far the distributions under way are."""

    async def work(work: UnitOfWork) -> WorkStatus:
        return await work.background_work.status()

    found = in_transaction(work)
    if as_json:
        show_json(asdict(found))
        return
    show_table(
        ["WORKER", "LAST SIGN OF LIFE", "JOBS"],
        [(str(w.worker_id), w.last_heartbeat, w.jobs) for w in found.workers],
        empty="No worker is running. Start one with: masspayout worker",
        right=["JOBS"],
    )
    jobs = found.jobs
    out.print(f"Jobs: {jobs.waiting:,} waiting, {jobs.doing:,} being done, {jobs.failed:,} failed.")
    show_table(
        ["DISTRIBUTION", "ASSET", "BATCHES", "PAID", "FAILED", "OF"],
        [
            (d.distribution_id, d.symbol, f"{d.batches_done:,} of {d.batches:,}", d.paid, d.failed, d.holders)
            for d in found.distributions
        ],
        empty="No payout is in progress.",
        right=["PAID", "FAILED", "OF"],
    )
