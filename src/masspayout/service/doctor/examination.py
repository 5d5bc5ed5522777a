"""Checks, the state that they work on, and their results."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from masspayout.db.connection_errors import ErrorStage
from masspayout.db.diagnosis import Diagnosis
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseUnavailable, MassPayoutError
from masspayout.kernel.next_steps import Action, NextStep, Part
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings


class Status(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


class Problem(MassPayoutError):  # noqa: N818 - it reads as what it is
    """An invariant that does not hold.

    ``details`` are lines that show it: a plan, the rows concerned, SQL that helps.
    """

    status = Status.PROBLEM

    def __init__(self, message: str, *next_step: Part, details: Sequence[str] = ()) -> None:
        super().__init__(message, *next_step)
        self.details = tuple(details)


class Advice(Problem):
    """An invariant that does not hold, without which everything works: a warning."""

    status = Status.WARNING


@dataclass(frozen=True, slots=True)
class Opening:
    """The functions that open database and ledger for an examination, in any state.

    Attributes:
        database_url: Returns the address of the database, starting the embedded server if it is the one to use.
        make_ledger: Returns the ledger that the settings name, which connects on first use.
        share_clock: Has the database's *now* move with a ledger whose clock can be advanced.
    """

    database_url: Callable[[Settings], Awaitable[URL]]
    make_ledger: Callable[[URL, Settings, Callable[[], int]], Ledger]
    share_clock: Callable[[Database, Ledger], None]


@dataclass(slots=True)
class Examination:
    """The state that the checks work on. The first checks fill in what the later ones need.

    Attributes:
        settings: The settings of database and ledger.
        slow_ms: The duration from which on a statement counts as slow.
        opening: The functions that open database and ledger; not needed where both are open.
        refusal: The failed step of the connection, with its error.
        diagnosis: The diagnosis of the database, set by the first check.
        clock: The database's time in nanoseconds since 1970; this machine's before the check of the clocks.
        ledger: The ledger, set by the check of the ledger.
        opened: The resources to close at the end.
    """

    settings: Settings
    slow_ms: int
    connection_error: tuple[ErrorStage, DatabaseUnavailable] | None = None
    opening: Opening = field(init=False)
    diagnosis: Diagnosis = field(init=False)
    clock: Callable[[], int] = time.time_ns
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
        name: The invariant in a few words; a heading of ``docs/troubleshooting.md``.
        run: Returns a sentence about the state; raises ``Problem``, or any error for people, when the invariant does
            not hold.
        needs: The check without which this one makes no sense.
    """

    name: str
    run: Callable[[Examination], Awaitable[str]]
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check: a sentence, and for a problem or warning the next step and the lines that show it."""

    name: str
    status: Status
    message: str
    next_step: NextStep = field(default_factory=NextStep)
    details: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """The next step as an operator types it."""
        return str(self.next_step)


async def run_checks(checks: Sequence[Check], examination: Examination, patience_seconds: float) -> list[Result]:
    """Run checks in order. A check that needs a failed one is not run.

    Args:
        checks: The checks; those that others need come before them.
        examination: The state that they work on.
        patience_seconds: The time limit of one check.
    """
    results: dict[str, Result] = {}
    for check in checks:
        needed = results.get(check.needs or "")
        if needed is not None and needed.status not in (Status.OK, Status.WARNING):
            # At the end of a chain of checks, the one to fix is still the first that failed.
            reason = needed.message if needed.status is Status.NOT_CHECKED else f"First fix: {needed.name}."
            results[check.name] = Result(check.name, Status.NOT_CHECKED, reason)
        else:
            results[check.name] = await _run(check, examination, patience_seconds)
    return list(results.values())


async def _run(check: Check, examination: Examination, patience_seconds: float) -> Result:
    """Run one check. Any error in it becomes its result."""
    try:
        async with asyncio.timeout(patience_seconds):
            message = await check.run(examination)
    except MassPayoutError as error:
        details, status = (error.details, error.status) if isinstance(error, Problem) else ((), Status.PROBLEM)
        return Result(check.name, status, error.message, error.next_step, details)
    except TimeoutError:
        message = f"There was no answer within {patience_seconds:g} seconds."
        next_step = NextStep("See what keeps the server busy, then: ", Action.EXAMINE)
        return Result(check.name, Status.PROBLEM, message, next_step)
    except (SQLAlchemyError, psycopg.Error, OSError) as error:
        reason = (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]
        next_step = NextStep("Give the role the rights that it lacks, then: ", Action.EXAMINE)
        return Result(check.name, Status.PROBLEM, f"It could not be found out: {reason.rstrip('.')}.", next_step)
    return Result(check.name, Status.OK, message)
