"""Approvals: who has said yes to exactly what will be paid, who is still missing, and the button to say it."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.layout import card, facts, html
from masspayout.dashboard.formats import account, plural, when
from masspayout.dashboard.markup import h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.kernel.roles import Permission


class ApprovalCard:
    """The approvals of a payout that needs some."""

    def __init__(self, page_context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._page_context = page_context
        self._changed = changed
        self._place = ui.element("div").classes("stack wide")
        self._shown: object = None

    def refresh(self, state: PayoutDetail) -> None:
        """Show how it stands, if that is another way than before."""
        given = [approval.id for approval in state.approvals]
        distribution = state.distribution
        now = (given, distribution.approvals_required, distribution.status, distribution.sent_back_at)
        if now == self._shown:
            return
        self._shown = now
        self._place.clear()
        if not state.distribution.approvals_required:
            return
        with self._place, card("Approvals", "by others than its creator"):
            missing = state.status.approvals.missing
            needs = chip(f"{plural(missing, 'approval')} missing", "warn") if missing else chip("Approved", "good")
            people = [
                h("li", h("div", h("strong", each.actor_name), when(each.approved_at), class_="between"))
                for each in state.approvals
            ]
            planned_by = h("p", f"Created by {state.distribution.created_by_name or 'an unknown user'}.", class_="note")
            html(join(h("div", needs), planned_by, h("ul", people, class_="plain lines")), classes="stack")
            self._button(state)

    def _button(self, state: PayoutDetail) -> None:
        if state.status.sent_back is not None or not self._page_context.may(Permission.APPROVE):
            return
        me = self._page_context.identity.actor(None).person
        is_open = state.distribution.status.can_execute or state.distribution.status.can_retry
        if is_open and any(approval.person == me for approval in state.approvals):
            with ui.element("div").classes("row"):
                button(
                    "Withdraw approval …",
                    self._page_context.handler(Permission.APPROVE, partial(self._withdraw, state)),
                )
        if not state.status.approvals.missing:
            return
        if state.distribution.created_by == me:
            html(h("p", "You created this payout. Another user has to approve it.", class_="note"))
        elif any(approval.person == me for approval in state.approvals):
            html(h("p", "You approved this payout. Another user has to approve it as well.", class_="note"))
        else:
            with ui.element("div").classes("row"):
                button(
                    "Approve …",
                    self._page_context.handler(Permission.APPROVE, partial(self._approve, state)),
                    primary=True,
                )

    async def _withdraw(self, state: PayoutDetail) -> None:
        sure = await confirm(
            f"Withdraw your approval of {labels.name(state.distribution)}?",
            h("p", "It does not start before enough people approve it again."),
            yes="Withdraw approval",
        )
        if not sure:
            return
        await self._page_context.payouts.withdraw_approval(state.distribution.id)
        messages.notify("Withdrawn.")
        await self._changed()

    async def _approve(self, state: PayoutDetail) -> None:
        distribution = state.distribution
        register_hash = distribution.register_hash or ""
        total = labels.plain_total(distribution)
        sure = await confirm(
            f"Approve {total} to {plural(state.status.progress.holder_count, 'holder')}?",
            facts(
                ("Payout", labels.name(distribution)),
                ("Asset", f"{distribution.asset.name} ({distribution.asset.symbol})"),
                ("From", account(distribution.payer_account_id or "")),
                ("Register hash", h("span", register_hash, class_="mono")),
            ),
            h("p", "You approve this payout as it is. If anything changes, your approval no longer counts."),
            yes=f"Approve {total}",
        )
        if not sure:
            return
        await self._page_context.payouts.approve(distribution.id, register_hash)
        messages.notify("Approved.")
        await self._changed()
