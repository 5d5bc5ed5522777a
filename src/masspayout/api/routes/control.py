"""The policy, and proposals."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import ClaimDep, ContextDep, PagingDep
from masspayout.api.models.base import AccountId
from masspayout.api.models.control import (
    PolicyChangeResponse,
    PolicyRequest,
    PolicyResponse,
    PolicyVersionResponse,
    ProposalResponse,
)
from masspayout.api.paging import Listing, listing
from masspayout.app.control import Control
from masspayout.controls import PolicyChange
from masspayout.db.entities import Proposal, ProposalState
from masspayout.kernel.roles import Permission

router = APIRouter(tags=["control"], route_class=AuthenticatedRoute)

ProposalId = Annotated[UUID, Path(description="The proposal's id.")]


async def _control(context: ContextDep) -> Control:
    return Control(context)


ControlDep = Annotated[Control, Depends(_control)]


@router.get("/policy", response_model=PolicyResponse)
@requires(Permission.VIEW)
async def show_policy(
    control: ControlDep,
    asset: Annotated[
        AccountId | None, Query(description="The policy of this asset, beside the installation's.")
    ] = None,
) -> dict[str, Any]:
    """Show the policy in force: who has to approve what, and how much may be paid out."""
    found = await control.read_policy(asset)
    in_force = found.in_force
    return {
        "number": in_force.number,
        "guarded": in_force.is_guarded,
        "sentences": [sentence for content in in_force.stored for sentence in content.sentences],
        "versions": found.versions,
        "environment": in_force.environment.stored(),
        "proposals": found.proposals,
    }


@router.post("/policy", response_model=PolicyChangeResponse)
@requires(Permission.MANAGE_POLICY)
async def change_policy(control: ControlDep, body: PolicyRequest) -> PolicyChange:
    """Change the policy. Where it is guarded, this is a proposal, which another person approves."""
    return await control.change_policy(body.content, body.asset)


@router.get("/policy/history", response_model=Listing[PolicyVersionResponse])
@requires(Permission.VIEW)
async def list_policy_versions(context: ContextDep, paging: PagingDep) -> dict[str, Any]:
    """List the versions of the policy, the latest first."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.policies(paging.page_request()))


@router.get("/proposals", response_model=Listing[ProposalResponse])
@requires(Permission.VIEW)
async def list_proposals(
    context: ContextDep,
    paging: PagingDep,
    state: Annotated[ProposalState | None, Query(description="Only those in this state.")] = None,
) -> dict[str, Any]:
    """List the proposals, newest first."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.proposals(paging.page_request(), state=state))


@router.get("/proposals/{proposal}", response_model=ProposalResponse)
@requires(Permission.VIEW)
async def show_proposal(context: ContextDep, proposal: ProposalId) -> Proposal:
    """Show a proposal, with what is before and what is to be after it."""
    async with context.database.single_statement() as work:
        return await work.proposals.get(proposal)


@router.post("/proposals/{proposal}/approve", response_model=ProposalResponse)
@requires(Permission.APPROVE)
async def approve_proposal(control: ControlDep, proposal: ProposalId, claim: ClaimDep) -> Proposal:
    """Approve a proposal of another person, which does what it proposes. Tokens approve nothing."""
    return await control.approve_proposal(proposal, resumed=claim.is_resumed)


@router.post("/proposals/{proposal}/refuse", response_model=ProposalResponse)
@requires(Permission.APPROVE)
async def refuse_proposal(control: ControlDep, proposal: ProposalId, claim: ClaimDep) -> Proposal:
    """Refuse a proposal of another person."""
    return await control.refuse_proposal(proposal, resumed=claim.is_resumed)


@router.post("/proposals/{proposal}/withdraw", response_model=ProposalResponse)
@requires(Permission.PLAN)
async def withdraw_proposal(control: ControlDep, proposal: ProposalId, claim: ClaimDep) -> Proposal:
    """Withdraw a proposal of your own."""
    return await control.withdraw_proposal(proposal, resumed=claim.is_resumed)
