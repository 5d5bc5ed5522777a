"""Headings, cards, facts and figures."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nicegui import ui

from masspayout.dashboard.markup import Content, Html, h

Crumb = tuple[str, str]


def html(content: Html = Html(), *, classes: str = "") -> ui.html:  # noqa: B008 - it is a constant
    """Show HTML of our own making; what people typed in it was escaped when it was put together."""
    return ui.html(content, sanitize=False).classes(classes)


def page_head(title: str, lead: Content = None, *, crumbs: Iterable[Crumb] = ()) -> ui.element:
    """Show a page's heading. Returns the place at its right: what is built inside it are the page's actions."""
    trail = [h("a", label, href=path) for label, path in crumbs]
    with ui.element("div").classes("page-head"):
        html(
            Html(
                (h("nav", _joined(trail), class_="crumbs", aria_label="Where this is") if trail else Html())
                + h("div", h("h1", title), class_="title-line")
                + (h("p", lead, class_="lead") if lead else Html())
            ),
            classes="titles",
        )
        return ui.element("div").classes("actions")


@contextmanager
def card(title: str | None = None, note: Content = None, *, classes: str = "", flush: bool = False) -> Iterator[None]:
    """Show a card; what is built inside the block is its body."""
    with ui.element("section").classes(f"card {classes}"):
        if title:
            html(Html(h("h2", title) + (h("span", note, class_="note") if note else Html())), classes="card-head")
        with ui.element("div").classes("card-body flush" if flush else "card-body"):
            yield


def facts(*pairs: tuple[str, Content], ledger: bool = False) -> Html:
    """Return names and values side by side, without those that have no value."""
    rows = [(h("dt", name), h("dd", value)) for name, value in pairs if value not in (None, "", False)]
    return h("dl", rows, class_="facts ledger" if ledger else "facts")


def figure(label: str, value: Content, below: Content = None, *, wide: bool = False) -> Html:
    """Return one figure: what it is, how much, and a line below."""
    return h(
        "div",
        h("div", label, class_="label"),
        h("div", value, class_="value"),
        h("div", below, class_="below") if below else None,
        class_="figure wide" if wide else "figure",
    )


def callout(tone: str, title: str, *lines: Content) -> Html:
    """Return a coloured box that says something important: good, warn or bad."""
    return h("div", h("strong", title), *(h("p", line) for line in lines if line), class_=f"callout {tone}")


def _joined(trail: list[Html]) -> Html:
    return Html(" / ".join(trail) + " /")
