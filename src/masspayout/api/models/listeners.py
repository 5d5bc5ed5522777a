"""Listeners, and the events that they read, as JSON."""

from uuid import UUID

from pydantic import Field, JsonValue

from masspayout.api.models.base import AccountId, RequestModel, RequestTime, ResponseModel, Time
from masspayout.db.entities import EventStatus


class ListenerResponse(ResponseModel):
    """A listener: its contract, and the position up to which events are read."""

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
    """A contract whose events are to be read."""

    contract_id: AccountId
    since: RequestTime | None = Field(default=None, description="From when on; unless given, from its first event.")


class ListenerPatchRequest(RequestModel):
    """A change of a listener."""

    enabled: bool = Field(description="Its position is kept: events that occur meanwhile are read afterwards.")


class EventResponse(ResponseModel):
    """An event of a contract."""

    id: UUID
    contract_id: str
    timestamp_nanos: int
    event_index: int
    name: str
    payload: dict[str, JsonValue]
    status: EventStatus
    error: str | None
    created_at: Time | None
