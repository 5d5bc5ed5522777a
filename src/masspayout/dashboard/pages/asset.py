"""One asset: its register (searched, sorted, paged on the server), who holds how much of it, and its payouts."""

from nicegui import ui

from masspayout.dashboard import labels
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.charts import stripe
from masspayout.dashboard.components.chips import chip, payout_chip, status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import callout, card, facts, figure, html, page_head
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.formats import account, count, duration, percent, plural, units, when
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.pause_switch import PauseSwitch, describe_pause
from masspayout.db.entities import Asset
from masspayout.distributions import PauseSubject
from masspayout.kernel.roles import Permission
from masspayout.registers import assets

_PAGE_SIZE = 25
_PAYOUTS_SHOWN = 8
# The largest so many holders, and what that group of them is called.
_GROUPS = ((1, "Largest"), (10, "Next 9"), (100, "Next 90"), (1000, "Next 900"))
_MOST_COUNTED = 10_000


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/assets/{reference}", "Asset", section="assets")
    async def show(page_context: PageContext) -> None:
        async with page_context.unit_of_work() as work:
            asset = await work.assets.get_by_reference(page_context.request.path_params["reference"])
        await _Page(page_context, asset).show()


class _Page:
    """An asset while somebody looks at it."""

    def __init__(self, page_context: PageContext, asset: Asset) -> None:
        self._page_context = page_context
        self._asset = asset
        self._read_at: object = None

    async def show(self) -> None:
        asset, page_context = self._asset, self._page_context
        ui.page_title(f"{asset.name} · Mass Payout")
        lead = h("span", f"{asset.symbol} · ", account(asset.token_id))
        with page_head(asset.name, lead, crumbs=[("Assets", "/assets")]):
            self._switch = PauseSwitch(page_context, PauseSubject(asset_id=asset.id), asset.name, self._refresh)
            if page_context.may(Permission.MANAGE_ASSETS):
                self._sync = button("Sync now", page_context.handler(Permission.MANAGE_ASSETS, self._read_register))
            if page_context.may(Permission.PLAN) and asset.payment_token_id:
                html(h("a", "New payout", href=f"/payouts/new?asset={asset.token_id}", class_="btn-link primary"))
        self._notes = html(classes="stack")
        self._figures = html(classes="card")
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("stack span-8"):
                self._register_card()
            with ui.element("div").classes("stack span-4"):
                with card("Concentration", "held by the largest holders"):
                    self._concentration = html(classes="stack")
                with card("Payouts"):
                    self._payouts = html()
                with card("About"):
                    self._about = html()
        await self._refresh()
        page_context.every(2.0, self._refresh)

    def _register_card(self) -> None:
        with card("Register", flush=True):
            with ui.element("div").classes("card-tools"):
                self._search = (
                    ui.input(placeholder="Search by start of account id", on_change=self._first_page)
                    .props('outlined dense clearable debounce=250 aria-label="Search the register"')
                    .classes("grow")
                )
                self._order = (
                    ui.select({"largest": "Largest first", "account": "By account id"}, value="largest")
                    .props('outlined dense options-dense aria-label="Order"')
                    .on_value_change(self._first_page)
                )
            self._register = html()
            self._pager = Pager(_PAGE_SIZE, self._show_register)

    async def _first_page(self) -> None:
        self._pager.rewind()
        await self._show_register()

    async def _read_register(self) -> None:
        self._sync.props("loading")
        try:
            result = await assets.sync(self._page_context.database, self._page_context.context.ledger, self._asset.id)
        finally:
            self._sync.props(remove="loading")
        change = result.change
        messages.notify(
            f"{plural(result.holder_count, 'holder')}: {count(change.added)} new, {count(change.changed)} changed, "
            f"{count(change.removed)} gone."
        )
        await self._refresh()

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            self._asset = asset = await work.assets.get(self._asset.id)
            payouts = await work.distributions.find_of_asset(asset.id, None, 1, _PAYOUTS_SHOWN)
            pause = await work.pauses.find_open(None, asset.id)
            pauses = await work.pauses.find_of([each.id for each in payouts.items])
        self._switch.refresh(pause)
        notes = _notes(asset, may_fix=self._page_context.may(Permission.MANAGE_ASSETS))
        self._notes.content = join(describe_pause(pause, asset.name), notes)
        self._figures.content = _figures(asset)
        self._about.content = _about(asset)
        self._payouts.content = (
            h(
                "ul",
                (
                    h(
                        "li",
                        h(
                            "div",
                            h("a", labels.name(each), href=labels.path(each)),
                            payout_chip(
                                each.status, is_paused=each.id in pauses, is_sent_back=each.sent_back is not None
                            ),
                            class_="between",
                        ),
                        h(
                            "div",
                            when(each.executed_at or each.scheduled_time or each.created_at, "date"),
                            labels.total(each),
                            class_="between note",
                        ),
                    )
                    for each in payouts.items
                ),
                class_="plain lines",
            )
            if payouts.items
            else h("p", "No payouts yet.", class_="note")
        )
        if asset.last_synced_at != self._read_at:
            self._read_at = asset.last_synced_at
            await self._show_register()
            await self._show_concentration()

    async def _show_register(self) -> None:
        asset, prefix = self._asset, (self._search.value or "").strip().lower()
        async with self._page_context.unit_of_work() as work:
            holders = work.holders
            rows = await holders.find_sorted(
                asset.id,
                prefix=prefix,
                largest_first=self._order.value == "largest" and not prefix,
                after=self._pager.after,
                limit=_PAGE_SIZE,
            )
            total = await holders.count_matches(asset.id, prefix, _MOST_COUNTED) if prefix else asset.holder_count
        if rows:
            cells = (
                (
                    account(row.account_id),
                    units(row.balance, asset.decimals, asset.symbol),
                    percent(row.balance, asset.held_units, 4),
                )
                for row in rows
            )
            heads = ["Account", numbers("Balance"), numbers("Share")]
            self._register.content = table(heads, cells, label="Register")
        else:
            self._register.content = self._nobody(prefix)
        self._pager.show(rows, total, at_least=bool(prefix) and total == _MOST_COUNTED)

    def _nobody(self, prefix: str) -> Html:
        if prefix:
            return empty("No matching holder", f"No account id in this register begins with {prefix!r}.")
        if self._asset.last_synced_at is None:
            return empty("The register has not been read", "Press “Sync now” to read it from the ledger.")
        return empty("No holders", "The ledger shows no account with a balance above 0.")

    async def _show_concentration(self) -> None:
        asset = self._asset
        if not asset.held_units:
            self._concentration.content = h("p", "No holders to compare.", class_="note")
            return
        counts = [number for number, _ in _GROUPS]
        async with self._page_context.unit_of_work() as work:
            together = await work.holders.largest_units(asset.id, counts)
        parts: list[tuple[str, int]] = []
        before = 0
        for (number, name), held in zip(_GROUPS, together, strict=True):
            if held > before:
                parts.append((name, held - before))
            before = held
            if number >= asset.holder_count:
                break
        if asset.held_units > before:
            parts.append(("All others", asset.held_units - before))
        self._concentration.content = stripe(parts, asset.held_units)


def _figures(asset: Asset) -> Html:
    return h(
        "div",
        figure("Holders", count(asset.holder_count), h("span", "read ", when(asset.last_synced_at, "ago"))),
        figure(
            "Held",
            units(asset.held_units, asset.decimals),
            percent(asset.held_units, asset.total_supply) + " of the supply",
        ),
        figure("Supply", units(asset.total_supply, asset.decimals, asset.symbol)),
        figure("Register", status_chip(asset.sync_status), _timer(asset)),
        class_="figures",
    )


def _timer(asset: Asset) -> str:
    every = asset.sync_every_seconds
    return f"read every {duration(every)}" if every else "read on request and before each payout"


def _notes(asset: Asset, *, may_fix: bool) -> Html:
    notes = []
    if asset.sync_error:
        notes.append(
            callout("bad", "The register could not be read.", asset.sync_error, "The former register is kept.")
        )
    if asset.contract_paused:
        notes.append(
            callout(
                "warn",
                "The contract is paused.",
                "Payouts on this asset are stopped until it is unpaused; they go on by themselves then.",
            )
        )
    if asset.payment_token_id is None:
        fix = h("a", "Import it again with a payment token.", href=f"/assets/import?token={asset.token_id}")
        notes.append(callout("warn", "No payment token.", fix if may_fix else "Ask an operator to set one."))
    return join(*notes)


def _about(asset: Asset) -> Html:
    token = asset.payment_token_id
    return facts(
        ("Token", account(asset.token_id)),
        (
            "Pays in",
            h("span", f"{asset.payment_token_symbol or ''} ", account(token)) if token else chip("not set", "warn"),
        ),
        ("Contract", account(asset.lifecycle_contract_id) if asset.lifecycle_contract_id else None),
        ("Treasury", account(asset.treasury_account_id) if asset.treasury_account_id else None),
        ("Imported", when(asset.created_at)),
    )
