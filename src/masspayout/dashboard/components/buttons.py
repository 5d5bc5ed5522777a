"""Buttons, and the dialog that asks before something is done that cannot be taken back."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from masspayout.dashboard.markup import Content, h, join

Handler = Callable[..., Awaitable[None] | None]


def button(
    label: str,
    on_click: Handler | None = None,
    *,
    primary: bool = False,
    danger: bool = False,
    small: bool = False,
    quiet: bool = False,
) -> ui.button:
    """Show a button."""
    kinds = {"primary": primary, "danger": danger, "small": small, "quiet": quiet}
    classes = " ".join(("btn", *(kind for kind, wanted in kinds.items() if wanted)))
    return ui.button(label, on_click=on_click, color=None).props("unelevated no-caps").classes(classes)


async def confirm(title: str, *content: Content, yes: str, danger: bool = False) -> bool:
    """Ask, saying exactly what will happen; whether the answer was yes."""
    with ui.dialog() as dialog, ui.element("div").classes("dialog").props('role="alertdialog"'):
        ui.html(join(h("h2", title), (h("div", part) for part in content if part)), sanitize=False).classes("stack")
        with ui.element("div").classes("dialog-actions"):
            button("Go back", lambda: dialog.submit(False))
            sure = button(yes, lambda: dialog.submit(True), primary=not danger, danger=danger)
            if danger:
                sure.classes("solid")
    answer = await dialog
    dialog.delete()
    return bool(answer)
