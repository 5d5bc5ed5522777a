"""Targets: the subscribers of webhooks. Their secrets are shown once, and encrypted in the database."""

import base64
import secrets
import uuid
from collections.abc import Sequence

from masspayout import audit
from masspayout.db.entities import Webhook
from masspayout.db.session import Database
from masspayout.db.types import uuid7
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.next_steps import Action
from masspayout.service.sealing import seal
from masspayout.service.webhooks.addresses import check_target
from masspayout.settings import Settings

EVENT_TYPES = (
    "distribution.created",
    "distribution.changed",
    "distribution.frozen",
    "distribution.approved",
    "distribution.approval_withdrawn",
    "distribution.sent_back",
    "distribution.resubmitted",
    "distribution.processing",
    "distribution.completed",
    "distribution.failed",
    "distribution.pending",
    "distribution.cancelled",
    "distribution.paused",
    "distribution.resumed",
    "batch.completed",
    "batch.failed",
    "asset.paused",
    "asset.resumed",
    "installation.paused",
    "installation.resumed",
    "audit.head",
)
DEFAULT_EVENTS = ("distribution.*",)
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with, no secret
_SECRET_BYTES = 32


async def add(
    database: Database,
    settings: Settings,
    url: str,
    events: Sequence[str] = DEFAULT_EVENTS,
    *,
    webhook_id: uuid.UUID | None = None,
) -> tuple[Webhook, str]:
    """Add a target. Return it with the secret that its deliveries are signed with, which is shown this once.

    Raises:
        Invalid: The URL is wrong or forbidden for webhooks, or there are no such events.
    """
    wanted = _check_events(events)
    await check_target(url, allow_private=settings.webhook_allow_private)
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    async with database.unit_of_work() as work:
        webhook = await work.webhooks.save(
            Webhook(
                id=webhook_id or uuid7(), url=url, events=wanted, sealed_secret=seal(settings, secret), enabled=True
            )
        )
        audit.record(work, "webhook.created", webhook.id, after={"url": url, "events": wanted})
    return webhook, secret


async def remove(database: Database, webhook_id: uuid.UUID) -> None:
    """Remove a target, with its log of deliveries.

    Raises:
        NotFound: There is no such target.
    """
    async with database.unit_of_work() as work:
        webhook = await work.webhooks.get(webhook_id)
        if await work.webhooks.remove(webhook_id):
            audit.record(work, "webhook.removed", webhook_id, before={"url": webhook.url, "events": webhook.events})


async def set_enabled(database: Database, webhook_id: uuid.UUID, *, enabled: bool) -> Webhook:
    """Enable or disable a target. Its waiting deliveries are kept; events while it is disabled are not sent to it.

    Raises:
        NotFound: There is no such target.
    """
    async with database.unit_of_work() as work:
        webhooks = work.webhooks
        webhook = await webhooks.get(webhook_id)
        if await webhooks.set_enabled(webhook_id, enabled=enabled):
            audit.record(
                work, "webhook.changed", webhook_id, before={"enabled": not enabled}, after={"enabled": enabled}
            )
        return await webhooks.get(webhook.id)


async def find(work: UnitOfWork, reference: str) -> Webhook:
    """Return a target by its id, the beginning of that, or ``latest``.

    Raises:
        Invalid: Several ids begin with the reference.
        NotFound: There is no such target.
    """
    return await work.webhooks.get_by_reference(reference)


async def send_again(database: Database, delivery_id: uuid.UUID) -> None:
    """Enqueue a delivery once more: the same event, with the same id and number.

    Raises:
        NotFound: There is no such delivery.
        Conflict: The delivery was not given up, and is sent anyway.
    """
    async with database.unit_of_work() as work:
        delivery = await work.webhooks.get_delivery(delivery_id)
        if not await work.webhooks.send_again(delivery.id):
            raise Conflict(
                f"Delivery {delivery.id} was not given up: it is sent at {delivery.next_try_at:%Y-%m-%d %H:%M:%S} UTC.",
                "A worker sends it: ",
                Action.START_WORKER,
            )


def _check_events(events: Sequence[str]) -> list[str]:
    known = {*EVENT_TYPES, *(f"{kind.split('.')[0]}.*" for kind in EVENT_TYPES)}
    unknown = [event for event in events if event not in known]
    if unknown or not events:
        what = f"There is no event {unknown[0]!r}." if unknown else "No event types are given."
        raise Invalid(what, f"Choose among: {', '.join(sorted(known))}.")
    return sorted(set(events))
