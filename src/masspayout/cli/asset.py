"""``masspayout asset``: import tokens, see who holds them."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from masspayout.cli.arguments import AssetArgument
from masspayout.cli.options import LimitOption, PageOption
from masspayout.cli.output import JsonOption, out, show_fields, show_json, show_list
from masspayout.cli.session import with_context
from masspayout.cli.transaction import in_transaction
from masspayout.context import Context
from masspayout.db.entities import Asset
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.durations import parse_duration
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import to_decimal
from masspayout.registers import assets

app = typer.Typer()


@app.command("import")
def import_(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token on the ledger.")],
    payment_token: Annotated[str | None, typer.Option(help="The token that its payouts are paid in.")] = None,
    lifecycle_contract: Annotated[str | None, typer.Option(help="Its LifeCycle Cash Flow contract.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a token from the ledger, with its register. Importing again updates it."""

    async def work(context: Context) -> tuple[Asset, assets.SyncResult, list[str]]:
        asset = await assets.import_asset(
            context.database,
            context.ledger,
            token_id,
            payment_token_id=payment_token,
            lifecycle_contract_id=lifecycle_contract,
        )
        result = await assets.sync(context.database, context.ledger, asset.id)
        async with context.database.unit_of_work() as work:
            asset = await work.assets.get(asset.id)
        tokens = [asset.token_id, asset.payment_token_id or asset.token_id]
        paused = [one for one in dict.fromkeys(tokens) if (await context.ledger.token(one)).paused]
        return asset, result, paused

    asset, result, paused = with_context(work)
    if as_json:
        show_json({**_fields(asset), "holder_count": result.holder_count, "paused_tokens": paused})
        return
    out.print(f"Imported {asset.symbol} ({asset.token_id}) with {result.holder_count:,} holders.")
    for one in paused:
        out.print(f"{one} is paused: it cannot be transferred before the holder of its pause key unpauses it.")
    if asset.payment_token_id is None:
        out.print(
            f"Before a payout, set its payment token: masspayout asset import {asset.token_id} --payment-token ID"
        )


@app.command("list")
def list_(page: PageOption = 1, limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """List the imported assets, newest first."""

    async def work(work: UnitOfWork) -> Any:
        return await work.assets.find_all(page, limit)

    found = in_transaction(work)
    show_list(
        [_fields(asset) for asset in found.items],
        ["TOKEN", "NAME", "SYMBOL", "PAID IN", "REGISTER", "AS OF"],
        [(a.token_id, a.name, a.symbol, a.payment_token_id, a.sync_status, a.last_synced_at) for a in found.items],
        empty="No assets yet. Import one with: masspayout asset import TOKEN_ID",
        total=found.total,
        as_json=as_json,
    )


@app.command()
def show(asset: AssetArgument, as_json: JsonOption = False) -> None:
    """Show one asset."""

    async def work(work: UnitOfWork) -> Asset:
        return await work.assets.get_by_reference(asset)

    found = in_transaction(work)
    if as_json:
        show_json(_fields(found))
    else:
        show_fields(_fields(found))


@app.command()
def sync(
    asset: AssetArgument,
    every: Annotated[str | None, typer.Option(metavar="SECONDS|1h", help="How often a worker reads it again.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Read it again on request only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Sync the register of an asset; or set how often a worker does."""
    if every is not None and off:
        raise Invalid("--every and --off contradict each other.", "Give one of them.")
    if every is not None or off:
        _set_timer(asset, None if every is None else _seconds(every), as_json=as_json)
        return

    async def work(context: Context) -> assets.SyncResult:
        async with context.database.unit_of_work() as work:
            found = await work.assets.get_by_reference(asset)
        return await assets.sync(context.database, context.ledger, found.id)

    result = with_context(work)
    if as_json:
        show_json(asdict(result))
        return
    change = result.change
    out.print(
        f"{result.holder_count:,} holders as of {result.snapshot_at:%Y-%m-%d %H:%M:%S} UTC: "
        f"{change.added:,} new, {change.changed:,} changed, {change.removed:,} gone."
    )


@app.command()
def holders(asset: AssetArgument, page: PageOption = 1, limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """List the holders of an asset, by account id."""

    async def work(work: UnitOfWork) -> Any:
        found = await work.assets.get_by_reference(asset)
        return found, await work.holders.find_register(found.id, page, limit)

    found, register = in_transaction(work)
    rows = [(holder.account_id, to_decimal(holder.balance, found.decimals)) for holder in register.items]
    show_list(
        [{"account_id": account_id, "balance": balance} for account_id, balance in rows],
        ["ACCOUNT", "BALANCE"],
        rows,
        total=register.total,
        as_json=as_json,
        right=["BALANCE"],
        empty="No holders.",
    )
    if register.total > len(rows) and not as_json:
        out.print(f"Page {page:,} of {-(-register.total // limit):,}; {register.total:,} holders in all.")


def _set_timer(reference: str, every_seconds: int | None, *, as_json: bool) -> None:
    async def work(context: Context) -> Asset:
        async with context.database.unit_of_work() as work:
            found = await work.assets.get_by_reference(reference)
        await assets.set_sync_timer(context.database, found.id, every_seconds, await context.database.clock.now())
        async with context.database.unit_of_work() as work:
            return await work.assets.get(found.id)

    found = with_context(work)
    if as_json:
        show_json(_fields(found))
    elif every_seconds is None:
        out.print(f"The register of {found.token_id} is read on request only.")
    else:
        out.print(f"The register of {found.token_id} is read every {every_seconds:,} seconds by: masspayout worker")


def _seconds(text: str) -> int:
    """Read a number of seconds, or a duration with its unit."""
    return int(text) if text.isascii() and text.isdigit() else int(parse_duration(text).total_seconds())


def _fields(asset: Asset) -> dict[str, Any]:
    return {
        "id": asset.id,
        "token_id": asset.token_id,
        "name": asset.name,
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "total_supply": to_decimal(asset.total_supply, asset.decimals),
        "treasury_account_id": asset.treasury_account_id,
        "payment_token_id": asset.payment_token_id,
        "payment_token_symbol": asset.payment_token_symbol,
        "payment_token_decimals": asset.payment_token_decimals,
        "lifecycle_contract_id": asset.lifecycle_contract_id,
        "sync_status": asset.sync_status,
        "sync_error": asset.sync_error,
        "last_synced_at": asset.last_synced_at,
        "sync_every_seconds": asset.sync_every_seconds,
        "contract_paused": asset.contract_paused or None,
    }
