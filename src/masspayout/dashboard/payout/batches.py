"""The batches of a payout, each with its latest transaction, linked to the ledger's explorer."""

from masspayout.app import PayoutDetail
from masspayout.dashboard import labels
from masspayout.dashboard.components.chips import status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, html
from masspayout.dashboard.components.tables import Pager, numbers, table
from masspayout.dashboard.explorer import transaction
from masspayout.dashboard.formats import amount, count
from masspayout.dashboard.markup import h
from masspayout.dashboard.page_context import PageContext
from masspayout.db.entities import BatchPayout

_PAGE_SIZE = 10


class BatchCard:
    """The transactions that pay."""

    def __init__(self, page_context: PageContext, state: PayoutDetail) -> None:
        self._page_context = page_context
        self._state = state
        with card("Transactions", "one per batch; retries use new ones", flush=True):
            self._table = html()
            self._pager = Pager(_PAGE_SIZE, self._refresh)

    async def refresh(self, state: PayoutDetail) -> None:
        """Show how the batches stand."""
        self._state = state
        await self._refresh()

    async def _refresh(self) -> None:
        state = self._state
        async with self._page_context.unit_of_work() as work:
            # Batches are numbered without gaps, so a page begins after a number.
            rows = await work.batch_payouts.find_of_distribution(
                state.distribution.id, after=self._pager.offset, limit=_PAGE_SIZE
            )
        figures = [numbers("Holders"), numbers("Paid"), numbers("Failed"), numbers("Amount")]
        if rows:
            heads = ["Batch", "State", *figures, "Transaction"]
            self._table.content = table(heads, map(self._cells, rows), label="Transactions")
        else:
            self._table.content = empty("No transactions yet", "They are planned when the amounts are locked.")
        self._pager.show(rows, state.status.progress.batch_count)

    def _cells(self, batch: BatchPayout) -> tuple[object, ...]:
        failed = batch.failed_payments or 0
        return (
            f"#{batch.batch_number}",
            status_chip(batch.status),
            count(batch.total_holders),
            count(batch.successful_payments or 0),
            h("span", count(failed), class_="bad") if failed else "0",
            amount(batch.total_amount, labels.symbol(self._state.distribution), exact=True),
            transaction(self._page_context.context.settings, batch.transaction_id),
        )
