"""Deliveries: events are sent to webhooks, signed, until a target accepts them or they are given up.

Each event is sent at least once, and carries an id that stays the same and a number that counts up for its target. The
signature is that of the Standard Webhooks specification, so existing libraries can verify it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import httpcore

from masspayout import audit
from masspayout.db.entities import DeliveryStatus, Webhook, WebhookDelivery, WebhookEvent
from masspayout.db.session import Database
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.json_forms import json_form
from masspayout.service.sealing import unseal
from masspayout.service.webhooks.addresses import ForbiddenAddressError, check_url, connection_pool
from masspayout.service.webhooks.targets import SECRET_PREFIX
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# One statement numbers this many events, and holds the fan-out's lock for as long as that takes.
_EVENTS_AT_ONCE = 1000
# Few at once, since the next ones wait for the slowest answer, and all of these are sent again if this worker dies.
_SENT_AT_ONCE = 8
# A target that failed is sent nothing for this long, while others are sent to.
_LEFT_ALONE_SECONDS = 10.0
# While one target's answer is waited for, new events of the others are polled for this often.
_POLL_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 3600.0
# A target that accepts nothing for this long is disabled: its events would pile up.
_PATIENCE = timedelta(days=1)
# Events of a target with little traffic do not pile up, and one failed delivery says little.
_LEAST_UNTAKEN = 3
# The lease of a delivery is this much longer than its time-out, before another worker sends it.
_SPARE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TargetResponse:
    """The response to one delivery. Without an error, the target accepted it."""

    status: int | None
    milliseconds: int
    error: str | None


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a delivery: HMAC-SHA256 over id, time and body, with the target's secret."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Deliverer:
    """The sender of deliveries. Any number may work at once; each delivery is claimed by one."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def deliver_due(self) -> int:
        """Send the due deliveries of every target, side by side, until nothing is due.

        Return the number of accepted ones. A target that is slow or down does not hold up the others: they get new
        events while its answer is waited for. A target that failed is left alone for a while.
        """
        taken, sending, left_alone = 0, dict[uuid.UUID, asyncio.Task[tuple[int, bool]]](), dict[uuid.UUID, float]()
        try:
            while True:
                for target in await self._find_due():
                    if target.id not in sending and left_alone.get(target.id, 0.0) <= time.monotonic():
                        sending[target.id] = asyncio.create_task(self._deliver_to(target))
                if not sending:
                    return taken
                waiting = sending.values()
                await asyncio.wait(waiting, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for target_id in [target_id for target_id, task in sending.items() if task.done()]:
                    count, all_taken = sending.pop(target_id).result()
                    taken += count
                    if not all_taken:
                        left_alone[target_id] = time.monotonic() + _LEFT_ALONE_SECONDS
        finally:
            for task in sending.values():
                task.cancel()
            await asyncio.gather(*sending.values(), return_exceptions=True)

    async def _find_due(self) -> Sequence[Webhook]:
        async with self._database.unit_of_work() as work:
            await work.webhooks.fan_out(_EVENTS_AT_ONCE)
        async with self._database.unit_of_work() as work:
            return await work.webhooks.find_enabled()

    async def test(self, webhook: Webhook) -> WebhookDelivery:
        """Send an event of type ``webhook.test`` to a target now, and return the delivery with its outcome."""
        async with self._database.unit_of_work() as work:
            event = WebhookEvent(
                type="webhook.test",
                data={"webhook_id": str(webhook.id)},
                dispatched_at=await self._database.clock.database_now(),
            )
            added = await work.webhooks.add_delivery(webhook.id, event, claim=timedelta(seconds=self._claim_seconds()))
        async with self._database.unit_of_work() as work:
            delivery = await work.webhooks.get_delivery(added.id)
        async with connection_pool(allow_private=self._settings.webhook_allow_private) as pool:
            await self._deliver(pool, delivery)
        async with self._database.unit_of_work() as work:
            return await work.webhooks.get_delivery(added.id)

    async def forget_old(self, now: datetime) -> int:
        """Delete events and deliveries that ended long ago."""
        async with self._database.unit_of_work() as work:
            return await work.webhooks.forget(now - timedelta(days=self._settings.webhook_keep_days))

    async def _deliver_to(self, target: Webhook) -> tuple[int, bool]:
        """Send the due deliveries of one target, some at a time, until nothing is due or one fails.

        The target has connections of its own, so those that hang hold up nobody else. Return the number of accepted
        deliveries, and True if all were accepted.
        """
        taken = 0
        async with connection_pool(allow_private=self._settings.webhook_allow_private) as pool:
            while True:
                async with self._database.unit_of_work() as work:
                    due = await work.webhooks.claim(target.id, limit=_SENT_AT_ONCE, claim_seconds=self._claim_seconds())
                statuses = await asyncio.gather(*(self._deliver(pool, delivery) for delivery in due))
                count = statuses.count(DeliveryStatus.DELIVERED)
                taken += count
                if due and (not count or target.failing_since is not None):
                    await self._note_health(target, delivered=count > 0)
                if len(due) < _SENT_AT_ONCE or count < len(due):
                    return taken, count == len(due)

    async def _note_health(self, target: Webhook, *, delivered: bool) -> None:
        """Store since when a target accepts nothing, and disable it after a day of that."""
        async with self._database.unit_of_work() as work:
            await work.webhooks.note_health(target.id, delivered=delivered)
            since = None if delivered else await work.webhooks.switch_off(target.id, _PATIENCE, _LEAST_UNTAKEN)
            if since is not None:
                facts = {"enabled": False, "failing_since": since}
                audit.record(work, "webhook.switched_off", target.id, before={"enabled": True}, after=facts)
        if since is not None:
            _log.warning("webhook %s is switched off: %s accepted nothing since %s", target.id, target.url, since)

    async def _deliver(self, pool: httpcore.AsyncConnectionPool, delivery: WebhookDelivery) -> DeliveryStatus | None:
        answer = await self._send(pool, delivery)
        settings = self._settings
        async with self._database.unit_of_work() as work:
            status = await work.webhooks.record(
                delivery.id,
                response_status=answer.status,
                response_ms=answer.milliseconds,
                error=answer.error,
                most_tries=settings.webhook_tries,
                retry_seconds=settings.webhook_retry_seconds,
                longest_seconds=_LONGEST_PAUSE_SECONDS,
            )
        if answer.error is not None:
            _log.debug("delivery %s was not taken", delivery.id)
            _log.warning("webhook %s did not take a delivery: %s", delivery.webhook_id, answer.error)
        return status

    async def _send(self, pool: httpcore.AsyncConnectionPool, delivery: WebhookDelivery) -> TargetResponse:
        """Send a delivery. Any failure is returned as the response."""
        started = time.monotonic()
        status: int | None = None
        error: str | None
        try:
            url, headers, body = self._request(delivery)
            async with (
                asyncio.timeout(self._settings.webhook_timeout_seconds),
                pool.stream("POST", url, headers=headers, content=body) as response,
            ):
                # The answer's body has no use, and is not read: it could be of any size.
                status = response.status
            error = _complaint(status)
        except TimeoutError:
            error = f"There was no answer within {self._settings.webhook_timeout_seconds:g} seconds."
        except (ForbiddenAddressError, MassPayoutError) as refusal:
            error = str(refusal)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as failure:
            error = f"It could not be reached: {failure or type(failure).__name__}."
        return TargetResponse(status, round((time.monotonic() - started) * 1000), error)

    def _request(self, delivery: WebhookDelivery) -> tuple[str, list[tuple[str, str]], bytes]:
        event, url = delivery.event, delivery.webhook.url
        parts = check_url(url, allow_private=self._settings.webhook_allow_private)
        message = {
            "id": event.id,
            "type": event.type,
            "number": delivery.number,
            "occurred_at": event.created_at,
            "data": event.data,
        }
        body = json.dumps(message, default=json_form, separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = int(time.time())
        secret = unseal(self._settings, delivery.webhook.sealed_secret)
        return (
            url,
            [
                ("Host", parts.netloc),
                ("User-Agent", "masspayout"),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("webhook-id", str(event.id)),
                ("webhook-timestamp", str(timestamp)),
                ("webhook-signature", signature(secret, str(event.id), timestamp, body)),
            ],
            body,
        )

    def _claim_seconds(self) -> float:
        return self._settings.webhook_timeout_seconds + _SPARE_SECONDS


def _complaint(status: int) -> str | None:
    """Return the error of a status; None when the target accepted the delivery."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"It answered {status}: redirects are not followed. Give the webhook its final URL."
    return f"It answered {status}."
