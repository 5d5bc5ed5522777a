"""Short messages at the edge of the page."""

from nicegui import ui

from masspayout.dashboard.next_steps import words_of
from masspayout.kernel.errors import MassPayoutError


def notify(text: str) -> None:
    """Notify the reader of a success."""
    ui.notify(text, type="positive", position="top-right", timeout=4000)


def notify_error(error: MassPayoutError) -> None:
    """Notify the reader of an error, with its next step."""
    ui.notify(
        words_of(error),
        type="negative",
        position="top-right",
        timeout=10_000,
        close_button="Close",
        multi_line=True,
    )
