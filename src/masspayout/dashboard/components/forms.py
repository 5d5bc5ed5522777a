"""Small forms: a card with fields and one button, and a dialog that asks for one value."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from masspayout.dashboard.components.buttons import Handler, button
from masspayout.dashboard.components.layout import card, html
from masspayout.dashboard.markup import h, join


@contextmanager
def form_card(title: str, label: str, submit: Handler) -> Iterator[None]:
    """Show a card whose button submits what is filled in; what is built inside the block are its fields."""
    with card(title), ui.element("div").classes("stack"):
        with ui.element("div").classes("fields"):
            yield
        with ui.element("div").classes("row"):
            button(label, submit, primary=True)


async def ask(title: str, text: str, build_field: Callable[[], ValueElement[Any]], *, yes: str) -> Any:
    """Ask for one value. Returns it; None when the answer was to go back."""
    with ui.dialog() as dialog, ui.element("div").classes("dialog"):
        html(join(h("h2", title), h("p", text)))
        field = build_field()
        with ui.element("div").classes("dialog-actions"):
            button("Go back", lambda: dialog.submit(False))
            button(yes, lambda: dialog.submit(True), primary=True)
    is_sure, value = await dialog, field.value
    dialog.delete()
    return value if is_sure else None


async def ask_reason(title: str, text: str, *, yes: str) -> str | None:
    """Ask for a reason. Returns it; None when the answer was to go back."""
    value = await ask(title, text, lambda: ui.input("Reason").props("outlined dense maxlength=1000"), yes=yes)
    return None if value is None else str(value)
