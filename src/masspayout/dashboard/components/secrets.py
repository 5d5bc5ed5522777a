"""A secret that was just made: shown once, to be copied."""

from nicegui import ui

from masspayout.dashboard.components.buttons import button
from masspayout.dashboard.components.layout import html
from masspayout.dashboard.markup import h, join


def show_secret(title: str, text: str, note: str) -> None:
    """Show a secret in a dialog that says that it cannot be seen again."""
    with ui.dialog().props("persistent") as dialog, ui.element("div").classes("dialog"):
        copy = h("button", "Copy", type="button", class_="plain-button", data_does="copy", data_text=text)
        html(join(h("h2", title), h("p", note)))
        html(h("div", h("div", text, class_="secret"), copy, class_="stack"))
        with ui.element("div").classes("dialog-actions"):
            button("Done, I have saved it", dialog.close, primary=True)
    dialog.open()
