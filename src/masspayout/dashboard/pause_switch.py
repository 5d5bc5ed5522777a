"""The switch that pauses an asset or the installation, and resumes it, with a note of who paused it and why."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from masspayout.dashboard.components import messages
from masspayout.dashboard.components.buttons import button, confirm
from masspayout.dashboard.components.forms import ask_reason
from masspayout.dashboard.components.layout import callout
from masspayout.dashboard.markup import Html, h
from masspayout.dashboard.page_context import PageContext
from masspayout.distributions import PauseSubject
from masspayout.kernel.pauses import PauseInForce
from masspayout.kernel.roles import Permission


class PauseSwitch:
    """A button of a page, in the place where it is made.

    Args:
        page_context: The page.
        subject: The asset, or the installation.
        name: The name that people know it by.
        changed: Called after a change.
    """

    def __init__(
        self, page_context: PageContext, subject: PauseSubject, name: str, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._page_context = page_context
        self._subject = subject
        self._name = name
        self._changed = changed
        self._place = ui.element("div").classes("row")
        self._is_paused: bool | None = None

    def refresh(self, pause: PauseInForce | None) -> None:
        """Show the button that can be pressed now."""
        if self._is_paused is (pause is not None) or not self._page_context.may(Permission.PAY):
            return
        self._is_paused = pause is not None
        self._place.clear()
        with self._place:
            if self._is_paused:
                button("Resume …", self._page_context.handler(Permission.PAY, self._resume), primary=True)
            else:
                button("Pause …", self._page_context.handler(Permission.PAY, self._pause))

    async def _pause(self) -> None:
        reason = await ask_reason(
            f"Pause {self._name}?",
            "No payout starts, and no further batch begins. What was sent is settled, and cannot be taken back.",
            yes="Pause",
        )
        if reason is None:
            return
        await self._page_context.payouts.pause(self._subject, reason)
        messages.notify("Paused.")
        await self._changed()

    async def _resume(self) -> None:
        sure = await confirm(
            f"Resume {self._name}?",
            h("p", "Payouts go on, and those that fell due meanwhile start."),
            yes="Resume",
        )
        if not sure:
            return
        await self._page_context.payouts.resume(self._subject)
        messages.notify("Resumed.")
        await self._changed()


def describe_pause(pause: PauseInForce | None, name: str) -> Html:
    """Return the note of a pause that lasts; empty without one."""
    if pause is None:
        return Html("")
    sentence = f"{name[:1].upper()}{name[1:]} is paused by {pause.paused_by_name}{pause.because}".rstrip(".")
    return callout("warn", f"{sentence}.", "No payout starts, and no further batch begins.")
