"""Holders of a payout: filtered, searched and paged on the server, as a file, and selected for a retry."""

from collections.abc import Sequence
from functools import partial

from nicegui import ui

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, html
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.formats import account, amount, count, units
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.payout.actions import PayoutActions, may_retry
from masspayout.db.entities import Entitlement
from masspayout.db.repositories import Entitlements
from masspayout.kernel.roles import Permission
from masspayout.ledger.failures import describe_failure

_PAGE_SIZE = 20
_FILTERS = {"all": "All", "failed": "Failed", "unpaid": "Unpaid", "paid": "Paid"}


class HolderCard:
    """The entitlements of a payout that is frozen."""

    def __init__(self, page_context: PageContext, actions: PayoutActions, state: PayoutDetail) -> None:
        self._page_context = page_context
        self._actions = actions
        self._state = state
        self._filter = "failed" if state.status.failures else "all"
        self._chosen: set[str] = set()
        download = h("a", "Download CSV", href=f"/payouts/{state.distribution.id}/holders.csv", download="")
        with card("Holders", download, flush=True):
            with ui.element("div").classes("card-tools"):
                self._tabs = ui.element("div").classes("tabs").props('role="group" aria-label="Which holders"')
                self._search = (
                    ui.input(placeholder="Search by start of account id", on_change=self._searched)
                    .props('outlined dense clearable debounce=250 aria-label="Search accounts"')
                    .classes("grow")
                )
            self._choosing = ui.element("div").classes("card-tools")
            self._table = ui.element("div").classes("wide")
            self._pager = Pager(_PAGE_SIZE, self._refresh)
        self._signature: object = None

    async def refresh(self, state: PayoutDetail) -> None:
        """Show how the holders stand, if anything changed."""
        signature = (state.status.progress.paid_count, state.status.progress.failed_count, state.distribution.status)
        self._state = state
        if signature != self._signature:
            self._signature = signature
            await self._refresh()

    def _show_tabs(self) -> None:
        state = self._state
        numbers_by_filter = {
            "all": state.distribution.entitlement_count or 0,
            "failed": state.status.progress.failed_count,
            "unpaid": state.status.progress.unpaid_count,
            "paid": state.status.progress.paid_count,
        }
        self._tabs.clear()
        with self._tabs:
            for name, label in _FILTERS.items():
                pressed = str(name == self._filter).lower()
                tab = ui.element("button").props(f'type="button" aria-pressed="{pressed}"')
                tab.on("click", lambda name=name: self._turn_to(name))
                with tab:
                    html(Html(f"{label} <span class='faint'>{count(numbers_by_filter[name])}</span>"))

    async def _turn_to(self, name: str) -> None:
        self._filter = name
        self._pager.rewind()
        self._chosen.clear()
        await self._refresh()

    async def _searched(self) -> None:
        self._pager.rewind()
        await self._refresh()

    async def _refresh(self) -> None:
        state, prefix = self._state, (self._search.value or "").strip().lower()
        self._show_tabs()
        async with self._page_context.unit_of_work() as work:
            entitlements = work.entitlements(state.distribution)
            if prefix:
                rows = await entitlements.find_by_prefix(prefix, _PAGE_SIZE)
                total = len(rows)
            else:
                rows, total = await self._find(entitlements)
        can_choose = self._filter == "failed" and not prefix and may_retry(self._page_context, state)
        self._table.clear()
        with self._table:
            if not rows:
                html(_nobody(self._filter, prefix))
            elif can_choose:
                self._choosable(rows)
            else:
                html(self._plain(rows))
        self._show_choosing(can_choose and bool(rows))
        self._pager.show(rows, total, at_least=bool(prefix) and len(rows) == _PAGE_SIZE)

    async def _find(self, entitlements: Entitlements) -> tuple[Sequence[Entitlement], int]:
        state, after = self._state, self._pager.after
        if self._filter == "failed":
            return await entitlements.find_failed(_PAGE_SIZE, after), state.status.progress.failed_count
        if self._filter == "all":
            rows = await entitlements.find_after(after.account_id if after else "", _PAGE_SIZE)
            return rows, state.distribution.entitlement_count or 0
        is_paid = self._filter == "paid"
        total = state.status.progress.paid_count if is_paid else state.status.progress.unpaid_count
        return await entitlements.find_paid(_PAGE_SIZE, after, paid=is_paid), total

    def _plain(self, rows: Sequence[Entitlement]) -> Html:
        heads = ["Account", numbers("Balance"), numbers("Amount"), "State", "Reason"]
        return table(heads, (self._cells(holder) for holder in rows), label="Holders")

    def _cells(self, holder: Entitlement) -> tuple[object, ...]:
        asset = self._state.distribution.asset
        return (
            account(holder.account_id),
            units(holder.balance, asset.decimals, asset.symbol) if holder.balance else None,
            amount(holder.payment_amount, labels.symbol(self._state.distribution), exact=True),
            _state_of(holder),
            describe_failure(holder.failure_code).sentence if holder.failure_code else None,
        )

    def _choosable(self, rows: Sequence[Entitlement]) -> None:
        """Show the failed with a box before each, so that some can be tried again."""
        for holder in rows:
            with ui.element("div").classes("card-tools"):
                box = ui.checkbox(value=holder.account_id in self._chosen)
                box.props(f'dense aria-label="Select {holder.account_id}"')
                box.on_value_change(lambda event, holder=holder: self._choose(holder.account_id, event.value))
                reason = describe_failure(holder.failure_code or "").sentence
                html(h("div", account(holder.account_id), h("div", reason, class_="note")), classes="grow")
                html(amount(holder.payment_amount, labels.symbol(self._state.distribution), exact=True))
                one = self._page_context.handler(Permission.PAY, partial(self._retry, [holder.account_id]))
                button("Retry …", one, small=True)

    def _choose(self, account_id: str, chosen: bool) -> None:
        (self._chosen.add if chosen else self._chosen.discard)(account_id)
        self._some.set_enabled(bool(self._chosen))
        self._some.set_text(f"Retry {len(self._chosen)} selected …" if self._chosen else "Retry selected …")

    def _show_choosing(self, visible: bool) -> None:
        self._choosing.clear()
        self._choosing.set_visibility(visible)
        if not visible:
            return
        with self._choosing:
            retry = self._page_context.handler(Permission.PAY, lambda: self._retry(sorted(self._chosen)))
            self._some = button("Retry selected …", retry, small=True)
            self._some.set_enabled(bool(self._chosen))
            html(h("span", "Select accounts that were fixed, and pay only those.", class_="note"))

    async def _retry(self, accounts: Sequence[str]) -> None:
        await self._actions.retry_accounts(self._state, accounts)
        self._chosen.clear()


def _state_of(holder: Entitlement) -> Html:
    if holder.paid:
        return chip("Paid", "good")
    if holder.failure_code:
        return chip("Failed", "bad")
    if not holder.is_payable:
        return chip("None due")
    return chip("In progress", "live") if holder.attempt_id else chip("Queued")


def _nobody(chosen: str, prefix: str) -> Html:
    if prefix:
        return empty("No matching account", f"No account id of this payout starts with {prefix!r}.")
    texts = {
        "failed": ("No failures", "All payments sent so far were received."),
        "unpaid": ("No unpaid holders", "All holders are paid."),
        "paid": ("No holder paid yet", "Payments appear here when the ledger confirms them."),
    }
    return empty(*texts.get(chosen, ("No holders", "This payout has no holders.")))
