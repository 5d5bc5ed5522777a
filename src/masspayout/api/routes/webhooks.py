"""Webhooks and their deliveries."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import ClaimDep, ContextDep, PagingDep
from masspayout.api.models.webhooks import (
    DeliveryResponse,
    NewWebhookResponse,
    WebhookPatchRequest,
    WebhookRequest,
    WebhookResponse,
)
from masspayout.api.paging import Listing, listing
from masspayout.context import Context
from masspayout.db.entities import DeliveryStatus, Webhook, WebhookDelivery
from masspayout.kernel.roles import Permission
from masspayout.service.webhooks import targets

router = APIRouter(tags=["webhooks"], route_class=AuthenticatedRoute)

WebhookId = Annotated[UUID, Path(description="The webhook's id.")]
DeliveryId = Annotated[UUID, Path(description="The delivery's id.")]


@router.get("/webhooks", response_model=Listing[WebhookResponse])
@requires(Permission.MANAGE_WEBHOOKS)
async def list_webhooks(context: ContextDep, paging: PagingDep) -> dict[str, Any]:
    """List the webhooks, newest first."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.webhooks(paging.page_request()))


@router.post("/webhooks", response_model=NewWebhookResponse, status_code=201)
@requires(Permission.MANAGE_WEBHOOKS, tells_secret=True)
async def add_webhook(context: ContextDep, body: WebhookRequest, claim: ClaimDep) -> dict[str, Any]:
    """Add a webhook. The secret that verifies signatures is in the response, and nowhere else."""
    if claim.is_resumed:
        await _remove_unreturned(context, claim.new_id)
    webhook, secret = await targets.add(
        context.database, context.settings, body.url, body.events, webhook_id=claim.new_id
    )
    return {name: getattr(webhook, name) for name in WebhookResponse.model_fields} | {"secret": secret}


@router.patch("/webhooks/{webhook}", response_model=WebhookResponse)
@requires(Permission.MANAGE_WEBHOOKS)
async def change_webhook(context: ContextDep, webhook: WebhookId, patch: WebhookPatchRequest) -> Webhook:
    """Switch a webhook on or off."""
    await targets.set_enabled(context.database, webhook, enabled=patch.enabled)
    async with context.database.single_statement() as work:
        return await work.webhooks.get(webhook)


@router.delete("/webhooks/{webhook}", status_code=204)
@requires(Permission.MANAGE_WEBHOOKS)
async def remove_webhook(context: ContextDep, webhook: WebhookId) -> None:
    """Remove a webhook and its log."""
    await targets.remove(context.database, webhook)


@router.get("/webhooks/{webhook}/deliveries", response_model=Listing[DeliveryResponse])
@requires(Permission.MANAGE_WEBHOOKS)
async def list_deliveries(
    context: ContextDep, webhook: WebhookId, paging: PagingDep, status: DeliveryStatus | None = None
) -> dict[str, Any]:
    """List the deliveries of a webhook, the latest first, with the responses."""
    async with context.database.single_statement() as work:
        await work.webhooks.get(webhook)
        return listing(await work.read_models.deliveries(webhook, paging.page_request(), status=status))


@router.post("/webhooks/deliveries/{delivery}/redeliver", response_model=DeliveryResponse, status_code=202)
@requires(Permission.MANAGE_WEBHOOKS)
async def redeliver(context: ContextDep, delivery: DeliveryId) -> WebhookDelivery:
    """Send an event again, with the same id and number. A worker does it."""
    await targets.send_again(context.database, delivery)
    async with context.database.single_statement() as work:
        return await work.webhooks.get_delivery(delivery)


async def _remove_unreturned(context: Context, webhook_id: UUID) -> None:
    """Remove a webhook of a process that died before it returned the secret."""
    async with context.database.single_statement() as work:
        unreturned = await work.webhooks.find_by_id(webhook_id)
    if unreturned is not None:
        await targets.remove(context.database, webhook_id)
