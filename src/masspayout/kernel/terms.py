"""One term of a payout: its words for people, its limits, and the payouts that have it."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from masspayout.kernel.errors import Invalid
from masspayout.kernel.next_steps import Field
from masspayout.kernel.obligations import normalised
from masspayout.kernel.states import ExecutionType

# Control characters, half surrogate pairs, and separators of lines and paragraphs.
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Section(Enum):
    """The part of a form that asks for a term."""

    PURPOSE = "purpose"
    AMOUNTS = "amounts"
    START = "start"
    MORE = "more"


class Unit(Enum):
    """The unit of a number."""

    TOKENS = "whole payment tokens"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term: its words for people, its limits, and the payouts that have it.

    Attributes:
        label: The name that a form shows.
        help: One sentence about the term, for documents, the command line and the API.
        hint: A sentence under the field of a form.
        question: The question where the term is needed and missing.
        example: A value, as JSON has it.
        since: The version that introduced the term.
        unit: The unit of a number.
        bounds: The least and the largest number.
        max_length: The largest number of characters of a text.
        is_printable: True for a text of one line, without control characters.
        section: The part of a form that asks for the term.
        executions: The kinds of execution that have the term.
        needed_by: The kinds of execution that cannot do without.
        is_required: True if a payout that is divided among holders cannot do without.
        is_divided: True if payouts that are divided among holders have the term.
        is_listed: True if payout lists have the term.
        is_stored: True if the term is a column of what is created.
        is_exported: True if files of entitlements have the term, for bookkeepers.
        short_name: The name where people type it.
        name: The field of ``PayoutTerms``.
        kind: The type of a value; ``list`` for several accounts.
        default: The value unless given.
    """

    label: str
    help: str
    example: str
    section: Section
    since: str = "0.1.0"
    hint: str = ""
    question: str = ""
    unit: Unit | None = None
    bounds: tuple[int, int] | None = None
    max_length: int | None = None
    is_printable: bool = False
    executions: Collection[ExecutionType] = frozenset(ExecutionType)
    needed_by: Collection[ExecutionType] = ()
    is_required: bool = False
    is_divided: bool = True
    is_listed: bool = False
    is_stored: bool = True
    is_exported: bool = False
    short_name: str = ""
    name: str = ""
    kind: type = str
    default: Any = None

    @property
    def is_own_words(self) -> bool:
        """True for a text that somebody writes freely, for people to read."""
        return self.kind is str and self.section is Section.PURPOSE

    @property
    def is_of_single(self) -> bool:
        """True if a payout that happens once has the term, rather than only a series."""
        return not {ExecutionType.MANUAL, ExecutionType.SCHEDULED}.isdisjoint(self.executions)


def one_line(term: Term, text: str) -> str | None:
    """Return a text of one line without the spaces around it; None when nothing is left to see."""
    asked = Field[term.name.upper()]
    refused = [letter for letter in text if unicodedata.category(letter) in _CONTROLS]
    if refused:
        raise Invalid(
            f"The {term.name} {text!r} has a control character, {refused[0]!r}.",
            "Write ",
            asked,
            " on one line, without it.",
        )
    if len(text) > (term.max_length or len(text)):
        raise Invalid(
            f"The {term.name} has {len(text):,} characters, more than {term.max_length:,}.",
            "Write a shorter ",
            asked,
            ".",
        )
    return text.strip() if normalised(text) else None
