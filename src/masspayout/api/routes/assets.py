"""Assets: imported, listed, kept in step with the ledger."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from masspayout.api.csv_answers import CSV_ANSWER, FormatQuery, csv_response
from masspayout.api.door import requires
from masspayout.api.guarded import GuardedRoute
from masspayout.api.models.assets import AssetImport, AssetPatch, AssetShown, RegisteredHolder, SyncShown
from masspayout.api.paging import Listing, listing
from masspayout.api.requests import AssetHere, ContextHere, PagingHere
from masspayout.context import Context
from masspayout.db.entities import Asset, SyncStatus
from masspayout.db.repositories import AssetSort, HolderSort
from masspayout.kernel.roles import Permission
from masspayout.registers import assets
from masspayout.reporting import exports

router = APIRouter(tags=["assets"], route_class=GuardedRoute)


@router.post("/assets/import", response_model=AssetShown, status_code=201)
@requires(Permission.MANAGE_ASSETS)
async def import_asset(context: ContextHere, wish: AssetImport, response: Response) -> Asset:
    """Import a token from the ledger and read who holds it. Importing again renews what is known."""
    asset = await assets.import_asset(
        context.database,
        context.ledger,
        wish.token_id,
        payment_token_id=wish.payment_token_id,
        lifecycle_contract_id=wish.lifecycle_contract_id,
    )
    await assets.sync(context.database, context.ledger, asset.id)
    response.headers["Location"] = f"/api/v1/assets/{asset.id}"
    return await _read_again(context, asset)


@router.get("/assets", response_model=Listing[AssetShown])
@requires(Permission.VIEW)
async def list_assets(
    context: ContextHere,
    paging: PagingHere,
    sync_status: SyncStatus | None = None,
    sort: AssetSort = AssetSort.NEWEST,
) -> dict[str, Any]:
    """List the imported assets."""
    async with context.database.single_statement() as work:
        part = await work.lists.assets(paging.place(sort), sort, sync_status=sync_status)
    return listing(part, sort)


@router.get("/assets/{asset}", response_model=AssetShown)
@requires(Permission.VIEW)
async def show_asset(asset: AssetHere) -> Asset:
    """Show one asset."""
    return asset


@router.patch("/assets/{asset}", response_model=AssetShown)
@requires(Permission.MANAGE_ASSETS)
async def change_asset(context: ContextHere, asset: AssetHere, patch: AssetPatch) -> Asset:
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


@router.post("/assets/{asset}/sync", response_model=SyncShown)
@requires(Permission.MANAGE_ASSETS)
async def sync_asset(context: ContextHere, asset: AssetHere) -> assets.SyncResult:
    """Read again who holds an asset."""
    return await assets.sync(context.database, context.ledger, asset.id)


@router.get("/assets/{asset}/holders", response_model=Listing[RegisteredHolder], responses=CSV_ANSWER)
@requires(Permission.VIEW)
async def list_register(
    context: ContextHere,
    asset: AssetHere,
    paging: PagingHere,
    sort: Literal[HolderSort.ACCOUNT, HolderSort.ACCOUNT_BACKWARDS, HolderSort.LARGEST_BALANCE] = HolderSort.ACCOUNT,
    as_format: Annotated[FormatQuery, Query(alias="format")] = "json",
) -> Any:
    """List who holds an asset now, or have everybody as CSV."""
    if as_format == "csv":
        return csv_response(exports.register_csv(context.database, asset.id), f"holders-{asset.token_id}")
    async with context.database.single_statement() as work:
        part = await work.lists.register(asset.id, paging.place(sort), sort)
    return listing(part, sort)


async def _read_again(context: Context, asset: Asset) -> Asset:
    async with context.database.single_statement() as work:
        return await work.assets.get(asset.id)
