"""Choices: radio buttons that say what each of them means."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from masspayout.dashboard.components.layout import html
from masspayout.dashboard.markup import h, join

Chosen = Callable[[], Awaitable[None] | None]


class Choices:
    """A group of choices, one of which is selected.

    Args:
        label: The name of the group.
        options: The values, each with its name and what it means.
        value: The choice that is selected at first.
        chosen: Called when another one is chosen.
        tight: The choices are short words, and stand close.
    """

    def __init__(
        self, label: str, options: Mapping[Any, tuple[str, str]], value: str, chosen: Chosen, *, tight: bool = False
    ) -> None:
        self.value = value
        self._chosen = chosen
        self._buttons: dict[str, ui.element] = {}
        group = ui.element("div").classes("choices tight" if tight else "choices")
        group.props(f'role="radiogroup" aria-label="{label}"')
        with group:
            for name, (title, meaning) in options.items():
                choice = ui.element("button").classes("choice").props('type="button" role="radio"')
                choice.on("click", lambda name=name: self.choose(name))
                with choice:
                    html(join(h("strong", title), h("span", meaning) if meaning else None))
                self._buttons[name] = choice
        self._show()

    async def choose(self, name: str) -> None:
        """Choose one, as if it were pressed."""
        if name == self.value:
            return
        self.value = name
        self._show()
        result = self._chosen()
        if result is not None:
            await result

    def _show(self) -> None:
        for name, choice in self._buttons.items():
            choice.props(f'aria-checked="{str(name == self.value).lower()}"')
