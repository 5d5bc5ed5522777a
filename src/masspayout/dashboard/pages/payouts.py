"""The lists of payouts: upcoming, ongoing (with those that failed), completed."""

from collections.abc import Sequence
from dataclasses import dataclass

from masspayout.dashboard import labels
from masspayout.dashboard.components.chips import payout_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import html, page_head
from masspayout.dashboard.components.paged_list import PagedList
from masspayout.dashboard.components.progress import progress_bar
from masspayout.dashboard.components.tables import Column, numbers, table
from masspayout.dashboard.formats import count, lines, percent, when, words
from masspayout.dashboard.markup import Content, Html, h
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories import Page
from masspayout.kernel.payout_status import Progress
from masspayout.kernel.roles import Permission


@dataclass(frozen=True, slots=True)
class _PayoutList:
    """One of the lists: which states are in it, and what it says when there are none."""

    section: str
    title: str
    lead: str
    states: Sequence[DistributionStatus]
    nothing: tuple[str, str]


_PAYOUT_LISTS = (
    _PayoutList(
        "upcoming",
        "Upcoming payouts",
        "Planned payouts. Scheduled ones start by themselves.",
        (DistributionStatus.PENDING,),
        ("No payouts planned", "Create a payout. You see a preview first."),
    ),
    _PayoutList(
        "ongoing",
        "Ongoing payouts",
        "Payouts in progress, or stopped with unpaid holders.",
        (DistributionStatus.PROCESSING, DistributionStatus.FAILED),
        ("No ongoing payouts", "A payout appears here when it starts."),
    ),
    _PayoutList(
        "completed",
        "Completed payouts",
        "Payouts paid in full, or cancelled before they began.",
        (DistributionStatus.COMPLETED, DistributionStatus.CANCELLED),
        ("No completed payouts", "A payout appears here when all its holders are paid."),
    ),
)


def add_page(registry: PageRegistry) -> None:
    """Open the pages."""
    for which in _PAYOUT_LISTS:
        _add_list(registry, which)


def _add_list(registry: PageRegistry, which: _PayoutList) -> None:
    @registry.page(f"/payouts/{which.section}", which.title, section=which.section)
    async def show(page_context: PageContext) -> None:
        await _Page(page_context, which).show()


class _Page:
    """A list while somebody looks at it."""

    def __init__(self, page_context: PageContext, which: _PayoutList) -> None:
        self._page_context = page_context
        self._list = which

    async def show(self) -> None:
        with page_head(self._list.title, self._list.lead):
            if self._page_context.may(Permission.PLAN):
                html(h("a", "New payout", href="/payouts/new", class_="btn-link primary"))
        payouts = PagedList(self._read, searches=("Search payouts", "Search by name or asset"))
        await payouts.refresh()
        self._page_context.every(2.0, payouts.refresh)

    async def _read(self, wanted: str, page: int, size: int) -> tuple[Page[Distribution], Html]:
        async with self._page_context.unit_of_work() as work:
            found = await work.distributions.find_in_states(self._list.states, contains=wanted, page=page, limit=size)
            pauses = await work.pauses.find_of([each.id for each in found.items])
            progress = {
                each.id: await work.batch_payouts.progress(each.id)
                for each in found.items
                if not each.status.is_final and each.executed_at
            }
        if found.items:
            heads: list[Column | str] = ["Payout", "State", numbers("Amount"), numbers("Holders"), "When", "Progress"]
            rows = [_row(each, progress.get(each.id), is_paused=each.id in pauses) for each in found.items]
            if not progress:
                heads, rows = heads[:-1], [row[:-1] for row in rows]
            return found, table(heads, rows, label=self._list.title)
        if wanted:
            return found, empty("No payout matches", f"No payout has {wanted!r} in its name.")
        link = ("New payout", "/payouts/new") if self._page_context.may(Permission.PLAN) else None
        return found, empty(*self._list.nothing, link)


def _row(distribution: Distribution, progress: Progress | None, *, is_paused: bool) -> tuple[Content, ...]:
    about = f"{words(distribution.type)} · {distribution.asset.symbol} · {words(distribution.execution_type).lower()}"
    holders = distribution.payable_count
    return (
        h("a", lines(labels.name(distribution), about), href=labels.path(distribution), class_="main"),
        payout_chip(distribution.status, is_paused=is_paused, is_sent_back=distribution.sent_back is not None),
        labels.total(distribution),
        count(holders) if holders is not None else h("span", "when due", class_="faint"),
        when(distribution.executed_at or distribution.scheduled_time or distribution.created_at),
        None
        if progress is None
        else h(
            "div",
            progress_bar(progress.paid_count, progress.failed_count, progress.holder_count, thin=True),
            h("span", percent(progress.paid_count, progress.holder_count), class_="note"),
            style="min-width: 8rem",
        ),
    )
