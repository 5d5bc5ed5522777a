"""Dependencies of endpoints: the parts of the process, the caller, and the objects that a path names."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request

from masspayout.api.paging import Paging, paging
from masspayout.app import Payouts
from masspayout.automation import series as series_business
from masspayout.context import Context
from masspayout.db.entities import Asset, Distribution, Series
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.service.access import Identity
from masspayout.service.idempotency import Claim

# They are async so that they run at once, and not in a thread of their own as others do.


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _payouts(request: Request) -> Payouts:
    return Payouts(request.app.state.context)


async def _identity(request: Request) -> Identity:
    identity: Identity = request.state.identity
    return identity


async def _claim(request: Request) -> Claim:
    claim: Claim = request.state.claim
    return claim


ContextDep = Annotated[Context, Depends(_context)]
PayoutsDep = Annotated[Payouts, Depends(_payouts)]
Caller = Annotated[Identity, Depends(_identity)]
ClaimDep = Annotated[Claim, Depends(_claim)]
PagingDep = Annotated[Paging, Depends(paging)]

AssetReference = Annotated[
    str, Path(max_length=100, description="The asset's UUID, or its token id.", examples=["0.0.5000"])
]
DistributionId = Annotated[UUID, Path(description="The distribution's id.")]
SeriesId = Annotated[UUID, Path(description="The series' id.")]


async def _asset(context: ContextDep, asset: AssetReference) -> Asset:
    try:
        reference = str(UUID(asset))
    except ValueError:
        reference = canonical_account_id(asset, what="asset: it is neither a UUID nor a token id")
    async with context.database.unit_of_work() as work:
        return await work.assets.get_by_reference(reference)


async def _distribution(context: ContextDep, distribution: DistributionId) -> Distribution:
    async with context.database.single_statement() as work:
        return await work.distributions.get(distribution)


async def _series(context: ContextDep, series: SeriesId) -> Series:
    async with context.database.single_statement() as work:
        return await series_business.find(work, str(series))


AssetDep = Annotated[Asset, Depends(_asset)]
DistributionDep = Annotated[Distribution, Depends(_distribution)]
SeriesDep = Annotated[Series, Depends(_series)]
