"""Series: what makes payouts by itself, and what it made. They can be paused, resumed and cancelled."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from nicegui import ui

from masspayout.automation import series as series_business
from masspayout.dashboard import labels
from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.chips import status_chip
from masspayout.dashboard.components.empty import empty
from masspayout.dashboard.components.layout import card, facts, html, page_head
from masspayout.dashboard.components.paged_list import PagedList
from masspayout.dashboard.components.tables import numbers, table
from masspayout.dashboard.formats import amount, duration, lines, plain_amount, when, words
from masspayout.dashboard.markup import Content, Html, h
from masspayout.dashboard.next_steps import why_unpaid
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.db.entities import Asset, Series, SeriesStatus
from masspayout.db.repositories import Page
from masspayout.kernel.roles import Permission

_OCCURRENCES_SHOWN = 50


def add_page(registry: PageRegistry) -> None:
    """Open the pages."""

    @registry.page("/series", "Series", section="series")
    async def show_list(page_context: PageContext) -> None:
        await _List(page_context).show()

    @registry.page("/series/{reference}", "Series", section="series")
    async def show_one(page_context: PageContext) -> None:
        async with page_context.unit_of_work() as work:
            found = await series_business.find(work, page_context.request.path_params["reference"])
            asset = await work.assets.get(found.asset_id)
        await _One(page_context, found, asset).show()


class _List:
    """The list while somebody looks at it."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        with page_head("Series", "A series creates payouts by itself: on a calendar, or when funds arrive."):
            if self._page_context.may(Permission.PLAN):
                html(h("a", "New series", href="/payouts/new?execution=RECURRING", class_="btn-link primary"))
        series = PagedList(self._read)
        await series.refresh()
        self._page_context.every(3.0, series.refresh)

    async def _read(self, _wanted: str, page: int, size: int) -> tuple[Page[Series], Html]:
        async with self._page_context.unit_of_work() as work:
            repository = work.series
            found = await repository.find_of_asset(None, None, page, size)
            next_times = await repository.find_next_times([each.id for each in found.items])
        if found.items:
            heads = ["Series", "State", "Starts", numbers("Amount"), "Next"]
            rows = [_row(each, next_times.get(each.id)) for each in found.items]
            return found, table(heads, rows, label="Series")
        return found, empty(
            "No series yet",
            "Create a series for monthly coupons, or for payouts that start when funds arrive.",
            ("New series", "/payouts/new?execution=RECURRING") if self._page_context.may(Permission.PLAN) else None,
        )


class _One:
    """One series while somebody looks at it."""

    def __init__(self, page_context: PageContext, series: Series, asset: Asset) -> None:
        self._page_context = page_context
        self._series = series
        self._asset = asset
        self._shown_status: SeriesStatus | None = None

    async def show(self) -> None:
        series, asset = self._series, self._asset
        title = series.concept or f"{words(series.type)} on {asset.symbol}"
        lead = f"{words(series.type)} on {asset.name}, {starts(series).lower()}"
        with page_head(title, lead, crumbs=[("Series", "/series")]):
            self._chip = html()
            self._buttons = ui.element("div").classes("row")
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("stack span-8"), card("Payouts of this series", flush=True):
                self._occurrences = html()
            with ui.element("div").classes("stack span-4"), card("Terms"):
                self._terms = html()
        await self._refresh()
        self._page_context.every(2.0, self._refresh)

    async def _refresh(self) -> None:
        async with self._page_context.unit_of_work() as work:
            self._series = series = await series_business.find(work, str(self._series.id))
            made = await work.distributions.find_of_series(series.id, _OCCURRENCES_SHOWN)
            next_time = await series_business.find_next_time(work, series)
        symbol = self._asset.payment_token_symbol
        rows = [
            (
                h("a", when(each.scheduled_time), href=labels.path(each), class_="main"),
                status_chip(each.status),
                amount(each.total_amount if each.is_frozen else each.amount, symbol),
                f"{each.payable_count:,}" if each.payable_count is not None else None,
                h("span", why_unpaid(each), class_="note") if each.failure_message else None,
            )
            for each in made
        ]
        heads = ["Due", "State", numbers("Amount"), numbers("Holders"), "Note"]
        self._occurrences.content = (
            table(heads, rows, label="Payouts")
            if rows
            else empty("No payouts yet", "Each deposit that meets the condition creates one.")
        )
        self._terms.content = _terms(series, symbol, next_time)
        self._show_buttons()

    def _show_buttons(self) -> None:
        status = self._series.status
        if status == self._shown_status:
            return
        self._shown_status = status
        self._chip.content = status_chip(status)
        self._buttons.clear()
        if not self._page_context.may(Permission.PLAN):
            return
        with self._buttons:
            if status is SeriesStatus.ACTIVE:
                button("Pause", self._handler(self._pause))
            if status is SeriesStatus.PAUSED:
                button("Resume …", self._handler(self._resume), primary=True)
            if not status.is_final:
                button("Cancel series …", self._handler(self._cancel), danger=True)

    def _handler(self, action: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        return self._page_context.handler(Permission.PLAN, action)

    async def _pause(self) -> None:
        async with self._page_context.unit_of_work() as work:
            await series_business.pause(work, self._series)
        messages.notify("Paused: its payouts start when it is resumed.")
        await self._refresh()

    async def _resume(self) -> None:
        window = duration(self._series.catch_up_seconds)
        text = f"Payouts that fell due meanwhile are paid if overdue by at most {window}; others are marked as missed."
        if not await confirm("Resume this series?", h("p", text), yes="Resume"):
            return
        async with self._page_context.unit_of_work() as work:
            await series_business.resume(work, self._series)
        messages.notify("The series is resumed.")
        await self._refresh()

    async def _cancel(self) -> None:
        series = self._series
        what = plain_amount(series.amount, self._asset.payment_token_symbol) if series.amount else "the deposits"
        sure = await confirm(
            "Cancel this series?",
            facts(("Asset", self._asset.name), ("Amount", f"{what}, {starts(series).lower()}")),
            h("p", "Its planned payouts are cancelled too. A cancelled series cannot be resumed."),
            yes="Cancel series",
            danger=True,
        )
        if not sure:
            return
        async with self._page_context.unit_of_work() as work:
            called_off = await series_business.cancel(work, series)
        messages.notify(f"Cancelled, with {called_off:,} planned payouts.")
        await self._refresh()


def starts(series: Series) -> str:
    """Return how the payouts of a series start."""
    if series.trigger_condition is not None:
        return f"When funds arrive ({series.trigger_condition})"
    return words(series.frequency)


def _row(series: Series, next_time: datetime | None) -> tuple[Content, ...]:
    symbol = series.asset.payment_token_symbol
    name = series.concept or f"{words(series.type)} on {series.asset.symbol}"
    about = f"{words(series.type)} · {series.asset.symbol}"
    return (
        h("a", lines(name, about), href=f"/series/{series.id}", class_="main"),
        status_chip(series.status),
        starts(series),
        amount(series.amount, symbol) if series.amount else h("span", "the deposit", class_="faint"),
        when(next_time),
    )


def _terms(series: Series, symbol: str | None, next_time: datetime | None) -> Html:
    is_calendar = series.trigger_condition is None
    return facts(
        ("Amount", amount(series.amount, symbol) if series.amount else "the deposit"),
        ("Split", "pro rata to balances" if series.payout_type == "PERCENTAGE" else "equal amounts"),
        *labels.own_words(series),
        ("Starts", starts(series)),
        ("Next", when(next_time) if next_time else None),
        ("First", when(series.start_time) if series.start_time else None),
        ("Last", when(series.end_time) if series.end_time else None),
        ("Time zone", series.time_zone if is_calendar else None),
        ("Catch-up window", duration(series.catch_up_seconds) if is_calendar else None),
        ("Excluded", ", ".join(series.excluded_accounts) or None),
        ("Id", h("span", str(series.id), class_="mono")),
    )
