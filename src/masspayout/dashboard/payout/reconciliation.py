"""Reconciliation: ledger and database, account by account, as a verdict in green or red."""

from nicegui import ui

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.layout import callout, card, facts, html
from masspayout.dashboard.components.tables import numbers, table
from masspayout.dashboard.formats import account, amount, lines, plural, words
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.kernel.roles import Permission
from masspayout.payments import Reconciliation

_BREAKS_SHOWN = 50
_MEANINGS = {
    "NOT_RECEIVED": "Paid in the database, no payment on the ledger.",
    "UNRECORDED": "Payment on the ledger, not paid in the database.",
    "WRONG_AMOUNT": "Different amounts on the ledger and in the database.",
    "NOT_OWED": "Payment on the ledger to an account that is owed nothing.",
    "REGISTER_CHANGED": "The entitlements changed after the freeze.",
}


class ReconciliationCard:
    """Reconciles when asked to: it reads every transaction of the payout from the ledger."""

    def __init__(self, page_context: PageContext, state: PayoutDetail) -> None:
        self._page_context = page_context
        self._state = state
        with card("Reconciliation", "ledger and database, account by account"):
            self._verdict = html(h("p", "Reads every transaction of this payout from the ledger.", class_="note"))
            with ui.element("div").classes("row"):
                self._button = button("Reconcile now", page_context.handler(Permission.VIEW, self._reconcile))

    async def _reconcile(self) -> None:
        self._button.props("loading")
        try:
            verdict = await self._page_context.payouts.reconcile(self._state.distribution.id)
        finally:
            self._button.props(remove="loading")
        self._verdict.content = describe_verdict(verdict, labels.symbol(self._state.distribution))
        self._button.set_text("Reconcile again")


def describe_verdict(verdict: Reconciliation, symbol: str | None) -> Html:
    """Return the verdict: green when ledger and database agree, else red with the breaks."""
    if verdict.agrees:
        unpaid = f" {plural(verdict.unpaid_count, 'holder')} are still unpaid." if verdict.unpaid_count else ""
        head = callout("good", "Ledger and database agree to the smallest unit.", f"No breaks.{unpaid}")
    elif verdict.breaks:
        head = callout("bad", f"{plural(len(verdict.breaks), 'break')} found.", "Check each of these accounts.")
    else:
        behind = f"Its books are up to {verdict.delay_seconds:,} s behind it. Reconcile again after that."
        head = callout(
            "warn", f"{plural(verdict.unseen_count, 'payment')} the ledger confirmed, and does not show yet.", behind
        )
    database = lines(amount(verdict.paid_amount, symbol), plural(verdict.paid_count, "holder"))
    ledger = lines(amount(verdict.ledger_amount, symbol), plural(verdict.ledger_count, "holder"))
    figures = facts(("Database", database), ("Ledger", ledger), ledger=True)
    return join(head, h("div", figures, style="margin-top: var(--space-4)"), _breaks(verdict, symbol))


def _breaks(verdict: Reconciliation, symbol: str | None) -> Html | None:
    if not verdict.breaks:
        return None
    rows = [
        (
            account(each.account_id),
            h("span", words(each.kind), title=_MEANINGS.get(each.kind, "")),
            amount(each.database_amount, symbol, exact=True),
            amount(each.ledger_amount, symbol, exact=True),
        )
        for each in verdict.breaks[:_BREAKS_SHOWN]
    ]
    more = len(verdict.breaks) - len(rows)
    heads = ["Account", "Break", numbers("Database"), numbers("Ledger")]
    return join(table(heads, rows, label="Breaks"), h("p", f"and {more:,} more", class_="note") if more > 0 else None)
