"""The overview: what was paid, what comes next, what runs, what waits for a person, and whether all is well."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from nicegui import ui

from masspayout.automation import find_zone, next_number, occurrence
from masspayout.dashboard import health, labels
from masspayout.dashboard.components.calendars import Entry, month_calendar
from masspayout.dashboard.components.charts import stacked_bars
from masspayout.dashboard.components.chips import chip
from masspayout.dashboard.components.empty import empty, show_empty
from masspayout.dashboard.components.layout import card, figure, html, page_head
from masspayout.dashboard.components.progress import progress_bar
from masspayout.dashboard.formats import amount, count, percent, plain_amount, plural, when, words
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.next_steps import with_next_step
from masspayout.dashboard.page_context import PageContext
from masspayout.dashboard.page_registry import PageRegistry
from masspayout.dashboard.pause_switch import PauseSwitch, describe_pause
from masspayout.db.entities import Distribution, ExecutionType, Series, SeriesStatus
from masspayout.db.repositories import (
    FailedPayout,
    PaidInMonth,
    WorkStatus,
)
from masspayout.distributions import PauseSubject
from masspayout.kernel.money import add, total
from masspayout.kernel.next_steps import NextStep
from masspayout.kernel.roles import Permission
from masspayout.ledger.failures import FAILURES, describe_failure

_EVERYTHING = "the installation"
_MONTHS = 12
_SHOWN = 6
_PROJECTED_DATES = 40


def add_page(registry: PageRegistry) -> None:
    """Open the page."""

    @registry.page("/", "Overview", section="overview")
    async def show(page_context: PageContext) -> None:
        await _Page(page_context).show()


class _Page:
    """The overview while somebody looks at it: running payouts and failures are brought up to date."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context

    async def show(self) -> None:
        page_context = self._page_context
        async with page_context.unit_of_work() as work:
            has_assets = bool((await work.assets.find_all(limit=1)).total)
        with page_head("Overview", "Amounts paid, next payouts, and what needs attention."):
            if page_context.may(Permission.PLAN) and has_assets:
                html(h("a", "New payout", href="/payouts/new", class_="btn-link primary"))
            self._switch = PauseSwitch(page_context, PauseSubject(), _EVERYTHING, self._refresh)
        if not has_assets:
            show_empty(
                "Import an asset first",
                "Payouts go to the holders of a token. Import one to read its register from the ledger.",
                ("Import an asset", "/assets/import") if page_context.may(Permission.MANAGE_ASSETS) else None,
            )
        self._pause = html(classes="stack")
        self._figures = html(classes="card")
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("stack span-8"):
                with card("Running now"):
                    self._running = html()
                with card("Needs attention"):
                    self._failures = html()
                with card("Paid per month", "by month of the start, in UTC"):
                    self._months = html(classes="stack")
            with ui.element("div").classes("stack span-4"):
                with card("Next payouts"):
                    self._next = html(classes="stack")
                with card("Health"):
                    self._health = html()
        await self._refresh()
        await self._refresh_health()
        page_context.every(2.0, self._refresh)
        page_context.every(10.0, self._refresh_health)

    async def _refresh(self) -> None:
        now = await self._page_context.database.clock.now()
        since = _month_start(now, back=_MONTHS - 1)
        async with self._page_context.unit_of_work() as work:
            overview = work.overview
            paid = await overview.paid_by_month(since)
            failures, failure_count = await overview.failures(_SHOWN)
            waiting = await overview.awaiting_approval(_SHOWN)
            upcoming = await overview.upcoming()
            series = await work.series.find_of_asset(None, SeriesStatus.ACTIVE, limit=100)
            background = await work.background_work.status()
            pause = await work.pauses.find_open(None, None)
        self._switch.refresh(pause)
        self._pause.content = describe_pause(pause, _EVERYTHING)
        self._figures.content = _figures(paid, upcoming, failure_count, background, now)
        self._running.content = _running(background)
        self._failures.content = _waiting(waiting, failures, failure_count)
        self._months.content = _months(paid, since)
        self._next.content = _next(upcoming, series.items, now)

    async def _refresh_health(self) -> None:
        self._health.content = await health.describe(self._page_context.context)


def _figures(
    paid: Sequence[PaidInMonth], upcoming: Sequence[Distribution], failure_count: int, work: WorkStatus, now: datetime
) -> Html:
    this_month: dict[str, Decimal] = defaultdict(Decimal)
    for row in paid:
        if row.month == f"{now:%Y-%m}":
            token = row.payment_token_symbol or row.payment_token_id
            this_month[token] = add(this_month[token], row.amount)
    sums = [h("div", amount(value, token)) for token, value in this_month.items()]
    first = upcoming[0] if upcoming else None
    return h(
        "div",
        figure("Paid this month", sums or "0", wide=True),
        figure("Next payout", when(first.scheduled_time, "ago") if first else "None planned", first and _named(first)),
        figure("Running", count(len(work.distributions)), _left(work)),
        figure(
            "Failed",
            h("span", count(failure_count), class_="bad") if failure_count else "0",
            "need attention" if failure_count else "all clear",
        ),
        class_="figures",
    )


def _named(distribution: Distribution) -> Html:
    return h("a", labels.name(distribution), href=labels.path(distribution))


def _left(work: WorkStatus) -> str:
    left = sum(running.holders - running.paid - running.failed for running in work.distributions)
    return f"{plural(left, 'holder')} to go" if left else "none in progress"


def _running(work: WorkStatus) -> Html:
    if not work.distributions:
        return h("p", "No payout is running.", class_="note")
    return h(
        "ul",
        (
            h(
                "li",
                h(
                    "div",
                    h("a", f"{running.symbol} payout", href=f"/payouts/{running.distribution_id}", class_="main"),
                    h("span", f"{count(running.paid)} of {plural(running.holders, 'holder')} paid", class_="soft"),
                    class_="between",
                ),
                progress_bar(running.paid, running.failed, running.holders, thin=True),
                h(
                    "div",
                    h("span", percent(running.paid, running.holders)),
                    h("span", f"{count(running.failed)} failed", class_="bad") if running.failed else None,
                    class_="progress-line",
                ),
            )
            for running in work.distributions
        ),
        class_="plain lines",
    )


def _waiting(waiting: Sequence[Distribution], failures: Sequence[FailedPayout], failure_count: int) -> Html:
    if not waiting and not failures:
        return h("p", "All clear.", class_="note")
    more = failure_count - len(failures)
    return join(
        h(
            "ul",
            (h("li", _unapproved(each)) for each in waiting),
            (h("li", _failure(each)) for each in failures),
            class_="plain lines",
        ),
        h("p", h("a", f"{count(more)} more", href="/payouts/ongoing")) if more else None,
    )


def _unapproved(distribution: Distribution) -> Html:
    if distribution.sent_back is not None:
        return join(
            h("div", h("strong", _named(distribution)), chip("sent back", "warn"), class_="between"),
            h("p", f"It {distribution.sent_back.sentence.rstrip('.')}.", class_="note"),
        )
    holders = plural(distribution.payable_count or 0, "holder")
    by = f", planned by {distribution.created_by_name}" if distribution.created_by_name else ""
    return join(
        h("div", h("strong", _named(distribution)), chip("needs approval", "warn"), class_="between"),
        h("p", f"{labels.plain_total(distribution)} to {holders}{by}.", class_="note"),
    )


def _failure(failed: FailedPayout) -> Html:
    name = failed.concept or f"{words(failed.type)} on {failed.symbol}"
    token = failed.payment_token_symbol or failed.payment_token_id
    if failed.unpaid_count:
        what = f"{plural(failed.unpaid_count, 'holder')} unpaid, {plain_amount(failed.unpaid_amount, token)}"
    else:
        what = "did not start" if not failed.is_frozen else "stopped"
    why = with_next_step(failed.failure_message, NextStep.from_json(failed.failure_next_step or ()))
    if failed.failure_code in FAILURES:
        why = describe_failure(failed.failure_code).sentence
    return join(
        h(
            "div",
            h("a", name, href=f"/payouts/{failed.distribution_id}", class_="main"),
            chip(what, "bad"),
            class_="between",
        ),
        h("p", why or "Open it to see the reasons, and retry once they are fixed.", class_="note"),
    )


def _months(paid: Sequence[PaidInMonth], since: datetime) -> Html:
    if not paid:
        return empty("No payouts yet", "Amounts paid appear here by month and asset.")
    tokens: dict[str, list[PaidInMonth]] = defaultdict(list)
    for row in paid:
        tokens[row.payment_token_symbol or row.payment_token_id].append(row)
    months = [f"{_month_start(since, back=-ahead):%Y-%m}" for ahead in range(_MONTHS)]
    names = sorted({row.symbol for row in paid})
    charts = []
    for token, rows in sorted(tokens.items()):
        parts: dict[str, dict[str, Decimal]] = {month: defaultdict(Decimal) for month in months}
        for row in rows:
            parts[row.month][row.symbol] = add(parts[row.month][row.symbol], row.amount)
        paid_amount = total(row.amount for row in rows)
        bars = [(f"{datetime.fromisoformat(month + '-01'):%b}", parts[month]) for month in months]
        charts.append(
            h(
                "div",
                h("div", h("h3", token), h("span", "12 months: ", amount(paid_amount, token)), class_="between soft"),
                stacked_bars(bars, names, token),
                class_="stack",
            )
        )
    return join(*charts)


def _next(upcoming: Sequence[Distribution], series: Sequence[Series], now: datetime) -> Html:
    entries = [*_planned(upcoming), *_projected(series, upcoming, now)]
    month = f"{now:%B %Y}"
    listed = [
        h(
            "li",
            h("div", _named(each), when(each.scheduled_time), class_="between"),
            h("div", h("span", each.asset.symbol), labels.total(each), class_="between note"),
        )
        for each in upcoming[:_SHOWN]
    ]
    return join(
        h("h3", month),
        month_calendar(now.date(), now.date(), entries),
        h("ul", listed, class_="plain lines") if listed else h("p", "No payouts planned.", class_="note"),
    )


def _planned(upcoming: Sequence[Distribution]) -> list[Entry]:
    entries = []
    for each in upcoming:
        if each.scheduled_time is None:
            continue
        title = f"{labels.name(each)}: {labels.plain_total(each)}, {each.scheduled_time:%H:%M} UTC"
        entries.append(Entry(each.scheduled_time.date(), each.asset.symbol, title, labels.path(each)))
    return entries


def _projected(series: Sequence[Series], upcoming: Sequence[Distribution], now: datetime) -> list[Entry]:
    """Return what the calendars of series will make in this month and the next, but have not made yet."""
    last = now + timedelta(days=62)
    made = {(each.series_id, each.scheduled_time) for each in upcoming}
    entries = []
    for each in series:
        if each.execution_type is not ExecutionType.RECURRING or each.frequency is None or each.start_time is None:
            continue
        zone = find_zone(each.time_zone)
        number = next_number(each.frequency, each.start_time, zone, now)
        for ahead in range(_PROJECTED_DATES):
            time = occurrence(each.frequency, each.start_time, zone, number + ahead)
            if time > last or (each.end_time and time > each.end_time):
                break
            if (each.id, time) not in made:
                title = f"{each.concept or 'Series'}: created by its series when due"
                entries.append(Entry(time.date(), each.asset.symbol, title, f"/series/{each.id}", is_projected=True))
    return entries


def _month_start(time: datetime, *, back: int) -> datetime:
    year, month = divmod(time.year * 12 + time.month - 1 - back, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)
