"""Buttons of people who hold payouts: pause and resume, send back and ask again."""

from collections.abc import Awaitable, Callable
from functools import partial

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.forms import ask_reason
from masspayout.dashboard.components.layout import callout
from masspayout.dashboard.formats import plain_amount
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.next_steps import with_next_step
from masspayout.dashboard.page_context import PageContext
from masspayout.distributions import PauseSubject
from masspayout.kernel.roles import Permission


class HoldingButtons:
    """The buttons that hold a payout or let it go on, for what its state and the visitor's role allow."""

    def __init__(self, page_context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._page_context = page_context
        self._changed = changed

    def show(self, state: PayoutDetail) -> None:
        """Show the buttons that can be pressed now."""
        distribution, status = state.distribution, state.status
        handler = self._page_context.handler
        pause = status.pause
        if self._page_context.may(Permission.PAY):
            if pause is not None and pause.distribution_id is not None and not distribution.status.is_final:
                button("Resume …", handler(Permission.PAY, partial(self._resume, state)), primary=True)
            elif distribution.status.is_running and pause is None:
                button("Pause …", handler(Permission.PAY, partial(self._pause, state)))
        can_be_sent_back = distribution.status.can_execute and distribution.is_frozen and status.approvals.required
        if can_be_sent_back and status.sent_back is None and self._page_context.may(Permission.APPROVE):
            button("Send back …", handler(Permission.APPROVE, partial(self._send_back, state)))
        if distribution.status.can_execute and status.sent_back is not None and self._page_context.may(Permission.PLAN):
            button("Ask again …", handler(Permission.PLAN, partial(self._resubmit, state)), primary=True)

    async def _pause(self, state: PayoutDetail) -> None:
        reason = await ask_reason(
            f"Pause {labels.name(state.distribution)}?",
            "No further batch begins. What was sent is settled, and cannot be taken back.",
            yes="Pause",
        )
        if reason is None:
            return
        await self._page_context.payouts.pause(PauseSubject(distribution_id=state.distribution.id), reason)
        messages.notify("Paused.")
        await self._changed()

    async def _resume(self, state: PayoutDetail) -> None:
        left, symbol = state.status.progress.unpaid_amount, labels.symbol(state.distribution)
        sure = await confirm(
            f"Resume {labels.name(state.distribution)}?",
            h("p", f"It {state.status.waits}."),
            h("p", f"{plain_amount(left, symbol)} is still to be paid. Paid holders are not paid again."),
            yes="Resume",
        )
        if not sure:
            return
        await self._page_context.payouts.resume(PauseSubject(distribution_id=state.distribution.id))
        messages.notify("Resumed.")
        await self._changed()

    async def _send_back(self, state: PayoutDetail) -> None:
        reason = await ask_reason(
            f"Send {labels.name(state.distribution)} back?",
            "It cannot start, and its approvals no longer count. Say what is to change.",
            yes="Send back",
        )
        if reason is None:
            return
        await self._page_context.payouts.send_back(state.distribution.id, reason)
        messages.notify("Sent back.")
        await self._changed()

    async def _resubmit(self, state: PayoutDetail) -> None:
        sure = await confirm(
            f"Ask for approval of {labels.name(state.distribution)} again?",
            h("p", f"It {state.status.waits}."),
            h("p", "It needs all its approvals anew."),
            yes="Ask again",
        )
        if not sure:
            return
        await self._page_context.payouts.resubmit(state.distribution.id)
        messages.notify("It waits for approval again.")
        await self._changed()


def describe_hold(state: PayoutDetail) -> Html:
    """Return the note of who holds a payout and why, with the next step; empty when nobody does."""
    status = state.status
    if not status.waits or (status.pause is None and status.sent_back is None):
        return Html("")
    return callout("warn", f"This payout {status.waits.rstrip('.')}.", with_next_step(None, status.next_step))
