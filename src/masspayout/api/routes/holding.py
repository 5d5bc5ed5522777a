"""Pauses of distributions, assets and the installation; distributions sent back, and approvals withdrawn."""

from typing import Any

from fastapi import APIRouter

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import AssetDep, ClaimDep, DistributionId, PayoutsDep
from masspayout.api.models.distributions import ApprovalsResponse, DistributionDetailResponse
from masspayout.api.models.holding import PauseOutcomeResponse, PauseRequest, PauseResponse, SendBackRequest
from masspayout.api.paging import Listing
from masspayout.api.routes.distributions import approvals_of, detail_of
from masspayout.distributions import PauseOutcome, PauseSubject
from masspayout.kernel.roles import Permission

router = APIRouter(tags=["holding"], route_class=AuthenticatedRoute)


@router.post("/distributions/{distribution}/pause", response_model=DistributionDetailResponse)
@requires(Permission.PAY)
async def pause_distribution(
    payouts: PayoutsDep, distribution: DistributionId, wanted: PauseRequest | None = None
) -> dict[str, Any]:
    """Pause a running distribution: no further batch begins until it is resumed. A paused one stays so."""
    await payouts.pause(PauseSubject(distribution_id=distribution), _reason(wanted))
    return await detail_of(payouts, distribution)


@router.post("/distributions/{distribution}/resume", response_model=DistributionDetailResponse)
@requires(Permission.PAY)
async def resume_distribution(payouts: PayoutsDep, distribution: DistributionId) -> dict[str, Any]:
    """Resume a paused distribution. Workers go on where it stopped."""
    await payouts.resume(PauseSubject(distribution_id=distribution))
    return await detail_of(payouts, distribution)


@router.post("/distributions/{distribution}/send-back", response_model=DistributionDetailResponse)
@requires(Permission.APPROVE)
async def send_back_distribution(
    payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep, wanted: SendBackRequest
) -> dict[str, Any]:
    """Send a distribution that waits for approval back to its creator. Its approvals are void."""
    await payouts.send_back(distribution, wanted.reason, resumed=claim.is_resumed)
    return await detail_of(payouts, distribution)


@router.post("/distributions/{distribution}/resubmit", response_model=DistributionDetailResponse)
@requires(Permission.PLAN)
async def resubmit_distribution(payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep) -> dict[str, Any]:
    """Ask for approval again of a distribution that was sent back. It needs all its approvals anew."""
    await payouts.resubmit(distribution, resumed=claim.is_resumed)
    return await detail_of(payouts, distribution)


@router.delete("/distributions/{distribution}/approvals", response_model=ApprovalsResponse)
@requires(Permission.APPROVE)
async def withdraw_approval(payouts: PayoutsDep, distribution: DistributionId) -> dict[str, Any]:
    """Withdraw your own approval, before the distribution starts."""
    await payouts.withdraw_approval(distribution)
    return await approvals_of(payouts, distribution)


@router.get("/pauses", response_model=Listing[PauseResponse])
@requires(Permission.VIEW)
async def list_pauses(payouts: PayoutsDep) -> dict[str, Any]:
    """List the pauses that last, the latest first: all of them on one page."""
    found = [pause for pause, _ in await payouts.list_pauses()]
    return {"items": found, "total": len(found), "next_cursor": None}


@router.post("/assets/{asset}/pause", response_model=PauseOutcomeResponse)
@requires(Permission.PAY)
async def pause_asset(payouts: PayoutsDep, asset: AssetDep, wanted: PauseRequest | None = None) -> PauseOutcome:
    """Pause all distributions of an asset: none starts, and no further batch begins."""
    return await payouts.pause(PauseSubject(asset_id=asset.id), _reason(wanted))


@router.post("/assets/{asset}/resume", response_model=PauseOutcomeResponse)
@requires(Permission.PAY)
async def resume_asset(payouts: PayoutsDep, asset: AssetDep) -> PauseOutcome:
    """Resume an asset. Distributions that fell due meanwhile start as after an outage."""
    return await payouts.resume(PauseSubject(asset_id=asset.id))


@router.post("/pause", response_model=PauseOutcomeResponse)
@requires(Permission.PAY)
async def pause_installation(payouts: PayoutsDep, wanted: PauseRequest | None = None) -> PauseOutcome:
    """Pause the installation: no distribution starts, and no further batch begins."""
    return await payouts.pause(PauseSubject(), _reason(wanted))


@router.post("/resume", response_model=PauseOutcomeResponse)
@requires(Permission.PAY)
async def resume_installation(payouts: PayoutsDep) -> PauseOutcome:
    """Resume the installation. Distributions that fell due meanwhile start as after an outage."""
    return await payouts.resume(PauseSubject())


def _reason(wanted: PauseRequest | None) -> str:
    return "" if wanted is None else wanted.reason
