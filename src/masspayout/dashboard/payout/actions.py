"""Actions on a payout. Each asks for confirmation first, with the amounts and names."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.layout import facts
from masspayout.dashboard.formats import account, count, plain_amount, plural, when
from masspayout.dashboard.markup import h
from masspayout.dashboard.page_context import PageContext
from masspayout.db.entities import DistributionStatus
from masspayout.distributions import Chosen
from masspayout.kernel.roles import Permission
from masspayout.ledger.failures import describe_failure

_NAMED = 5


class PayoutActions:
    """The buttons of one payout, for what its state and the visitor's role allow."""

    def __init__(self, page_context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._page_context = page_context
        self._changed = changed

    def show(self, state: PayoutDetail) -> None:
        """Show the buttons that can be pressed now."""
        distribution = state.distribution
        page_context = self._page_context
        if page_context.may(Permission.PAY):
            is_held = state.status.pause is not None or state.status.sent_back is not None
            may_begin = distribution.scheduled_time is None and not state.status.approvals.missing and not is_held
            if distribution.status.can_execute and may_begin:
                button("Execute …", page_context.handler(Permission.PAY, partial(self._execute, state)), primary=True)
            if distribution.status.can_retry and not is_held:
                button(
                    "Retry all unpaid …",
                    page_context.handler(Permission.PAY, partial(self._retry, state)),
                    primary=True,
                )
        if page_context.may(Permission.PLAN) and distribution.status.can_cancel:
            button("Cancel payout …", page_context.handler(Permission.PLAN, partial(self._cancel, state)), danger=True)

    async def _execute(self, state: PayoutDetail) -> None:
        distribution = state.distribution
        total = labels.plain_total(distribution)
        who = f" to {plural(state.status.progress.holder_count, 'holder')}" if distribution.is_frozen else ""
        sure = await confirm(
            f"Pay {total}{who}?",
            facts(
                ("Payout", labels.name(distribution)),
                ("Asset", f"{distribution.asset.name} ({distribution.asset.symbol})"),
                (
                    "From",
                    account(distribution.payer_account_id or self._page_context.context.settings.payer_account_id),
                ),
                ("Transactions", count(distribution.batch_count) if distribution.batch_count else None),
            ),
            h("p", "Sent payments cannot be reversed."),
            yes=f"Pay {total}",
        )
        if not sure:
            return
        await self._page_context.payouts.start(distribution.id)
        messages.notify("Payout started.")
        await self._changed()

    async def _retry(self, state: PayoutDetail) -> None:
        distribution = state.distribution
        if not distribution.is_frozen:
            sure = await confirm(
                f"Retry {labels.name(distribution)}?",
                h("p", f"It did not start. {labels.plain_total(distribution)} is paid now."),
                yes="Start payout",
            )
        else:
            sure = await _confirm_retry(state, state.status.progress.unpaid_count, "all unpaid holders")
        if not sure:
            return
        await self._page_context.payouts.retry(distribution.id)
        await self._begun()

    async def retry_reason(self, state: PayoutDetail, code: str) -> None:
        """Retry the holders who failed for one reason."""
        sentence = describe_failure(code).sentence
        if await _confirm_retry(state, state.status.failures.get(code, 0), f"holders with this reason: {sentence}"):
            await self._retry_chosen(state, Chosen(failure_code=code))

    async def retry_accounts(self, state: PayoutDetail, accounts: Sequence[str]) -> None:
        """Retry some accounts."""
        named = ", ".join(accounts[:_NAMED]) + (" …" if len(accounts) > _NAMED else "")
        if await _confirm_retry(state, len(accounts), f"{named}"):
            await self._retry_chosen(state, Chosen(accounts=list(accounts)))

    async def _retry_chosen(self, state: PayoutDetail, chosen: Chosen) -> None:
        await self._page_context.payouts.retry(state.distribution.id, chosen=chosen)
        await self._begun()

    async def _begun(self) -> None:
        messages.notify("Retry started. Paid holders are not paid again.")
        await self._changed()

    async def _cancel(self, state: PayoutDetail) -> None:
        distribution = state.distribution
        total = labels.plain_total(distribution)
        sure = await confirm(
            f"Cancel {labels.name(distribution)}?",
            facts(
                ("Amount", total),
                (
                    "To",
                    plural(state.status.progress.holder_count, "holder")
                    if distribution.is_frozen
                    else "holders when due",
                ),
                ("Was due", when(distribution.scheduled_time) if distribution.scheduled_time else None),
            ),
            h("p", "No holder was paid. A cancelled payout cannot be resumed; create a new one instead."),
            yes="Cancel payout",
            danger=True,
        )
        if not sure:
            return
        await self._page_context.payouts.cancel(distribution.id)
        messages.notify("Cancelled. No holder was paid.")
        await self._changed()


async def _confirm_retry(state: PayoutDetail, how_many: int, whom: str) -> bool:
    unpaid_count, left = state.status.progress.unpaid_count, state.status.progress.unpaid_amount
    symbol = labels.symbol(state.distribution)
    everybody = how_many == unpaid_count
    return await confirm(
        f"Retry {plural(how_many, 'holder')}?",
        facts(
            ("Holders", whom),
            (
                "All unpaid",
                f"{plural(unpaid_count, 'holder')}, {plain_amount(left, symbol)}",
            ),
        ),
        h("p", "Paid holders are not paid again."),
        yes=f"Pay {plain_amount(left, symbol)}" if everybody else f"Retry {plural(how_many, 'holder')}",
    )


def may_retry(page_context: PageContext, state: PayoutDetail) -> bool:
    """Return whether this visitor may retry unpaid holders now."""
    return page_context.may(Permission.PAY) and state.distribution.status is DistributionStatus.FAILED
