"""Webhooks as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from masspayout.api.models.base import RequestModel, ResponseModel, Text, Time
from masspayout.db.entities import DeliveryStatus
from masspayout.service.webhooks import DEFAULT_EVENTS


class WebhookResponse(ResponseModel):
    """A target that is told of events."""

    id: UUID
    url: str = Field(examples=["https://example.com/payouts"])
    events: list[str] = Field(examples=[["distribution.*", "batch.failed"]])
    enabled: bool
    last_number: int = Field(description="How many events were put in order for it.")
    failing_since: Time | None = Field(description="Since when it takes nothing. After a day it is switched off.")
    created_at: Time | None
    updated_at: Time | None


class NewWebhookResponse(WebhookResponse):
    """A target that was just added."""

    secret: str = Field(description="What its deliveries are signed with. It is shown this once.")


class WebhookRequest(RequestModel):
    """Whom to tell of what."""

    url: Annotated[Text, Field(max_length=2000)] = Field(examples=["https://example.com/payouts"])
    events: Annotated[list[Annotated[Text, Field(max_length=100)]], Field(min_length=1, max_length=100)] = Field(
        default=list(DEFAULT_EVENTS), description="Types such as `batch.failed`, or all of a noun: `batch.*`."
    )


class WebhookPatchRequest(RequestModel):
    """What of a target to change."""

    enabled: bool = Field(description="What waits for it is kept; what happens while it is off it does not hear of.")


class DeliveryResponse(ResponseModel):
    """One event for one target, with how the last try ended."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    number: int
    status: DeliveryStatus
    tries: int
    next_try_at: Time
    response_status: int | None
    response_ms: int | None
    error: str | None
    delivered_at: Time | None
    created_at: Time | None
