"""Listeners, and the events that they read, as JSON."""

from uuid import UUID

from pydantic import Field, JsonValue

from masspayout.api.models.base import AccountId, RequestModel, RequestTime, ResponseModel, Time
from masspayout.db.entities import EventStatus


class ListenerResponse(ResponseModel):
    """Whose events are read, and how far."""

    id: UUID
    contract_id: str
    enabled: bool | None
    last_processed_timestamp: int | None = Field(description="In nanoseconds since 1970.")
    last_processed_index: int | None
    last_polled_at: Time | None
    poll_error: str | None
    created_at: Time | None
    updated_at: Time | None


class ListenerRequest(RequestModel):
    """Whose events to read."""

    contract_id: AccountId
    since: RequestTime | None = Field(default=None, description="From when on; unless given, from its first event.")


class ListenerPatchRequest(RequestModel):
    """What of a listener to change."""

    enabled: bool = Field(description="Its place is kept: what happens meanwhile is read afterwards.")


class EventResponse(ResponseModel):
    """What a contract reported."""

    id: UUID
    contract_id: str
    timestamp_nanos: int
    event_index: int
    name: str
    payload: dict[str, JsonValue]
    status: EventStatus
    error: str | None
    created_at: Time | None
