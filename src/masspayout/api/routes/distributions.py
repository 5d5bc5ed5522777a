"""Distributions: lists, details, start, retry, cancellation."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.csv_responses import CSV_ANSWER, FormatQuery, csv_response
from masspayout.api.dependencies import (
    AssetDep,
    ClaimDep,
    ContextDep,
    DistributionDep,
    DistributionId,
    PagingDep,
    PayoutsDep,
)
from masspayout.api.models.base import RequestTime
from masspayout.api.models.distributions import (
    ApprovalRequest,
    ApprovalsResponse,
    AttemptResponse,
    BatchResponse,
    DistributionDetailResponse,
    DistributionResponse,
    EntitlementResponse,
    PreviewResponse,
    ReconciliationResponse,
    RetryRequest,
)
from masspayout.api.paging import AccountQuery, Listing, listing
from masspayout.app import Payouts
from masspayout.db.entities import (
    AttemptStatus,
    BatchStatus,
    DistributionStatus,
    DistributionType,
    ExecutionType,
)
from masspayout.db.repositories import (
    DistributionFilter,
    DistributionSort,
    EntitlementFilter,
    HolderSort,
)
from masspayout.distributions import Chosen, Preview
from masspayout.kernel.pauses import PauseInForce
from masspayout.kernel.roles import Permission
from masspayout.payments import Reconciliation
from masspayout.reporting import exports

router = APIRouter(tags=["distributions"], route_class=AuthenticatedRoute)

AssetQuery = Annotated[uuid.UUID | None, Query(description="Only those of this asset.")]
SeriesQuery = Annotated[uuid.UUID | None, Query(description="Only those that this series made.")]
CodeQuery = Annotated[
    str | None, Query(max_length=100, pattern="^[A-Z0-9_]*$", description="Only those with this failure code.")
]
FromQuery = Annotated[RequestTime | None, Query(description="Only from this time on.")]
UntilQuery = Annotated[RequestTime | None, Query(description="Only before this time.")]
EntitlementSort = Literal[HolderSort.ACCOUNT, HolderSort.ACCOUNT_BACKWARDS, HolderSort.LARGEST_AMOUNT]


@router.get("/distributions", response_model=Listing[DistributionResponse])
@requires(Permission.VIEW)
async def list_distributions(
    context: ContextDep,
    paging: PagingDep,
    asset_id: AssetQuery = None,
    series_id: SeriesQuery = None,
    status: DistributionStatus | None = None,
    type: DistributionType | None = None,  # noqa: A002 - the column's name
    execution_type: ExecutionType | None = None,
    failure_code: CodeQuery = None,
    created_from: FromQuery = None,
    created_until: UntilQuery = None,
    scheduled_from: FromQuery = None,
    scheduled_until: UntilQuery = None,
    sort: DistributionSort = DistributionSort.NEWEST,
) -> dict[str, Any]:
    """List the distributions."""
    wanted = DistributionFilter(
        asset_id=asset_id,
        series_id=series_id,
        status=status,
        type=type,
        execution_type=execution_type,
        failure_code=failure_code,
        created_from=created_from,
        created_until=created_until,
        scheduled_from=scheduled_from,
        scheduled_until=scheduled_until,
    )
    async with context.database.unit_of_work() as work:
        part = await work.read_models.distributions(wanted, paging.page_request(sort), sort)
        pauses = await work.pauses.find_of([each.id for each in part.items])
    return _with_pauses(listing(part, sort), pauses)


@router.get("/assets/{asset}/distributions", response_model=Listing[DistributionResponse])
@requires(Permission.VIEW)
async def list_distributions_of_asset(
    context: ContextDep,
    asset: AssetDep,
    paging: PagingDep,
    status: DistributionStatus | None = None,
    type: DistributionType | None = None,  # noqa: A002 - the column's name
    sort: DistributionSort = DistributionSort.NEWEST,
) -> dict[str, Any]:
    """List the distributions of an asset."""
    wanted = DistributionFilter(asset_id=asset.id, status=status, type=type)
    async with context.database.unit_of_work() as work:
        part = await work.read_models.distributions(wanted, paging.page_request(sort), sort)
        pauses = await work.pauses.find_of([each.id for each in part.items])
    return _with_pauses(listing(part, sort), pauses)


@router.get("/distributions/{distribution}", response_model=DistributionDetailResponse)
@requires(Permission.VIEW)
async def show_distribution(payouts: PayoutsDep, distribution: DistributionId) -> dict[str, Any]:
    """Show one distribution and its progress."""
    return await detail_of(payouts, distribution)


@router.get("/distributions/{distribution}/preview", response_model=PreviewResponse)
@requires(Permission.VIEW)
async def preview_distribution(payouts: PayoutsDep, distribution: DistributionDep) -> Preview:
    """Preview a distribution: amounts, accounts that cannot receive it, missing funds."""
    return await payouts.preview(distribution)


@router.get("/distributions/{distribution}/holders", response_model=Listing[EntitlementResponse], responses=CSV_ANSWER)
@requires(Permission.VIEW)
async def list_entitlements(
    context: ContextDep,
    distribution: DistributionDep,
    paging: PagingDep,
    paid: bool | None = None,
    failure_code: CodeQuery = None,
    batch_number: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    account_id: AccountQuery = None,
    sort: EntitlementSort = HolderSort.ACCOUNT,
    as_format: Annotated[FormatQuery, Query(alias="format")] = "json",
) -> Any:
    """List the holders with the amount and state of each, or return all as CSV."""
    if as_format == "csv":
        return csv_response(exports.entitlements_csv(context.database, distribution), f"payout-{distribution.id}")
    wanted = EntitlementFilter(paid=paid, failure_code=failure_code, batch_number=batch_number, account_id=account_id)
    async with context.database.single_statement() as work:
        part = await work.read_models.entitlements(distribution, wanted, paging.page_request(sort), sort)
    return listing(part, sort)


@router.get("/distributions/{distribution}/batches", response_model=Listing[BatchResponse])
@requires(Permission.VIEW)
async def list_batches(
    context: ContextDep, distribution: DistributionDep, paging: PagingDep, status: BatchStatus | None = None
) -> dict[str, Any]:
    """List the batches, by number."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.batches(distribution.id, paging.page_request(), status=status))


@router.get("/distributions/{distribution}/attempts", response_model=Listing[AttemptResponse])
@requires(Permission.VIEW)
async def list_attempts(
    context: ContextDep, distribution: DistributionDep, paging: PagingDep, status: AttemptStatus | None = None
) -> dict[str, Any]:
    """List all transactions signed for a distribution, in that order."""
    async with context.database.single_statement() as work:
        return listing(await work.read_models.attempts(distribution.id, paging.page_request(), status=status))


@router.get("/distributions/{distribution}/reconciliation", response_model=ReconciliationResponse)
@requires(Permission.VIEW)
async def reconcile_distribution(payouts: PayoutsDep, distribution: DistributionId) -> Reconciliation:
    """Compare the ledger's books with the database, account by account."""
    return await payouts.reconcile(distribution)


@router.get("/distributions/{distribution}/approvals", response_model=ApprovalsResponse)
@requires(Permission.VIEW)
async def listapprovals_of(payouts: PayoutsDep, distribution: DistributionId) -> dict[str, Any]:
    """Show the approvals of a distribution, and the number that it needs."""
    return await approvals_of(payouts, distribution)


@router.post("/distributions/{distribution}/approve", response_model=ApprovalsResponse)
@requires(Permission.APPROVE)
async def approve_distribution(
    payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep, approval: ApprovalRequest
) -> dict[str, Any]:
    """Approve a distribution by its register hash. Its creator cannot."""
    await payouts.approve(distribution, approval.register_hash, resumed=claim.is_resumed)
    return await approvals_of(payouts, distribution)


@router.post("/distributions/{distribution}/execute", response_model=DistributionDetailResponse, status_code=202)
@requires(Permission.PAY)
async def execute_distribution(payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep) -> dict[str, Any]:
    """Start paying a distribution. Workers do it; the distribution shows the progress."""
    await payouts.start(distribution, resumed=claim.is_resumed)
    return await detail_of(payouts, distribution)


@router.post("/distributions/{distribution}/retry", response_model=DistributionDetailResponse, status_code=202)
@requires(Permission.PAY)
async def retry_distribution(
    payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep, choice: RetryRequest | None = None
) -> dict[str, Any]:
    """Retry the unpaid holders, or some of them, and no others."""
    chosen = None
    if choice is not None and (choice.accounts is not None or choice.failure_code is not None):
        chosen = Chosen(choice.accounts, choice.failure_code)
    await payouts.retry(distribution, chosen=chosen, resumed=claim.is_resumed)
    return await detail_of(payouts, distribution)


@router.post("/distributions/{distribution}/cancel", response_model=DistributionDetailResponse)
@requires(Permission.PLAN)
async def cancel_distribution(payouts: PayoutsDep, distribution: DistributionId, claim: ClaimDep) -> dict[str, Any]:
    """Cancel a distribution, as long as nothing was sent."""
    await payouts.cancel(distribution, resumed=claim.is_resumed)
    return await detail_of(payouts, distribution)


def _with_pauses(listed: dict[str, Any], pauses: Mapping[uuid.UUID, PauseInForce]) -> dict[str, Any]:
    return listed | {"items": [each | {"pause": pauses.get(each["id"])} for each in listed["items"]]}


async def approvals_of(payouts: Payouts, distribution_id: uuid.UUID) -> dict[str, Any]:
    """Return the approvals of a distribution, for an answer."""
    found = await payouts.read_detail(distribution_id)
    count = found.status.approvals
    return {"given": count.given, "required": count.required, "approvals": found.approvals}


async def detail_of(payouts: Payouts, distribution_id: uuid.UUID) -> dict[str, Any]:
    """Return a distribution and its progress, for an answer."""
    found = await payouts.read_detail(distribution_id)
    columns, status = (
        {name: getattr(found.distribution, name) for name in DistributionResponse.model_fields if name != "pause"},
        found.status,
    )
    return columns | {
        "paid_count": status.progress.paid_count,
        "failed_count": status.progress.failed_count,
        "paid_amount": status.progress.paid_amount,
        "failures": status.failures,
        "pause": status.pause,
    }
