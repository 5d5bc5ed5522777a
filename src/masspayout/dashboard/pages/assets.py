"""The assets: what was imported, how large each register is, and whether it is in step with the ledger."""

from nicegui import ui

from masspayout.dashboard.components.chips import chip, status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, html, page_head
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.formats import account, count, lines, units, when
from masspayout.dashboard.house import House
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.visits import Visit
from masspayout.db.entities import Asset
from masspayout.db.repositories import Assets
from masspayout.roles import Permission

_PAGE_SIZE = 25


def add_page(house: House) -> None:
    """Open the page."""

    @house.page("/assets", "Assets", section="assets")
    async def show(visit: Visit) -> None:
        await _Page(visit).show()


class _Page:
    """The list while somebody looks at it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    async def show(self) -> None:
        with page_head("Assets", "Tokens whose holders are paid. Each has a register, read from the ledger."):
            if self._visit.may(Permission.MANAGE_ASSETS):
                html(h("a", "Import an asset", href="/assets/import", class_="btn-link primary"))
        with card(flush=True):
            with ui.element("div").classes("card-tools"):
                self._search = (
                    ui.input(placeholder="Search by name, symbol or token id", on_change=self._searched)
                    .props('outlined dense clearable debounce=250 aria-label="Search assets"')
                    .classes("grow")
                )
            self._table = html()
            self._pager = Pager(_PAGE_SIZE, self._refresh)
        await self._refresh()
        self._visit.every(3.0, self._refresh)

    async def _searched(self) -> None:
        self._pager.rewind()
        await self._refresh()

    async def _refresh(self) -> None:
        wanted = (self._search.value or "").strip()
        async with self._visit.unit_of_work() as session:
            found = await Assets(session).search(wanted, self._pager.page, _PAGE_SIZE)
        if found.items:
            heads = ["Asset", "Token", "Pays in", numbers("Holders"), numbers("Supply"), "Register", "Read"]
            self._table.content = table(heads, map(_row, found.items), label="Assets")
        elif wanted:
            self._table.content = empty("No asset matches", f"Nothing is called {wanted!r}. Look for less of the name.")
        else:
            self._table.content = self._first_step()
        self._pager.show(found.items, found.total)

    def _first_step(self) -> Html:
        may_import = self._visit.may(Permission.MANAGE_ASSETS)
        return empty(
            "No assets yet",
            "Import the token whose holders are to be paid: its register is read, and payouts can begin.",
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
