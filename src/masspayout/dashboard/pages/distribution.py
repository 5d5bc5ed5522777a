"""One payout: what happened, how far it is, who is unpaid and why, and the proof."""

from nicegui import ui

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components.chips import payout_chip
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.formats import account, amount, plural, when, words
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.next_steps import words_of
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.payout.actions import PayoutActions
from masspayout.dashboard.payout.approvals import ApprovalCard
from masspayout.dashboard.payout.batches import BatchCard
from masspayout.dashboard.payout.failures import FailureCard
from masspayout.dashboard.payout.holders import HolderCard
from masspayout.dashboard.payout.holding import HoldingButtons, describe_hold
from masspayout.dashboard.payout.progress_card import ProgressCard
from masspayout.dashboard.payout.reconciliation import ReconciliationCard
from masspayout.dashboard.payout.review import describe_preview
from masspayout.dashboard.payout.timeline import timeline
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.kernel.errors import MassPayoutError

_REFRESH_SECONDS = 1.0


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/payouts/{reference}", "Payout", section="ongoing")
    async def show(page_context: PageContext) -> None:
        await _Page(
            page_context, await page_context.payouts.read_detail(page_context.request.path_params["reference"])
        ).show()


class _Page:
    """A payout while somebody looks at it."""

    def __init__(self, page_context: PageContext, state: PayoutDetail) -> None:
        self._page_context = page_context
        self._state = state
        self._actions = PayoutActions(page_context, self._refresh)
        self._holding = HoldingButtons(page_context, self._refresh)
        self._shown_status: object = None
        self._holders: HolderCard | None = None
        self._batches: BatchCard | None = None

    async def show(self) -> None:
        distribution = self._state.distribution
        asset = distribution.asset
        kind = f"{words(distribution.type)} on {asset.name}, {_how(distribution)}"
        with page_head(
            labels.name(distribution),
            kind,
            crumbs=[("Assets", "/assets"), (asset.symbol, f"/assets/{asset.token_id}")],
        ):
            self._chip = html()
            self._buttons = ui.element("div").classes("row")
        self._hold = html(classes="stack")
        self._timeline = html(classes="card padded")
        self._progress = ProgressCard()
        self._failures = FailureCard(self._page_context, self._actions)
        with ui.element("div").classes("grid"):
            self._main = ui.element("div").classes("stack span-8")
            with ui.element("div").classes("stack span-4 first-on-narrow"):
                self._approvals = ApprovalCard(self._page_context, self._refresh)
                self._side = ui.element("div").classes("stack wide")
                with card("Terms"):
                    self._terms = html()
        self._show_state()
        await self._fill()
        self._page_context.every(_REFRESH_SECONDS, self._refresh)

    async def _refresh(self) -> None:
        was_frozen = self._state.distribution.is_frozen
        self._state = await self._page_context.payouts.read_detail(self._state.distribution.id)
        self._show_state()
        if self._state.distribution.is_frozen and not was_frozen:
            await self._fill()
        if self._holders is not None:
            await self._holders.refresh(self._state)
        if self._batches is not None:
            await self._batches.refresh(self._state)

    def _show_state(self) -> None:
        state = self._state
        self._timeline.content = timeline(state.distribution, state.status.progress.unpaid_count)
        self._terms.content = _terms(state)
        self._progress.refresh(state)
        self._failures.refresh(state)
        self._approvals.refresh(state)
        shown = (
            state.distribution.status,
            state.distribution.is_frozen,
            state.status.progress.unpaid_count,
            state.status.approvals.missing,
            state.status.waits,
        )
        if shown != self._shown_status:
            self._shown_status = shown
            self._hold.content = describe_hold(state)
            self._chip.content = payout_chip(
                state.distribution.status,
                is_paused=state.status.pause is not None,
                is_sent_back=state.status.sent_back is not None,
            )
            self._buttons.clear()
            with self._buttons:
                self._holding.show(state)
                self._actions.show(state)

    async def _fill(self) -> None:
        """Show what there is only once it is frozen."""
        distribution = self._state.distribution
        self._main.clear()
        self._side.clear()
        if not distribution.is_frozen:
            with self._main, card("Holders"):
                html(h("p", _not_frozen(distribution), class_="soft"))
            return
        with self._main:
            self._holders = HolderCard(self._page_context, self._actions, self._state)
            self._batches = BatchCard(self._page_context, self._state)
        with self._side:
            if distribution.status is DistributionStatus.PENDING:
                with card("Review before paying"):
                    self._review = html(h("p", "Asking the ledger …", class_="note"))
                ui.timer(0.05, self._show_review, once=True)
            if distribution.executed_at is not None:
                ReconciliationCard(self._page_context, self._state)
        await self._holders.refresh(self._state)
        await self._batches.refresh(self._state)

    async def _show_review(self) -> None:
        distribution = self._state.distribution
        try:
            async with self._page_context.unit_of_work() as work:
                last = await work.distributions.find_last_begun(distribution.asset_id)
            found = await self._page_context.payouts.preview(distribution)
        except MassPayoutError as error:
            self._review.content = h("p", words_of(error), class_="note")
            return
        self._review.content = describe_preview(found, labels.symbol(self._state.distribution), last)


def _how(distribution: Distribution) -> str:
    if distribution.contract_terms is not None:
        return "computed by the contract"
    if distribution.payout_type is None:
        return "payout list"
    return "pro rata to balances" if distribution.payout_type == "PERCENTAGE" else "equal amounts"


def _unknown_amount(distribution: Distribution) -> str:
    return "the deposit" if distribution.contract_terms is None else "as the token announced"


def _not_frozen(distribution: Distribution) -> str:
    if distribution.status is DistributionStatus.PENDING:
        return "The amounts are locked when this payout is due, from the register at that time."
    return "This payout ended before its amounts were locked. No holder was paid."


def _terms(state: PayoutDetail) -> Html:
    distribution = state.distribution
    symbol = labels.symbol(distribution)
    excluded, included = distribution.excluded_accounts, distribution.included_accounts
    return facts(
        (
            "Amount",
            amount(distribution.amount, symbol) if distribution.amount else _unknown_amount(distribution),
        ),
        *labels.own_words(distribution),
        ("Start", words(distribution.execution_type).lower()),
        ("Due", when(distribution.scheduled_time) if distribution.scheduled_time else None),
        (
            "Series",
            h("a", "its calendar", href=f"/series/{distribution.series_id}") if distribution.series_id else None,
        ),
        ("Record time", when(distribution.record_time) if distribution.record_time else None),
        ("Balances of", when(distribution.snapshot_at) if distribution.snapshot_at else None),
        ("Paid by", account(distribution.payer_account_id) if distribution.payer_account_id else None),
        ("Payment token", account(distribution.payment_token_id) if distribution.payment_token_id else None),
        (
            "Remainder with payer",
            amount(distribution.remainder_amount, symbol) if distribution.remainder_amount else None,
        ),
        ("Excluded", plural(len(excluded), "account") if excluded else None),
        ("Also paid", ", ".join(included) if included else None),
        (
            "Register hash",
            h("span", distribution.register_hash[:16] + "…", class_="mono", title=distribution.register_hash)
            if distribution.register_hash
            else None,
        ),
        ("Id", h("span", str(distribution.id), class_="mono")),
    )
