"""Pauses, and payouts that are sent back, as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from masspayout.api.models.base import RequestModel, ResponseModel, Text, Time


class PauseResponse(ResponseModel):
    """A pause that lasts: of one distribution, of one asset, or, with neither, of the installation."""

    distribution_id: UUID | None
    asset_id: UUID | None
    reason: str
    paused_by_name: str
    paused_at: Time


class PauseOutcomeResponse(ResponseModel):
    """The outcome of a request to pause or to resume."""

    has_changed: bool = Field(description="False when it was paused, or not paused, before.")
    pause: PauseResponse | None = Field(description="The pause that lasts now.")


class PauseRequest(RequestModel):
    """A pause. Without a body: one without a reason."""

    reason: Text = Field(default="", description="Why, for those who find it paused.", examples=["The bank called."])


class SendBackRequest(RequestModel):
    """The return of a distribution to its creator."""

    reason: Annotated[Text, Field(min_length=1)] = Field(
        description="What its creator is to change.", examples=["The record date is a holiday."]
    )
