"""Webhooks in tests: added with a server of the test as the target, delivered as a worker does, and listed."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from masspayout.db.entities import Webhook, WebhookDelivery
from masspayout.db.repositories import Webhooks
from masspayout.service.webhooks import targets
from masspayout.service.webhooks.deliveries import Deliverer
from payouts import World
from web_targets import Respond, Target, answer, listening

TAKE = answer(200)


async def add(
    world: World, servers: AsyncExitStack, respond: Respond = TAKE, events: Sequence[str] = ("distribution.*",)
) -> tuple[Target, Webhook, str]:
    target = await servers.enter_async_context(listening(respond))
    webhook, secret = await targets.add(world.runtime.database, world.runtime.settings, target.url, events)
    return target, webhook, secret


async def deliver(world: World, **settings: object) -> int:
    return await Deliverer(world.runtime.database, world.runtime.settings.model_copy(update=settings)).deliver_due()


async def deliveries_of(world: World, webhook: Webhook | None = None) -> list[WebhookDelivery]:
    async with world.runtime.database.unit_of_work() as session:
        page = await Webhooks(session).find_deliveries(None if webhook is None else webhook.id, None, limit=1000)
        return sorted(page.items, key=lambda delivery: delivery.number)


async def pay(world: World, amount: str = "100") -> Any:
    dividend = await world.plan(amount, concept="Dividend 2031")
    await world.execute(dividend.id)
    await world.pay(dividend.id)
    return dividend
