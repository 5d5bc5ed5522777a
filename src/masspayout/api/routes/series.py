"""Series: what makes distributions by itself; listed, paused, resumed, called off."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from masspayout import series as business
from masspayout.api.door import requires
from masspayout.api.guarded import GuardedRoute
from masspayout.api.models.distributions import SeriesShown
from masspayout.api.paging import Listing, listing
from masspayout.api.requests import ClaimHere, PagingHere, RuntimeHere, SeriesHere
from masspayout.db.entities import Series, SeriesStatus
from masspayout.db.repositories import Lists
from masspayout.roles import Permission

router = APIRouter(tags=["series"], route_class=GuardedRoute)


@router.get("/series", response_model=Listing[SeriesShown])
@requires(Permission.VIEW)
async def list_series(
    runtime: RuntimeHere,
    paging: PagingHere,
    asset_id: Annotated[UUID | None, Query(description="Only those of this asset.")] = None,
    status: SeriesStatus | None = None,
) -> dict[str, Any]:
    """List what makes distributions by itself, the newest first."""
    async with runtime.database.single_statement() as session:
        return listing(await Lists(session).series(paging.place(), asset_id=asset_id, status=status))


@router.get("/series/{series}", response_model=SeriesShown)
@requires(Permission.VIEW)
async def show_series(series: SeriesHere) -> Series:
    """Show one series. Its distributions are at `/distributions?series_id=…`."""
    return series


@router.post("/series/{series}/pause", response_model=SeriesShown)
@requires(Permission.PLAN)
async def pause_series(runtime: RuntimeHere, series: SeriesHere, claim: ClaimHere) -> Series:
    """Let nothing of it begin until it is resumed."""
    if not (claim.is_resumed and series.status is SeriesStatus.PAUSED):
        async with runtime.database.unit_of_work() as session:
            await business.pause(session, series)
    return await _read_again(runtime, series)


@router.post("/series/{series}/resume", response_model=SeriesShown)
@requires(Permission.PLAN)
async def resume_series(runtime: RuntimeHere, series: SeriesHere, claim: ClaimHere) -> Series:
    """Let it go on. What fell due meanwhile is treated as after an outage."""
    if not (claim.is_resumed and series.status is SeriesStatus.ACTIVE):
        async with runtime.database.unit_of_work() as session:
            await business.resume(session, series)
    return await _read_again(runtime, series)


@router.post("/series/{series}/cancel", response_model=SeriesShown)
@requires(Permission.PLAN)
async def cancel_series(runtime: RuntimeHere, series: SeriesHere, claim: ClaimHere) -> Series:
    """Stop it for good, with whatever of it has not begun."""
    if not (claim.is_resumed and series.status is SeriesStatus.CANCELLED):
        async with runtime.database.unit_of_work() as session:
            await business.cancel(session, series)
    return await _read_again(runtime, series)


async def _read_again(runtime: RuntimeHere, series: Series) -> Series:
    async with runtime.database.single_statement() as session:
        return await business.find(session, str(series.id))
