"""Empty states: where there is nothing yet, the page says what to do first."""

from nicegui import ui

from masspayout.dashboard.markup import Html, h

Link = tuple[str, str]


def empty(title: str, text: str, link: Link | None = None) -> Html:
    """Return an empty state: what is missing, what to do first, and where."""
    return h(
        "div",
        h("strong", title),
        h("p", text),
        h("div", h("a", link[0], href=link[1], class_="btn-link primary"), class_="row") if link else None,
        class_="empty",
    )


def show_empty(title: str, text: str, link: Link | None = None) -> None:
    """Show an empty state as a card of its own."""
    ui.html(empty(title, text, link), sanitize=False).classes("card")
