"""Importing an asset, step by step: token id, what was found, payment token and contract, done."""

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.layout import callout, card, facts, html, page_head
from masspayout.dashboard.formats import account, count, plural, units
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import Asset
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.roles import Permission
from masspayout.ledger.port import TokenInformation
from masspayout.registers import assets

_STEPS = ("Token", "Token found", "Payment", "Done")


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/assets/import", "Import an asset", section="assets", permission=Permission.MANAGE_ASSETS)
    async def show(page_context: PageContext) -> None:
        await _Wizard(page_context).show()


class _Wizard:
    """One import while it is being made. Nothing is written before the last step."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._token: TokenInformation | None = None

    async def show(self) -> None:
        lead = "Its holders are read from the ledger; nothing is paid."
        page_head("Import an asset", lead, crumbs=[("Assets", "/assets")])
        self._steps = html()
        with card():
            self._body = ui.element("div").classes("stack")
        self._ask_token()

    def _at(self, step: int) -> None:
        states = ["done" if at < step else "now" if at == step else "" for at in range(len(_STEPS))]
        if step == len(_STEPS) - 1:
            states[-1] = "good"
        items = [h("li", h("strong", name), class_=state) for name, state in zip(_STEPS, states, strict=True)]
        self._steps.content = h("ol", items, class_="timeline", aria_label="Steps")
        self._body.clear()

    def _ask_token(self) -> None:
        self._at(0)
        with self._body:
            html(h("h2", "Token"))
            self._token_id = (
                ui.input("Token id", placeholder="0.0.1234 or 0x…", value=self._page_context.argument("token"))
                .props('outlined dense autofocus hint="The id on the ledger." bottom-slots')
                .classes("wide")
            )
            handler = self._page_context.handler(Permission.MANAGE_ASSETS, self._look_up)
            self._token_id.on("keydown.enter", handler)
            with ui.element("div").classes("row"):
                button("Look up token", handler, primary=True)

    async def _look_up(self) -> None:
        self._token = await self._page_context.context.ledger.token(
            canonical_account_id(self._token_id.value, what="token id")
        )
        self._show_found(self._token)

    def _show_found(self, token: TokenInformation) -> None:
        self._at(1)
        with self._body:
            html(h("h2", f"{token.name} ({token.symbol})"))
            html(_described(token))
            if token.paused:
                html(callout("warn", "This token is paused.", "It can be imported, not transferred."))
            with ui.element("div").classes("row"):
                button("Use this token", lambda: self._ask_payment(token), primary=True)
                button("Choose another token", self._ask_token)

    def _ask_payment(self, token: TokenInformation) -> None:
        self._at(2)
        with self._body:
            html(h("h2", "Payment token"))
            with ui.element("div").classes("fields"):
                self._payment = ui.input("Payment token id", placeholder="0.0.5678").props(
                    'outlined dense autofocus bottom-slots hint="The token that dividends and coupons are paid in."'
                )
                self._contract = ui.input("LifeCycle Cash Flow contract (optional)", placeholder="0.0.6789").props(
                    'outlined dense bottom-slots hint="Deposits and pauses of the contract are read."'
                )
            make = self._page_context.handler(Permission.MANAGE_ASSETS, self._import)
            self._payment.on("keydown.enter", make)
            with ui.element("div").classes("row"):
                self._button = button(f"Import {token.symbol}", make, primary=True)
                button("Back", lambda: self._show_found(token))

    async def _import(self) -> None:
        token = self._token
        if token is None:
            return
        self._button.props("loading")
        try:
            context = self._page_context.context
            asset = await assets.import_asset(
                context.database,
                context.ledger,
                token.token_id,
                payment_token_id=self._payment.value.strip() or None,
                lifecycle_contract_id=self._contract.value.strip() or None,
            )
            result = await assets.sync(context.database, context.ledger, asset.id)
        finally:
            self._button.props(remove="loading")
        messages.notify(f"{asset.symbol} is imported.")
        self._show_done(asset, result.holder_count)

    def _show_done(self, asset: Asset, holder_count: int) -> None:
        self._at(3)
        with self._body:
            html(callout("good", f"{asset.name} is imported.", f"The register has {plural(holder_count, 'holder')}."))
            with ui.element("div").classes("row"):
                html(
                    h("a", "Plan a payout", href=f"/payouts/new?asset={asset.token_id}", class_="btn-link primary")
                    if self._page_context.may(Permission.PLAN) and asset.payment_token_id
                    else h("a", "Open the asset", href=f"/assets/{asset.token_id}", class_="btn-link primary")
                )
                html(
                    h(
                        "a",
                        f"See its {count(holder_count)} holders",
                        href=f"/assets/{asset.token_id}",
                        class_="btn-link",
                    )
                )


def _described(token: TokenInformation) -> Html:
    return facts(
        ("Token", account(token.token_id)),
        ("Name", token.name),
        ("Symbol", token.symbol),
        ("Decimals", token.decimals),
        ("Supply", units(token.total_supply_units, token.decimals, token.symbol)),
        ("Treasury", account(token.treasury_account_id) if token.treasury_account_id else None),
    )
