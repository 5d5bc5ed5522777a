"""``masspayout webhook``: who is told of what, and how telling them went."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from masspayout.cli.arguments import DeliveryArgument, WebhookArgument
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, show_fields, show_json, show_list, show_outcome
from masspayout.cli.session import with_context
from masspayout.cli.transaction import in_transaction
from masspayout.context import Context
from masspayout.db.entities import DeliveryStatus, Webhook, WebhookDelivery
from masspayout.db.repositories import Backlog, Page
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.service.webhooks import Deliverer, targets

app = typer.Typer()


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="The URL to send events to, such as https://example.com/payouts.")],
    event: Annotated[
        list[str] | None, typer.Option(help="An event type to send, such as batch.failed or batch.*; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a webhook. Its secret, which verifies signatures, is shown only once."""

    async def work(context: Context) -> tuple[Webhook, str]:
        return await targets.add(context.database, context.settings, url, event or targets.DEFAULT_EVENTS)

    webhook, secret = with_context(work)
    if as_json:
        show_json({**_fields(webhook, Backlog()), "secret": secret})
        return
    show_fields(_fields(webhook, Backlog()))
    out.print(f"\nIts secret, which is not shown again: {secret}")
    out.print(f"Try it: masspayout webhook test {webhook.id}")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List webhooks, with their queued and given-up deliveries."""

    async def work(work: UnitOfWork) -> Any:
        webhooks = work.webhooks
        return (await webhooks.find_all(limit=1000)).items, await webhooks.backlogs()

    found, backlogs = in_transaction(work)
    items = [_fields(webhook, backlogs.get(webhook.id, Backlog())) for webhook in found]
    show_list(
        items,
        ["ID", "URL", "EVENTS", "ON", "QUEUED", "GIVEN UP"],
        [(w["id"], w["url"], " ".join(w["events"]), w["enabled"], w["pending"], w["failed"]) for w in items],
        right=["QUEUED", "GIVEN UP"],
        empty="No webhooks yet. Add one with: masspayout webhook add URL",
        as_json=as_json,
    )


@app.command()
def enable(webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Switch a webhook on: its queued events are sent."""
    _switch(webhook, enabled=True, as_json=as_json)


@app.command()
def disable(webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Switch a webhook off: queued events are kept, and later ones are not queued for it."""
    _switch(webhook, enabled=False, as_json=as_json)


@app.command()
def remove(webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Remove a webhook and its log."""

    async def work(context: Context) -> Webhook:
        found = await _find(context, webhook)
        await targets.remove(context.database, found.id)
        return found

    removed = with_context(work)
    fields = {"id": removed.id, "url": removed.url}
    show_outcome(fields, f"Removed: {removed.url} gets no more events.", as_json=as_json)


@app.command("test")
def send_test(webhook: WebhookArgument, as_json: JsonOption = False) -> None:
    """Send a test event now and show the response. Exit status 1 when the target did not accept it."""

    async def work(context: Context) -> WebhookDelivery:
        return await Deliverer(context.database, context.settings).test(await _find(context, webhook))

    delivery = with_context(work)
    if as_json:
        show_json(_delivery_fields(delivery))
    elif delivery.status is DeliveryStatus.DELIVERED:
        out.print(f"It answered {delivery.response_status} after {delivery.response_ms:,} ms.")
    else:
        out.print(f"[bold red]It did not accept the event.[/] {delivery.error}")
    if delivery.status is not DeliveryStatus.DELIVERED:
        raise typer.Exit(1)


@app.command()
def deliveries(
    webhook: Annotated[str | None, typer.Option(help="Only those to this webhook.")] = None,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Only those in this state.")] = None,
    page: PageOption = 1,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, the latest first, with the responses."""

    async def work(context: Context) -> Page[WebhookDelivery]:
        webhook_id = None if webhook is None else (await _find(context, webhook)).id
        async with context.database.unit_of_work() as work:
            return await work.webhooks.find_deliveries(webhook_id, status, page, limit)

    found = with_context(work)
    items = [_delivery_fields(delivery) for delivery in found.items]
    columns: Sequence[str] = (
        "id",
        "number",
        "event_type",
        "status",
        "tries",
        "response_status",
        "response_ms",
        "error",
    )
    show_list(
        items,
        ["DELIVERY", "NUMBER", "EVENT", "STATUS", "ATTEMPTS", "RESPONSE", "MS", "ERROR"],
        [[item[column] for column in columns] for item in items],
        right=["NUMBER", "ATTEMPTS", "RESPONSE", "MS"],
        total=found.total,
        as_json=as_json,
        empty="No matching deliveries.",
    )


@app.command()
def redeliver(delivery: DeliveryArgument, as_json: JsonOption = False) -> None:
    """Send an event once more, with the same id and number."""

    async def work(context: Context) -> WebhookDelivery:
        async with context.database.unit_of_work() as work:
            delivery_id = await work.webhooks.find_delivery_id(delivery)
        await targets.send_again(context.database, delivery_id)
        async with context.database.unit_of_work() as work:
            return await work.webhooks.get_delivery(delivery_id)

    fields = _delivery_fields(with_context(work))
    show_outcome(fields, "It is sent once more by the next worker: masspayout worker", as_json=as_json)


def _switch(reference: str, *, enabled: bool, as_json: bool) -> None:
    async def work(context: Context) -> Webhook:
        found = await _find(context, reference)
        return await targets.set_enabled(context.database, found.id, enabled=enabled)

    webhook = with_context(work)
    fields = {name: getattr(webhook, name) for name in ("id", "url", "events", "enabled")}
    show_outcome(fields, f"{webhook.url} is switched {'on' if webhook.enabled else 'off'}.", as_json=as_json)


async def _find(context: Context, reference: str) -> Webhook:
    async with context.database.unit_of_work() as work:
        return await targets.find(work, reference)


def _fields(webhook: Webhook, backlog: Backlog) -> dict[str, Any]:
    names = ("id", "url", "events", "enabled", "last_number", "failing_since", "created_at")
    waiting = {"pending": backlog.pending, "failed": backlog.failed}
    return {name: getattr(webhook, name) for name in names} | waiting


def _delivery_fields(delivery: WebhookDelivery) -> dict[str, Any]:
    names = ("id", "webhook_id", "event_id", "number", "status", "tries", "response_status", "response_ms", "error")
    times = {"next_try_at": delivery.next_try_at if delivery.status is DeliveryStatus.PENDING else None}
    event = {"event_type": delivery.event.type, "occurred_at": delivery.event.created_at}
    return {name: getattr(delivery, name) for name in names} | event | times | {"delivered_at": delivery.delivered_at}
