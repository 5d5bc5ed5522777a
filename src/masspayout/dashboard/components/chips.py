"""Chips: a state in one word and one colour."""

from masspayout.dashboard.formats import words
from masspayout.dashboard.markup import Html, h
from masspayout.db.entities import DistributionStatus

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


def payout_chip(status: DistributionStatus, *, is_paused: bool, is_sent_back: bool) -> Html:
    """Return the chip of a payout's state, with what people did about it."""
    if is_paused and not status.is_final:
        return chip("Paused", "warn")
    if is_sent_back and status.can_execute:
        return chip("Sent back", "warn")
    return status_chip(status)


def status_chip(status: str | None, text: str | None = None) -> Html:
    """Return the chip of a state."""
    return chip("Never read" if status is None else text or words(status), _TONES.get(str(status), ""))
