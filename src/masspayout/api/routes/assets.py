"""Assets: import, lists, sync with the ledger."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from masspayout.api.authenticated_route import AuthenticatedRoute
from masspayout.api.authentication import requires
from masspayout.api.csv_responses import CSV_ANSWER, FormatQuery, csv_response
from masspayout.api.dependencies import AssetDep, ContextDep, PagingDep
from masspayout.api.models.assets import (
    AssetImportRequest,
    AssetPatchRequest,
    AssetResponse,
    RegisteredHolderResponse,
    SyncResponse,
)
from masspayout.api.paging import AccountQuery, Listing, listing
from masspayout.context import Context
from masspayout.db.entities import Asset, SyncStatus
from masspayout.db.repositories import AssetSort, HolderSort
from masspayout.kernel.roles import Permission
from masspayout.registers import assets
from masspayout.reporting import exports

router = APIRouter(tags=["assets"], route_class=AuthenticatedRoute)


@router.post("/assets/import", response_model=AssetResponse, status_code=201)
@requires(Permission.MANAGE_ASSETS)
async def import_asset(context: ContextDep, body: AssetImportRequest, response: Response) -> Asset:
    """Import a token from the ledger, with its register. Importing again updates it."""
    asset = await assets.import_asset(
        context.database,
        context.ledger,
        body.token_id,
        payment_token_id=body.payment_token_id,
        lifecycle_contract_id=body.lifecycle_contract_id,
    )
    await assets.sync(context.database, context.ledger, asset.id)
    response.headers["Location"] = f"/api/v1/assets/{asset.id}"
    return await _read_again(context, asset)


@router.get("/assets", response_model=Listing[AssetResponse])
@requires(Permission.VIEW)
async def list_assets(
    context: ContextDep,
    paging: PagingDep,
    sync_status: SyncStatus | None = None,
    sort: AssetSort = AssetSort.NEWEST,
) -> dict[str, Any]:
    """List the imported assets."""
    async with context.database.single_statement() as work:
        part = await work.read_models.assets(paging.page_request(sort), sort, sync_status=sync_status)
    return listing(part, sort)


@router.get("/assets/{asset}", response_model=AssetResponse)
@requires(Permission.VIEW)
async def show_asset(asset: AssetDep) -> Asset:
    """Show one asset."""
    return asset


@router.patch("/assets/{asset}", response_model=AssetResponse)
@requires(Permission.MANAGE_ASSETS)
async def change_asset(context: ContextDep, asset: AssetDep, patch: AssetPatchRequest) -> Asset:
    """Change what an asset pays in, its contract, or how often its register is read."""
    if patch.payment_token_id is not None or patch.lifecycle_contract_id is not None:
        await assets.import_asset(
            context.database,
            context.ledger,
            asset.token_id,
            payment_token_id=patch.payment_token_id,
            lifecycle_contract_id=patch.lifecycle_contract_id,
        )
    if "sync_every_seconds" in patch.model_fields_set:
        await assets.set_sync_timer(
            context.database, asset.id, patch.sync_every_seconds, await context.database.clock.now()
        )
    return await _read_again(context, asset)


@router.post("/assets/{asset}/sync", response_model=SyncResponse)
@requires(Permission.MANAGE_ASSETS)
async def sync_asset(context: ContextDep, asset: AssetDep) -> assets.SyncResult:
    """Sync the register of an asset."""
    return await assets.sync(context.database, context.ledger, asset.id)


@router.get("/assets/{asset}/holders", response_model=Listing[RegisteredHolderResponse], responses=CSV_ANSWER)
@requires(Permission.VIEW)
async def list_register(
    context: ContextDep,
    asset: AssetDep,
    paging: PagingDep,
    account_id: AccountQuery = None,
    sort: Literal[HolderSort.ACCOUNT, HolderSort.ACCOUNT_BACKWARDS, HolderSort.LARGEST_BALANCE] = HolderSort.ACCOUNT,
    as_format: Annotated[FormatQuery, Query(alias="format")] = "json",
) -> Any:
    """List the holders of an asset now, or return all as CSV."""
    if as_format == "csv":
        return csv_response(exports.register_csv(context.database, asset.id), f"holders-{asset.token_id}")
    async with context.database.single_statement() as work:
        part = await work.read_models.register(asset.id, paging.page_request(sort), sort, account_id=account_id)
    return listing(part, sort)


async def _read_again(context: Context, asset: Asset) -> Asset:
    async with context.database.single_statement() as work:
        return await work.assets.get(asset.id)
