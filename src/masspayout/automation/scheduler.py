"""The scheduler: starts every distribution that is due, once, however many workers look for them.

A due distribution is PENDING and its time has come: a SCHEDULED one, an occurrence of a series, or one that
an event made. One that cannot start becomes FAILED with the reason; when only the ledger is away, or the
settings lead to another one, it stays for a later round. One that fails unexpectedly stays as well, and
is tried again after growing pauses. Nothing of that keeps another one from starting.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from hashlib import blake2b

from masspayout import audit
from masspayout.automation import series
from masspayout.context import Context
from masspayout.db.connection_errors import is_of_statement
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories import (
    ROWS_REFUSED,
    DueStart,
    database_reason,
    rows_refused,
)
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import starts
from masspayout.kernel.backoff import Backoff
from masspayout.kernel.errors import (
    ClockIsOff,
    Conflict,
    ContractPaused,
    DatabaseUnavailable,
    InsufficientFunds,
    Invalid,
    LedgerRejected,
    LedgerUnavailable,
    LedgerUncertain,
    LimitExceeded,
    MassPayoutError,
    NobodyEligible,
    NotFound,
    PayoutPaused,
)
from masspayout.kernel.logs import about
from masspayout.kernel.next_steps import NextStep
from masspayout.ledger.identity import contradict

_log = logging.getLogger(__name__)

# Seconds of work: after these, what else has become due, or was missed, is looked for.
_STARTS_AT_ONCE = 50

# Of so many, workers choose each their own next ones; two that choose fifty have two or three in common.
_FOUND_AT_ONCE = 1000


class StartFailure(StrEnum):
    """The ``failure_code`` of a due distribution that did not start. The message has the particulars."""

    MISSED = "MISSED"  # nothing ran at its time, nor within the catch-up window of its series
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"  # the payer held less than the total
    NOBODY_ELIGIBLE = "NOBODY_ELIGIBLE"  # no holder was owed anything
    CONTRACT_PAUSED = "CONTRACT_PAUSED"  # the contract of the asset was paused
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"  # it was more than may be paid out, at once or in a day
    CANNOT_START = "CANNOT_START"  # anything else that only a person can mend


_MISSED_MESSAGE = "No worker ran when it was due, and it is overdue by more than the catch-up window of its series."
_PAY_ALL_THE_SAME = NextStep("To pay it now, retry it.")

_FAILURES: dict[type[MassPayoutError], StartFailure] = {
    InsufficientFunds: StartFailure.INSUFFICIENT_FUNDS,
    NobodyEligible: StartFailure.NOBODY_ELIGIBLE,
    ContractPaused: StartFailure.CONTRACT_PAUSED,
    LimitExceeded: StartFailure.LIMIT_EXCEEDED,
}


async def run_due(context: Context, now: datetime, backoff: Backoff | None = None) -> int:
    """Start the distributions due at ``now``, the longest overdue first, and return how many were started.

    Of what has been due since the same minute, each worker takes its own order, so that two seldom work on the same
    one. Each distribution is tried once. A call that starts many looks again and again for what is due by then.

    Args:
        context: The parts of the process.
        now: The present.
        backoff: The pauses of what failed in earlier calls; without it, everything due is tried.

    Raises:
        ClockIsOff: This machine's clock is far from the database's; nothing was started, and nothing called missed.
        DatabaseUnavailable: The database cannot be reached: nothing else could start either.
    """
    backoff, clock = backoff or Backoff(), context.database.clock
    began_seconds, present, started = clock.steady_seconds(), now, 0
    after: DueStart | None = None
    tried: set[uuid.UUID] = set()
    registers: dict[uuid.UUID, datetime] = {}
    while True:
        await clock.require_right()
        due = await _find_due(context.database, present, backoff, after)
        untried = [each for each in due if each.id not in tried]
        part = sorted(untried, key=partial(_sort_key, context.order_key))[:_STARTS_AT_ONCE]
        try:
            started += await _start_all(context, part, present, backoff, registers)
        except LedgerUnavailable as error:
            _log.warning("%d distributions wait for the next round: %s", len(untried), error)
            return started
        if len(part) == len(untried):
            if len(due) < _FOUND_AT_ONCE:
                return started
            after, tried = due[-1], set()
        else:
            tried.update(each.id for each in part)
        present = now + timedelta(seconds=clock.steady_seconds() - began_seconds)


async def _find_due(database: Database, now: datetime, backoff: Backoff, after: DueStart | None) -> Sequence[DueStart]:
    """Make the occurrences that are due, call the missed ones so, and return what is to be started."""
    await series.make_occurrences(database, now, backoff)
    async with database.unit_of_work() as work:
        missed = await work.distributions.fail_missed(now, StartFailure.MISSED, _MISSED_MESSAGE, _PAY_ALL_THE_SAME)
        for distribution_id in missed:
            _record_failure(work, distribution_id, StartFailure.MISSED)
        due = await work.distributions.find_due(now, after=after, limit=_FOUND_AT_ONCE)
    if missed:
        _log.warning("%d occurrences of series were missed", len(missed))
    return due


def _sort_key(order_key: bytes, due: DueStart) -> tuple[datetime, bytes, datetime, uuid.UUID]:
    """Return what a worker sorts by. Those of a series stay together and in order, since each waits for the others."""
    scattered = (
        blake2b(int(due.series_id or due.id).to_bytes(16), digest_size=8, key=order_key).digest() if order_key else b""
    )
    return due.scheduled_time.replace(second=0, microsecond=0), scattered, due.scheduled_time, due.id


async def _start_all(
    context: Context,
    due: Sequence[DueStart],
    now: datetime,
    backoff: Backoff,
    registers: dict[uuid.UUID, datetime],
) -> int:
    """Start some distributions, each in a transaction of its own. A failing one is named, and keeps no other waiting.

    Raises:
        LedgerUnavailable: The ledger cannot be identified now.
        DatabaseUnavailable: The database cannot be reached.
    """
    waiting = [one for one in due if not backoff.holds(one.id, now)]
    if not waiting:
        return 0
    shared = await starts.SharedReadings.begin(context, registers)
    identity = shared.binding.identity
    started = 0
    for one in waiting:
        # What belongs to another ledger waits until the settings lead there again.
        if contradict(one.ledger_identity or identity, identity):
            continue
        with about(distribution_id=one.id):
            try:
                started += await _start_or_fail(context, one, now, shared)
            except Exception as error:
                if isinstance(error, DatabaseUnavailable) and not is_of_statement(error):
                    raise
                await _put_off(context.database, one, error, *backoff.failed(one.id, now))
            else:
                backoff.succeeded(one.id)
    return started


async def _start_or_fail(
    context: Context, distribution: DueStart, now: datetime, shared: starts.SharedReadings
) -> bool:
    """Start a distribution, or say on it why it cannot start: FAILED where only a person can change that."""
    try:
        return await _start(context, distribution, now, shared)
    except (LedgerUnavailable, LedgerUncertain, ClockIsOff, PayoutPaused) as error:
        _log.warning("distribution %s waits for the next round: %s", distribution.id, error)
    except (Conflict, Invalid, NotFound, LedgerRejected) as error:
        await _fail(context.database, distribution, error)
    except ROWS_REFUSED as error:
        _log.exception("distribution %s: the database refuses its rows", distribution.id)
        await _fail(context.database, distribution, rows_refused(distribution.id, error))
    return False


async def _put_off(
    database: Database, distribution: DueStart, error: Exception, failures: int, until: datetime
) -> None:
    """Record on a distribution, and in the log with the trace, why it did not start, and when it is tried again."""
    if isinstance(error, MassPayoutError):
        reason, next_step = error.message, error.next_step
    else:
        reason, next_step = f"{type(error).__name__}: {database_reason(error)}.", None
    _log.error(
        "distribution %s did not start, for the %d. time; it is tried again at %s",
        *(distribution.id, failures, until),
        exc_info=error,
    )
    async with database.unit_of_work() as work:
        await work.due_starts.note_failure(distribution.id, f"It is due and did not start yet. {reason}", next_step)


async def _start(context: Context, due: DueStart, now: datetime, shared: starts.SharedReadings) -> bool:
    """Freeze a distribution and begin to pay it. False when another worker is at it or was, or it is due no more.

    The ledger is read before the distribution is claimed: of two workers that read it, one begins.
    """
    if due.series_id is not None:  # it may have to wait for those before it, without the ledger being read
        async with context.database.unit_of_work() as work:
            if await _claim(work, due, now) is None:
                return False
    readiness = await starts.prepare(context, due.id, now, register_since=due.scheduled_time, shared=shared)
    async with context.database.unit_of_work() as work:
        distribution = await _claim(work, due, now)
        if distribution is None:
            return False
        if not await starts.freeze_for_approval(work, context, distribution, readiness, now):
            _log.info("distribution %s, due at %s, waits for approvals", distribution.id, distribution.scheduled_time)
            return False
        await starts.begin(work, context, distribution, readiness, now)
    _log.info("distribution %s, due at %s, has begun", distribution.id, distribution.scheduled_time)
    return True


async def _claim(work: UnitOfWork, due: DueStart, now: datetime) -> Distribution | None:
    """Take a distribution that is due, unless another worker has it, it is due no more, or its series is paused."""
    distribution = await work.distributions.claim_due(due, now)
    if distribution is None:
        return None
    if distribution.series_id and not await work.series.hold_unpaused(distribution.series_id):
        return None
    return distribution


async def _fail(database: Database, distribution: DueStart, error: MassPayoutError) -> None:
    """Record why a distribution cannot start, unless it was started or cancelled meanwhile."""
    code = _FAILURES.get(type(error), StartFailure.CANNOT_START)
    async with database.unit_of_work() as work:
        failed = await work.distributions.fail_to_start(distribution.id, code, error.message, error.next_step)
        if failed:
            _record_failure(work, distribution.id, code)
    if failed:
        _log.error("distribution %s cannot start: %s", distribution.id, error)


def _record_failure(work: UnitOfWork, distribution_id: uuid.UUID, code: StartFailure) -> None:
    pending, failed = DistributionStatus.PENDING, DistributionStatus.FAILED
    audit.record_move(work, "distribution.not_started", distribution_id, pending, failed, failure_code=code)
