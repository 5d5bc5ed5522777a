"""Short messages at the edge of the page."""

from nicegui import ui

from masspayout.dashboard.next_steps import words_of
from masspayout.kernel.errors import MassPayoutError


def notify(text: str) -> None:
    """Say that something was done."""
    ui.notify(text, type="positive", position="top-right", timeout=4000)


def notify_error(error: MassPayoutError) -> None:
    """Say why something was not done, and what to do next."""
    ui.notify(
        words_of(error),
        type="negative",
        position="top-right",
        timeout=10_000,
        close_button="Close",
        multi_line=True,
    )
