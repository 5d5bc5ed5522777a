"""The policy and proposals as JSON."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, JsonValue

from masspayout.api.models.base import AccountId, RequestModel, ResponseModel, Time
from masspayout.controls import PolicyContent, without_secrets
from masspayout.db.entities import ProposalState

_Shown = Annotated[dict[str, JsonValue], BeforeValidator(without_secrets)]


class PolicyVersionResponse(ResponseModel):
    """A version of the policy."""

    id: UUID
    number: int
    asset_id: UUID | None = Field(description="The asset that it is for; null: the installation.")
    content: dict[str, JsonValue] = Field(description="The content, as POST /policy takes it.")
    made_by_name: str
    approved_by_name: str | None = Field(description="Who approved it, where another person had to.")
    made_at: Time
    replaced_at: Time | None = Field(description="Null while it is in force.")


class ProposalResponse(ResponseModel):
    """A change that one person makes and another approves."""

    id: UUID
    kind: str = Field(examples=["policy"])
    subject: str = Field(examples=["installation"])
    before: _Shown | None
    after: _Shown
    state: ProposalState
    made_by_name: str
    decided_by_name: str | None
    decided_at: Time | None
    created_at: Time | None


class PolicyResponse(ResponseModel):
    """The policy in force. All versions apply together."""

    number: int | None = Field(description="The number of the newest version; null without any.")
    guarded: bool = Field(description="Whether payouts may need approvals, and changes another person.")
    sentences: list[str] = Field(description="The policy, for people.")
    versions: list[PolicyVersionResponse]
    environment: dict[str, JsonValue] = Field(description="What the settings of this process ask for besides.")
    proposals: list[ProposalResponse] = Field(description="The open proposals to change it.")


class PolicyRequest(RequestModel):
    """A policy to put in force."""

    content: PolicyContent = Field(description="The whole new content.")
    asset: AccountId | None = Field(default=None, description="The token id of the asset that it is for.")


class PolicyChangeResponse(ResponseModel):
    """The result of a change: the version in force, or the proposal that waits for another person."""

    version: PolicyVersionResponse | None
    proposal: ProposalResponse | None
