"""Readiness: whether a process could do its work now, by some of the doctor's checks. It may be asked often."""

import asyncio
import time
from collections.abc import Callable, Sequence

from masspayout.context import Context
from masspayout.db.diagnosis import Diagnosis
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor import database, payouts
from masspayout.service.doctor.examination import Check, Examination, Problem, Result, Status, run_checks

# A second or two old, an answer is as good as a new one, however often somebody asks.
_KEPT_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0
_SLOW_MS = 5000
_LISTENER_LAG_SECONDS = 120.0


class Readiness:
    """Says whether a process is ready. Whoever asks while it looks gets the same answer.

    Args:
        patience_seconds: How long one check may take.
        clock: The time in seconds; tests may give their own.
    """

    def __init__(
        self,
        context: Context,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._looking = asyncio.Lock()
        self._results: Sequence[Result] = ()
        self._looked_at = float("-inf")

    async def results(self) -> Sequence[Result]:
        """Return what was found: ready is who has no result that is a problem, or was not looked at for one."""
        async with self._looking:
            if self._clock() - self._looked_at > _KEPT_SECONDS:
                self._results = await self._run_checks()
                self._looked_at = self._clock()
            return self._results

    async def _run_checks(self) -> Sequence[Result]:
        examination = Examination(self._context.settings, _SLOW_MS)
        examination.diagnosis = Diagnosis(self._context.database.url)
        examination.ledger = self._context.ledger
        async with examination.opened:
            return await run_checks(CHECKS, examination, self._patience_seconds)


def is_ready(results: Sequence[Result]) -> bool:
    """Whether all that was looked at is well."""
    return all(result.status is Status.OK for result in results)


async def _database_answers(examination: Examination) -> str:
    """The database takes connections and executes statements."""
    version = await examination.diagnosis.server_version()
    return f"PostgreSQL {'.'.join(map(str, version))} answers."


async def _ledger_answers(examination: Examination) -> str:
    """The ledger can be reached."""
    name = examination.ledger.traits.name
    return await examination.ledger.examine() or f"The ledger {name} answers."


async def _listeners_keep_up(examination: Examination) -> str:
    """Every contract that is listened to was asked for its events lately."""
    lagging = await examination.diagnosis.lagging_listeners(_LISTENER_LAG_SECONDS)
    if not lagging:
        return "All keep up."
    first = lagging[0]
    since = "never" if first.last_polled_at is None else f"last at {first.last_polled_at:%Y-%m-%d %H:%M:%S} UTC"
    raise Problem(
        f"{len(lagging)} listener(s) lag behind; {first.contract_id} was read {since}.",
        "Workers read what contracts report: ",
        Action.START_WORKER,
        ". See also: ",
        Action.LIST_LISTENERS,
    )


CHECKS = (
    Check("database", _database_answers),
    Check("migrations", database.is_migrated, needs="database"),
    Check("worker", payouts.somebody_works, needs="migrations"),
    Check("listeners", _listeners_keep_up, needs="migrations"),
    Check("ledger", _ledger_answers, needs="migrations"),
)
