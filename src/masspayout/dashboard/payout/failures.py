"""Failures grouped by reason, each with what to do, and a button to try those again."""

from functools import partial

from nicegui import ui

from masspayout.app import PayoutDetail
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.layout import callout, card, html
from masspayout.dashboard.formats import plural
from masspayout.dashboard.markup import h, join
from masspayout.dashboard.next_steps import in_browser, why_unpaid
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.payout.actions import PayoutActions, may_retry
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.roles import Permission
from masspayout.ledger.failures import describe_failure


class FailureCard:
    """The failures of a payout, grouped by reason."""

    def __init__(self, page_context: PageContext, actions: PayoutActions) -> None:
        self._page_context = page_context
        self._actions = actions
        self._place = ui.element("div").classes("stack")
        self._shown: object = None

    def refresh(self, state: PayoutDetail) -> None:
        """Show the reasons, if they are others than before."""
        distribution = state.distribution
        now = (state.status.failures, distribution.status, distribution.failure_message)
        if now == self._shown:
            return
        self._shown = now
        self._place.clear()
        with self._place:
            if distribution.status is DistributionStatus.FAILED and distribution.failure_message:
                title = "The payout stopped." if distribution.executed_at else "The payout did not start."
                html(callout("bad", title, why_unpaid(distribution)))
            if state.status.failures:
                with card("Failures by reason", f"{plural(sum(state.status.failures.values()), 'holder')} in all"):
                    for code, number in state.status.failures.items():
                        self._reason(state, code, number)

    def _reason(self, state: PayoutDetail, code: str, number: int) -> None:
        failure = describe_failure(code)
        with ui.element("div").classes("between"):
            html(
                join(
                    h("div", h("strong", plural(number, "holder")), " · ", failure.sentence),
                    h("div", failure.next_step.said(in_browser), class_="note"),
                    h("div", code, class_="mono faint"),
                ),
                classes="grow",
            )
            if may_retry(self._page_context, state):
                retry = partial(self._actions.retry_reason, state, code)
                label = "Retry this holder …" if number == 1 else f"Retry these {number:,} holders …"
                button(label, self._page_context.handler(Permission.PAY, retry), small=True)
