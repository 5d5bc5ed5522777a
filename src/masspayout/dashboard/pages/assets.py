"""The assets: what was imported, how large each register is, and whether it is in step with the ledger."""

from masspayout.dashboard.components.chips import chip, status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import html, page_head
from masspayout.dashboard.components.paged_list import PagedList
from masspayout.dashboard.components.tables import numbers, table
from masspayout.dashboard.formats import account, count, lines, units, when
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import Asset
from masspayout.db.repositories import Page
from masspayout.kernel.roles import Permission


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/assets", "Assets", section="assets")
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The list while somebody looks at it."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        with page_head("Assets", "Tokens whose holders are paid. Each has a register, read from the ledger."):
            if self._page_context.may(Permission.MANAGE_ASSETS):
                html(h("a", "Import an asset", href="/assets/import", class_="btn-link primary"))
        assets = PagedList(self._read, searches=("Search assets", "Search by name, symbol or token id"))
        await assets.refresh()
        self._page_context.every(3.0, assets.refresh)

    async def _read(self, wanted: str, page: int, size: int) -> tuple[Page[Asset], Html]:
        async with self._page_context.unit_of_work() as work:
            found = await work.assets.search(wanted, page, size)
        if found.items:
            heads = ["Asset", "Token", "Pays in", numbers("Holders"), numbers("Supply"), "Register", "Read"]
            return found, table(heads, map(_row, found.items), label="Assets")
        if wanted:
            return found, empty("No asset matches", f"No asset matches {wanted!r}. Search for a shorter text.")
        return found, self._first_step()

    def _first_step(self) -> Html:
        may_import = self._page_context.may(Permission.MANAGE_ASSETS)
        return empty(
            "No assets yet",
            "Import the token whose holders you pay. Its register is read from the ledger.",
            ("Import an asset", "/assets/import") if may_import else None,
        )


def _row(asset: Asset) -> tuple[object, ...]:
    paused = chip("Contract paused", "warn") if asset.contract_paused else None
    return (
        h("a", lines(asset.name, asset.symbol), href=f"/assets/{asset.token_id}", class_="main"),
        account(asset.token_id),
        asset.payment_token_symbol or asset.payment_token_id or h("span", "not set", class_="warn"),
        count(asset.holder_count),
        units(asset.total_supply, asset.decimals),
        h("span", status_chip(asset.sync_status), paused),
        when(asset.last_synced_at, "ago"),
    )
