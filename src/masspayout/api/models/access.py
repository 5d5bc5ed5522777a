"""Tokens and the audit trail as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from masspayout.api.models.base import RequestModel, ResponseModel, Text, Time
from masspayout.kernel.roles import Role


class TokenResponse(ResponseModel):
    """An API token, without its secret."""

    id: UUID
    prefix: str = Field(description="The part of its text that may be seen.")
    name: str
    role: Role
    owner_id: UUID | None = Field(description="The user it belongs to.")
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None
    created_at: Time | None


class NewTokenResponse(TokenResponse):
    """An API token that was just made."""

    token: str = Field(description="Its text. It is not shown again.", examples=["mpt_0123456789abcdef_…"])


class TokenRequest(RequestModel):
    """A token to create."""

    name: Annotated[Text, Field(min_length=1, max_length=100)] = Field(description="Its name.")
    role: Role = Field(default=Role.VIEWER, description="Its role, with no more permissions than yours.")
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="Days until it expires; unless given, it never does."
    )


class AuditEntryResponse(ResponseModel):
    """One thing that somebody did."""

    id: UUID
    number: int
    created_at: Time
    actor_kind: str
    actor_id: str
    actor_name: str
    source_address: str | None
    action: str = Field(examples=["distribution.executed"])
    subject_type: str
    subject_id: str
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    previous_hash: str
    hash: str
    sentence: str = Field(
        description="What the entry tells, with its subject as it is called now. The hash does not cover it.",
        examples=["Petra approved Q3 dividend, 250,000.00 USDC."],
    )
