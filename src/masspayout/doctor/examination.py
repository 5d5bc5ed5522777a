"""What a check is, what it works with, and what comes of it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import URL

from masspayout.db.diagnosis import Diagnosis
from masspayout.db.refusals import Obstacle
from masspayout.errors import DatabaseUnavailable, MassPayoutError
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


class Problem(MassPayoutError):  # noqa: N818 - it reads as what it is
    """An invariant does not hold. ``details`` are lines that show it: a plan, the rows concerned, SQL that helps."""

    def __init__(self, message: str, hint: str, details: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.details = tuple(details)


@dataclass(slots=True)
class Examination:
    """What the checks work with. The first ones fill in what the later ones need.

    Attributes:
        settings: Where database and ledger are.
        slow_ms: From how many milliseconds on a statement is slow.
        refusal: What refused us when we connected, and why.
        diagnosis: The database, to be looked at; there since the first check.
        ledger: There since the check of the ledger.
        opened: What is to be closed at the end.
    """

    settings: Settings
    slow_ms: int
    refusal: tuple[Obstacle, DatabaseUnavailable] | None = None
    diagnosis: Diagnosis = field(init=False)
    ledger: Ledger = field(init=False)
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> URL:
        """The address of the database."""
        return self.diagnosis.url


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant.

    Attributes:
        name: What should hold, in a few words; a heading of ``docs/troubleshooting.md``.
        look: Returns a sentence that says how things stand; raises ``Problem``, or any error for people, when it does
            not hold.
        needs: The check without which this one makes no sense.
    """

    name: str
    look: Callable[[Examination], Awaitable[str]]
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a check: a sentence, and for a problem the next step and what shows it."""

    name: str
    status: Status
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()
