"""``masspayout listener``: whose events are read, and what became of them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from masspayout.automation import EventReader, Polled, event_listeners
from masspayout.cli.arguments import ListenerArgument, find_listener
from masspayout.cli.output import JsonOption, out, show_json, show_list, show_outcome
from masspayout.cli.session import with_context
from masspayout.cli.times import parse_time
from masspayout.cli.transaction import in_transaction
from masspayout.context import Context
from masspayout.db.entities import EventListener
from masspayout.db.repositories import EventSummary
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.ledger_time import to_datetime

app = typer.Typer()

Contract = Annotated[
    str, typer.Argument(metavar="CONTRACT_ID", help="A contract, an account that receives deposits, or a token.")
]


@app.command()
def add(
    contract_id: Contract,
    since: Annotated[
        str | None, typer.Option(help="The time to read from; unless given, the contract's first event.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a listener. A worker polls it every second."""
    since_time = None if since is None else parse_time(since)

    async def work(context: Context) -> EventListener:
        return await event_listeners.add(context.database, contract_id, since=since_time)

    listener = with_context(work)
    if as_json:
        show_json(_fields(listener, EventSummary()))
    else:
        out.print(f"Listening to {listener.contract_id}. Its events are handled by: masspayout worker")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the listeners: how far each has read, what it handled, and what it set aside and why."""

    async def work(work: UnitOfWork) -> Any:
        listeners = work.event_listeners
        return await listeners.find_in_order(), await listeners.summaries()

    found, summaries = in_transaction(work)
    items = [_fields(listener, summaries.get(listener.contract_id, EventSummary())) for listener in found]
    columns = ["contract_id", "enabled", "read_up_to", "last_polled_at", "handled", "set_aside", "error"]
    show_list(
        items,
        ["CONTRACT", "ON", "READ UP TO", "LAST POLL", "HANDLED", "SET ASIDE", "ERROR"],
        [[item[column] for column in columns] for item in items],
        right=["HANDLED", "SET ASIDE"],
        as_json=as_json,
        empty="No listeners yet. Add one with: masspayout listener add CONTRACT_ID",
    )
    if as_json:
        return
    for item in items:
        if item["refunds"]:
            out.print(
                f"{item['contract_id']}: {item['refunds']:,} deposits are payments sent back, and start no payout."
            )
        if item["set_aside"]:
            out.print(f"Handle the set-aside events again: masspayout listener replay {item['contract_id']}")


@app.command()
def enable(listener: ListenerArgument, as_json: JsonOption = False) -> None:
    """Switch a listener on. It goes on where it stopped."""
    _switch(listener, enabled=True, as_json=as_json)


@app.command()
def disable(listener: ListenerArgument, as_json: JsonOption = False) -> None:
    """Switch a listener off. Its cursor stays."""
    _switch(listener, enabled=False, as_json=as_json)


@app.command()
def poll(listener: ListenerArgument, as_json: JsonOption = False) -> None:
    """Poll for new events now, without waiting for a worker."""
    _show(_read(listener, EventReader.poll), as_json=as_json)


@app.command()
def replay(listener: ListenerArgument, as_json: JsonOption = False) -> None:
    """Handle again the events that were set aside, once their cause is fixed."""
    _show(_read(listener, EventReader.replay), as_json=as_json)


def _switch(reference: str, *, enabled: bool, as_json: bool) -> None:
    async def work(context: Context) -> EventListener:
        async with context.database.unit_of_work() as work:
            found = await find_listener(work, reference)
        return await event_listeners.set_enabled(context.database, found.contract_id, enabled=enabled)

    listener = with_context(work)
    fields = {"id": listener.id, "contract_id": listener.contract_id, "enabled": enabled}
    sentence = f"The listener for {listener.contract_id} is switched {'on' if enabled else 'off'}."
    show_outcome(fields, sentence, as_json=as_json)


def _read(reference: str, read: Callable[..., Awaitable[Polled]]) -> Polled:
    async def work(context: Context) -> Polled:
        async with context.database.unit_of_work() as work:
            listener = await find_listener(work, reference)
        reader = EventReader(context.database, context.ledger, context.settings)
        return await read(reader, listener.id, await context.database.clock.now())

    return with_context(work)


def _show(polled: Polled, *, as_json: bool) -> None:
    """Show what came of reading; exit status 1 when something was set aside."""
    if as_json:
        show_json(asdict(polled))
    else:
        out.print(f"{polled.contract_id}: {polled.handled:,} handled, {polled.set_aside:,} set aside.")
        if polled.set_aside:
            out.print("See why with: masspayout listener list")
    if polled.set_aside:
        raise typer.Exit(1)


def _fields(listener: EventListener, summary: EventSummary) -> dict[str, Any]:
    nanos = listener.last_processed_timestamp
    return {
        "id": listener.id,
        "contract_id": listener.contract_id,
        "enabled": bool(listener.enabled),
        "last_processed_timestamp": nanos,
        "last_processed_index": listener.last_processed_index,
        "read_up_to": None if nanos is None else to_datetime(nanos),
        "last_polled_at": listener.last_polled_at,
        "handled": summary.handled,
        "set_aside": summary.set_aside,
        "refunds": summary.refunds,
        "error": listener.poll_error or summary.first_error,
    }
