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
    failing_since: Time | None = Field(
        description="The time since which it accepts nothing. After a day it is switched off."
    )
    created_at: Time | None
    updated_at: Time | None


class NewWebhookResponse(WebhookResponse):
    """A target that was just added."""

    secret: str = Field(description="The key of the signatures of its deliveries. It is not shown again.")


class WebhookRequest(RequestModel):
    """A webhook to add."""

    url: Annotated[Text, Field(max_length=2000)] = Field(examples=["https://example.com/payouts"])
    events: Annotated[list[Annotated[Text, Field(max_length=100)]], Field(min_length=1, max_length=100)] = Field(
        default=list(DEFAULT_EVENTS), description="Types such as `batch.failed`, or all of a noun: `batch.*`."
    )


class WebhookPatchRequest(RequestModel):
    """A change of a webhook."""

    enabled: bool = Field(description="Queued events are kept; those that occur while it is off are not queued for it.")


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
