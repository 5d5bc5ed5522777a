"""Chips: a state in one word and one colour."""

from masspayout.dashboard.formats import words
from masspayout.dashboard.markup import Html, h

_TONES = {
    "PENDING": "",
    "PROCESSING": "live",
    "COMPLETED": "good",
    "FAILED": "bad",
    "CANCELLED": "",
    "SYNCED": "good",
    "SYNCING": "live",
    "ACTIVE": "good",
    "PAUSED": "warn",
    "ENDED": "",
    "HANDLED": "good",
    "SET_ASIDE": "bad",
    "SIGNED": "",
    "SUBMITTED": "live",
    "SETTLED": "good",
    "DEAD": "warn",
    "DELIVERED": "good",
}


def chip(text: str, tone: str = "") -> Html:
    """Return a chip: good, warn, bad, live (it breathes), plain (no dot), or idle."""
    return h("span", text, class_=f"chip {tone}".rstrip())


def status_chip(status: str | None, text: str | None = None) -> Html:
    """Return the chip of a state."""
    return chip("Never read" if status is None else text or words(status), _TONES.get(str(status), ""))
