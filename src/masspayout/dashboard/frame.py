"""The frame of every page: navigation with what waits, who is signed in, light or dark, and the page's column."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nicegui import app, ui

from masspayout.dashboard.formats import count, words
from masspayout.dashboard.markup import Html, h, join
from masspayout.dashboard.page_context import PageContext
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.roles import Permission

STATIC = Path(__file__).parent / "static"
_STATIC_PATH = "/dashboard-static"
ICON = STATIC / "icon.svg"

MARK = Html(
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" '
    'aria-hidden="true"><path d="M3 12h6c5 0 4-7 12-7m-12 7c5 0 4 7 12 7m-12-7h12"/></svg>'
)
_MENU = Html(
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
    'aria-hidden="true"><path d="M4 6h16M4 12h16M4 18h16"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation: its section, where it leads, and who sees it."""

    section: str
    label: str
    path: str
    permission: Permission = Permission.VIEW


_PAYOUTS = (
    Entry("upcoming", "Upcoming", "/payouts/upcoming"),
    Entry("ongoing", "Ongoing", "/payouts/ongoing"),
    Entry("completed", "Completed", "/payouts/completed"),
    Entry("series", "Series", "/series"),
)
_GROUPS: tuple[tuple[str | None, tuple[Entry, ...]], ...] = (
    (None, (Entry("overview", "Overview", "/"), Entry("assets", "Assets", "/assets"))),
    ("Payouts", (Entry("new", "New payout", "/payouts/new", Permission.PLAN), *_PAYOUTS)),
    (
        "Records",
        (
            Entry("listeners", "Listeners", "/listeners"),
            Entry("audit", "Audit trail", "/audit", Permission.VIEW_AUDIT),
            Entry("policy", "Policy", "/policy"),
        ),
    ),
    (
        "Administration",
        (
            Entry("users", "Users", "/users", Permission.MANAGE_ACCESS),
            Entry("tokens", "API tokens", "/tokens", Permission.MANAGE_ACCESS),
            Entry("webhooks", "Webhooks", "/webhooks", Permission.MANAGE_WEBHOOKS),
        ),
    ),
)


def serve_static_files() -> None:
    """Serve our style sheets and script, and name them in the head of every page."""
    app.add_static_files(_STATIC_PATH, STATIC)
    ui.add_head_html(head_links(), shared=True)


def head_links() -> Html:
    """Return what the head of a page names: our style sheets and our script, each version of them by itself."""
    version = max(int(path.stat().st_mtime) for path in STATIC.iterdir())
    links = [
        h("link", rel="stylesheet", href=f"{_STATIC_PATH}/{name}?{version}")
        for name in ("tokens.css", "frame.css", "parts.css")
    ]
    script = h("script", src=f"{_STATIC_PATH}/dashboard.js?{version}", defer=True)
    icon = h("link", rel="icon", href=f"{_STATIC_PATH}/icon.svg?{version}", type="image/svg+xml")
    return join(*links, icon, script)


async def show(page_context: PageContext, section: str) -> AbstractContextManager[None]:
    """Show the frame, and return the place where the page is to be built."""
    async with page_context.unit_of_work() as work:
        counts = await work.distributions.count_by_status()
    ui.html(h("a", "Skip to content", href="#main", class_="skip-link"), sanitize=False)
    with ui.element("div").classes("shell"):
        ui.html(_sidebar(page_context, section, counts), sanitize=False, tag="div")
        ui.html(_topbar(), sanitize=False, tag="header").classes("topbar")
        main = ui.element("main").classes("page").props('id="main" tabindex="-1"')
    return _inside(main)


@contextmanager
def _inside(main: ui.element) -> Iterator[None]:
    with main, ui.element("div").classes("page-inner"):
        yield


def _sidebar(page_context: PageContext, section: str, counts: dict[DistributionStatus, int]) -> Html:
    running = counts.get(DistributionStatus.PROCESSING, 0)
    failed = counts.get(DistributionStatus.FAILED, 0)
    badges = {
        "ongoing": (count(running + failed), "bad" if failed else "") if running + failed else None,
        "upcoming": (count(counts[DistributionStatus.PENDING]), "") if counts.get(DistributionStatus.PENDING) else None,
    }
    groups: list[Html] = []
    for title, entries in _GROUPS:
        seen = [entry for entry in entries if page_context.may(entry.permission)]
        if seen and title:
            groups.append(h("h2", title))
        for entry in seen:
            badge = badges.get(entry.section)
            groups.append(
                h(
                    "a",
                    entry.label,
                    h("span", badge[0], class_=f"count {badge[1]}") if badge else None,
                    href=entry.path,
                    aria_current="page" if entry.section == section else None,
                )
            )
    return join(
        h(
            "aside",
            h("a", MARK, "Mass Payout", href="/", class_="brand"),
            h("nav", *groups, class_="nav", aria_label="Main"),
            _foot(page_context),
            class_="sidebar",
        ),
        h("div", class_="veil", aria_hidden="true"),
    )


def _foot(page_context: PageContext) -> Html:
    ledger = page_context.context.settings.ledger
    return h(
        "div",
        h("div", h("strong", page_context.identity.name), words(page_context.identity.role)),
        h("div", h("span", f"Ledger: {ledger}", class_="chip plain"), class_="line"),
        h(
            "div",
            h("button", "Theme", type="button", class_="plain-button", data_does="theme"),
            h(
                "form",
                h("button", "Sign out", type="submit", class_="plain-button"),
                method="post",
                action="/sign-out",
            ),
            class_="line",
        ),
        class_="sidebar-foot",
    )


def _topbar() -> Html:
    return join(
        h("button", _MENU, type="button", class_="menu-button", data_does="menu", aria_label="Menu"),
        h("a", MARK, "Mass Payout", href="/", class_="brand"),
    )
