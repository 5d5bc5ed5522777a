"""Queries on ``webhook``, ``webhook_event`` and ``webhook_delivery``."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.orm import joinedload

from masspayout.db import advisory_locks
from masspayout.db.entities import DeliveryStatus, Webhook, WebhookDelivery, WebhookEvent
from masspayout.db.repositories import references
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import UtcTimestamp
from masspayout.kernel.errors import NotFound
from masspayout.kernel.next_steps import Action

# Events get their numbers here and not where they are written, so no payment waits for a counter. A webhook gets no
# event from before it was added.
_FAN_OUT = text("""
    WITH new AS (
        SELECT id, type, created_at FROM webhook_event WHERE dispatched_at IS NULL ORDER BY id LIMIT :limit
    ), numbered AS (
        SELECT w.id AS webhook_id, new.id AS event_id,
               w.last_number + row_number() OVER (PARTITION BY w.id ORDER BY new.id) AS number
          FROM new
          JOIN webhook AS w
            ON w.enabled AND w.created_at <= new.created_at
               AND (new.type = ANY (w.events) OR split_part(new.type, '.', 1) || '.*' = ANY (w.events))
    ), counted AS (
        UPDATE webhook SET last_number = latest.number
          FROM (SELECT webhook_id, max(number) AS number FROM numbered GROUP BY webhook_id) AS latest
         WHERE webhook.id = latest.webhook_id
    ), delivered AS (
        INSERT INTO webhook_delivery (id, webhook_id, event_id, number, status, next_try_at)
        SELECT masspayout_uuid7(), webhook_id, event_id, number, 'PENDING', now() FROM numbered
    )
    UPDATE webhook_event SET dispatched_at = now(), updated_at = now() FROM new WHERE webhook_event.id = new.id
""")

# A claimed delivery belongs to one worker for a while. If that worker dies, another one sends it again.
_CLAIM = text("""
    UPDATE webhook_delivery AS d
       SET tries = d.tries + 1, updated_at = now(), next_try_at = now() + make_interval(secs => :claim_seconds)
      FROM (SELECT id FROM webhook_delivery
             WHERE webhook_id = :webhook_id AND status = 'PENDING' AND next_try_at <= now()
             ORDER BY next_try_at, number LIMIT :limit FOR UPDATE SKIP LOCKED) AS due
     WHERE d.id = due.id
    RETURNING d.id
""")

_RECORD = text("""
    UPDATE webhook_delivery
       SET status = CASE WHEN :delivered THEN 'DELIVERED' WHEN tries >= :most_tries THEN 'FAILED' ELSE 'PENDING' END,
           response_status = :response_status, response_ms = :response_ms, error = :error, updated_at = now(),
           delivered_at = CASE WHEN :delivered THEN now() END,
           next_try_at = now() + make_interval(
               secs => least(:retry_seconds * power(2, least(tries, 30) - 1), :longest_seconds) * (1 + random()) / 2)
     WHERE id = :id
    RETURNING status
""")

# The row of a target that accepts everything is not updated.
_NOTE_HEALTH = text("""
    UPDATE webhook SET failing_since = CASE WHEN :delivered THEN NULL ELSE now() END, updated_at = now()
     WHERE id = :id AND (failing_since IS NOT NULL) = :delivered
""")

_SWITCH_OFF = text("""
    UPDATE webhook SET enabled = false, updated_at = now()
     WHERE id = :id AND enabled AND failing_since < now() - make_interval(secs => :seconds)
       AND (SELECT count(*) FROM webhook_delivery AS d
             WHERE d.webhook_id = :id AND d.status <> 'DELIVERED' AND d.error IS NOT NULL
               AND d.updated_at > now() - make_interval(secs => :seconds)) >= :least
    RETURNING failing_since
""").columns(failing_since=UtcTimestamp())

_AGAIN = text("""
    UPDATE webhook_delivery
       SET status = 'PENDING', tries = 0, next_try_at = now(), delivered_at = NULL, error = NULL, updated_at = now()
     WHERE id = :id AND status <> 'PENDING'
""")

_FORGET = text("""
    WITH old AS (
        DELETE FROM webhook_delivery WHERE status <> 'PENDING' AND updated_at < :before
    )
    DELETE FROM webhook_event AS e
     WHERE e.dispatched_at < :before
       AND NOT EXISTS (SELECT FROM webhook_delivery AS d
                        WHERE d.event_id = e.id AND (d.status = 'PENDING' OR d.updated_at >= :before))
""").bindparams(bindparam("before", type_=UtcTimestamp()))


@dataclass(frozen=True, slots=True)
class Backlog:
    """The undelivered events of one target, by state."""

    pending: int = 0
    failed: int = 0


class Webhooks(Repository[Webhook]):
    """The targets, their events and deliveries."""

    entity = Webhook
    noun = "webhook"
    listed_by = Action.LIST_WEBHOOKS

    async def find_enabled(self) -> Sequence[Webhook]:
        """Return the enabled targets with due deliveries."""
        due = select(WebhookDelivery.webhook_id).where(
            text("webhook_delivery.status = 'PENDING'"), WebhookDelivery.next_try_at <= func.now()
        )
        return (await self.session.scalars(select(Webhook).where(Webhook.enabled, Webhook.id.in_(due)))).all()

    async def remove(self, webhook_id: uuid.UUID) -> bool:
        """Remove a target with its log. False when there is none."""
        return await self._changed(delete(Webhook).where(Webhook.id == webhook_id)) == 1

    async def set_enabled(self, webhook_id: uuid.UUID, *, enabled: bool) -> bool:
        """Enable or disable a target. False when it is so already."""
        changes = {"enabled": enabled, "failing_since": None}
        statement = update(Webhook).where(Webhook.id == webhook_id, Webhook.enabled != enabled).values(changes)
        return await self._changed(statement.execution_options(synchronize_session=False)) == 1

    async def note_health(self, webhook_id: uuid.UUID, *, delivered: bool) -> None:
        """Write that a target accepted a delivery, or did not; the time of the first failure in a row is kept."""
        await self.session.execute(_NOTE_HEALTH, {"id": webhook_id, "delivered": delivered})

    async def switch_off(self, webhook_id: uuid.UUID, after: timedelta, least: int) -> datetime | None:
        """Disable a target that has accepted nothing for this long, and failed this many deliveries within it.

        Return the time of its first failure; None when it stays enabled.
        """
        parameters = {"id": webhook_id, "seconds": after.total_seconds(), "least": least}
        since: datetime | None = await self.session.scalar(_SWITCH_OFF, parameters)
        return since

    async def fan_out(self, limit: int) -> int:
        """Create deliveries of new events for the subscribed targets, in order. Return the number of events.

        0 when another process is doing it.
        """
        if not await self.session.scalar(select(func.pg_try_advisory_xact_lock(advisory_locks.WEBHOOK_FAN_OUT))):
            return 0
        return await self._changed(_FAN_OUT, {"limit": limit})

    async def add_delivery(self, webhook_id: uuid.UUID, event: WebhookEvent, *, claim: timedelta) -> WebhookDelivery:
        """Write an event for one target alone, which the caller sends itself within ``claim``."""
        self.session.add(event)
        number = await self.session.scalar(
            update(Webhook)
            .where(Webhook.id == webhook_id)
            .values(last_number=Webhook.last_number + 1)
            .returning(Webhook.last_number)
            .execution_options(synchronize_session=False)
        )
        await self.session.flush()
        delivery = WebhookDelivery(
            webhook_id=webhook_id, event_id=event.id, number=number, tries=1, next_try_at=func.now() + claim
        )
        self.session.add(delivery)
        await self.session.flush()
        return delivery

    async def claim(self, webhook_id: uuid.UUID, *, limit: int, claim_seconds: float) -> Sequence[WebhookDelivery]:
        """Claim due deliveries to a target, with their events, for ``claim_seconds``."""
        parameters = {"webhook_id": webhook_id, "limit": limit, "claim_seconds": claim_seconds}
        claimed = (await self.session.scalars(_CLAIM, parameters)).all()
        query = (
            select(WebhookDelivery)
            .where(WebhookDelivery.id.in_(claimed))
            .options(joinedload(WebhookDelivery.event), joinedload(WebhookDelivery.webhook))
            .order_by(WebhookDelivery.number)
        )
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).all()

    async def record(
        self,
        delivery_id: uuid.UUID,
        *,
        response_status: int | None,
        response_ms: int,
        error: str | None,
        most_tries: int,
        retry_seconds: float,
        longest_seconds: float,
    ) -> DeliveryStatus | None:
        """Write the outcome of a try: delivered, or an error with a retry after a pause, or given up.

        None when the target was removed meanwhile.
        """
        parameters: dict[str, Any] = {
            "id": delivery_id,
            "delivered": error is None,
            "response_status": response_status,
            "response_ms": response_ms,
            "error": error,
            "most_tries": most_tries,
            "retry_seconds": retry_seconds,
            "longest_seconds": longest_seconds,
        }
        status = await self.session.scalar(_RECORD, parameters)
        return None if status is None else DeliveryStatus(status)

    async def send_again(self, delivery_id: uuid.UUID) -> bool:
        """Enqueue a delivery again that was delivered or given up. False when it is neither."""
        return await self._changed(_AGAIN, {"id": delivery_id}) == 1

    async def get_delivery(self, delivery_id: uuid.UUID) -> WebhookDelivery:
        """Return a delivery with its event and target.

        Raises:
            NotFound: There is no such delivery, or its target was removed.
        """
        options = [joinedload(WebhookDelivery.event), joinedload(WebhookDelivery.webhook)]
        found = await self.session.get(WebhookDelivery, delivery_id, options=options, populate_existing=True)
        if found is None:
            raise NotFound(f"There is no delivery {delivery_id}.", "List them with: ", Action.LIST_DELIVERIES)
        return found

    async def find_delivery_id(self, reference: str) -> uuid.UUID:
        """Return the id of a delivery by itself, the beginning of it, or ``latest``.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: No delivery fits.
        """
        found = await references.find_id(self.session, WebhookDelivery, reference, [WebhookDelivery.id.desc()])
        if found is None:
            raise references.not_found("delivery", reference, Action.LIST_DELIVERIES)
        return found

    async def find_deliveries(
        self, webhook_id: uuid.UUID | None, status: DeliveryStatus | None, page: int = 1, limit: int = 20
    ) -> Page[WebhookDelivery]:
        """Return one page of the delivery log, the latest first, of one target and in one state if asked."""
        wanted: dict[Any, Any] = {WebhookDelivery.webhook_id: webhook_id, WebhookDelivery.status: status}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        rows = (
            select(WebhookDelivery)
            .where(*conditions)
            .options(joinedload(WebhookDelivery.event))
            .order_by(WebhookDelivery.id.desc())
        )
        return await read_page(self.session, rows, page, limit)

    async def backlogs(self) -> Mapping[uuid.UUID, Backlog]:
        """Return the number of waiting and given-up deliveries, by target."""
        query = select(
            WebhookDelivery.webhook_id,
            func.count().filter(WebhookDelivery.status == DeliveryStatus.PENDING),
            func.count().filter(WebhookDelivery.status == DeliveryStatus.FAILED),
        ).group_by(WebhookDelivery.webhook_id)
        return {key: Backlog(pending, failed) for key, pending, failed in await self.session.execute(query)}

    async def forget(self, before: datetime) -> int:
        """Delete deliveries that ended before a time, and their events. Return the number of events."""
        return await self._changed(_FORGET, {"before": before})
