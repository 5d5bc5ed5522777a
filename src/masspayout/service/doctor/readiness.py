"""Readiness: some of the doctor's checks show if a process could do its work now. It may be asked often."""

import asyncio
import time
from collections.abc import Callable, Sequence

from masspayout.context import Context
from masspayout.db.diagnosis import Diagnosis
from masspayout.kernel.next_steps import Action
from masspayout.service.doctor import database, payouts
from masspayout.service.doctor.examination import Check, Examination, Problem, Result, Status, run_checks

# Load balancers may ask many times a second; an answer that is two seconds old serves them as well.
_KEPT_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0
_SLOW_MS = 5000
_LISTENER_LAG_SECONDS = 120.0


class Readiness:
    """The readiness of this process. Requests during a check share its result.

    Args:
        patience_seconds: The time limit of one check.
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
        """Return the results of all checks. The process is ready if ``is_ready`` holds for them."""
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
    """Return True if every check succeeded."""
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
    """Every contract with a listener was read for its events lately."""
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
