"""Series: lists, details, pause, resumption, cancellation."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.dependencies import ClaimDep, ContextDep, PagingDep, SeriesDep
from masspayout.api.models.series import SeriesResponse
from masspayout.api.paging import Listing, listing
from masspayout.automation import series as business
from masspayout.context import Context
from masspayout.db.entities import Series, SeriesStatus
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.roles import Permission
from masspayout.service.idempotency import Claim

router = APIRouter(tags=["series"], route_class=AuthenticatedRoute)


@router.get("/series", response_model=Listing[SeriesResponse])
@requires(Permission.VIEW)
async def list_series(
    context: ContextDep,
    paging: PagingDep,
    asset_id: Annotated[UUID | None, Query(description="Only those of this asset.")] = None,
    status: SeriesStatus | None = None,
) -> dict[str, Any]:
    """List the series, the newest first."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.series(paging.page_request(), asset_id=asset_id, status=status))


@router.get("/series/{series}", response_model=SeriesResponse)
@requires(Permission.VIEW)
async def show_series(series: SeriesDep) -> Series:
    """Show one series. Its distributions are at `/distributions?series_id=…`."""
    return series


@router.post("/series/{series}/pause", response_model=SeriesResponse)
@requires(Permission.PLAN)
async def pause_series(context: ContextDep, series: SeriesDep, claim: ClaimDep) -> Series:
    """Pause a series: none of its distributions begins until it is resumed."""
    return await _move(context, series, claim, business.pause, SeriesStatus.PAUSED)


@router.post("/series/{series}/resume", response_model=SeriesResponse)
@requires(Permission.PLAN)
async def resume_series(context: ContextDep, series: SeriesDep, claim: ClaimDep) -> Series:
    """Resume a series. Payouts that fell due meanwhile are treated as after an outage."""
    return await _move(context, series, claim, business.resume, SeriesStatus.ACTIVE)


@router.post("/series/{series}/cancel", response_model=SeriesResponse)
@requires(Permission.PLAN)
async def cancel_series(context: ContextDep, series: SeriesDep, claim: ClaimDep) -> Series:
    """Cancel a series for good, with its distributions that have not begun."""
    return await _move(context, series, claim, business.cancel, SeriesStatus.CANCELLED)


async def _move(
    context: Context,
    series: Series,
    claim: Claim,
    move: Callable[[UnitOfWork, Series], Awaitable[object]],
    to_state: SeriesStatus,
) -> Series:
    """Move a series, unless a process did so before it died; return the series as it is now."""
    if not (claim.is_resumed and series.status is to_state):
        async with context.database.unit_of_work() as work:
            await move(work, series)
    async with context.database.single_statement() as work:
        return await business.find(work, str(series.id))
