"""Checks of the work: registers, workers and their jobs, undecided transactions and unfinished distributions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from masspayout.db.repositories import WORKER_ALIVE_SECONDS
from masspayout.jobs import PAY_DISTRIBUTION, RECOVER
from masspayout.kernel.next_steps import Action, NextStep, Part
from masspayout.ledger.port import IN_A_BLOCK
from masspayout.service.doctor.examination import Examination, Problem

# By then a Hedera transaction has expired; one on an EVM chain is stuck, usually at too low a fee.
_UNDECIDED_SECONDS = 300
# By then a reason is none that passes by itself with the next blocks.
_NAMED_SECONDS = 25
# The lease of a sync, which is longer than any sync takes.
_SYNCING_SECONDS = 600


async def registers_are_synced(examination: Examination) -> str:
    """The last sync of every asset succeeded."""
    stale = await examination.diagnosis.stale_registers(_SYNCING_SECONDS)
    if not stale:
        return "No sync failed or hangs."
    first = stale[0]
    reason = first.sync_error or f"it has been {first.sync_status} since {first.updated_at:%Y-%m-%d %H:%M} UTC"
    raise Problem(
        f"{len(stale)} register(s) could not be read; that of {first.token_id}: {reason.rstrip('.')}.",
        "Read it again: ",
        Action.SYNC_REGISTER.on(first.token_id),
        details=[f"{row.token_id} {row.sync_status} {row.sync_error or ''}".rstrip() for row in stale],
    )


async def somebody_works(examination: Examination) -> str:
    """A worker runs while there is something to do."""
    diagnosis = examination.diagnosis
    workers = await diagnosis.live_workers(WORKER_ALIVE_SECONDS)
    if workers:
        return f"{workers} running."
    waiting = await diagnosis.waiting(payment=PAY_DISTRIBUTION, recovery=RECOVER)
    if waiting.distributions or waiting.jobs:
        raise Problem(
            f"No worker is running, and {waiting.distributions} payout(s) and {waiting.jobs} other job(s) wait "
            "for one.",
            "Start one: ",
            Action.START_WORKER,
        )
    return "No worker and no jobs."


async def no_job_is_stalled(examination: Examination) -> str:
    """No job belongs to a worker that is gone."""
    stalled = await examination.diagnosis.stalled_jobs(WORKER_ALIVE_SECONDS)
    if not stalled:
        return "None."
    raise Problem(
        f"{len(stalled)} job(s) were begun by a worker that is gone.",
        "Any worker takes them up within a minute: ",
        Action.START_WORKER,
        details=[f"job {row.id} {row.task_name}" for row in stalled],
    )


async def no_job_failed(examination: Examination) -> str:
    """No job was given up whose work is not done."""
    failed = await examination.diagnosis.failed_jobs(payment=PAY_DISTRIBUTION)
    if not failed:
        return "None."
    raise Problem(
        f"{len(failed)} job(s) were given up, the last after {failed[-1].attempts} attempt(s).",
        "Read the reason in the worker's log, fix it, and have a worker take up the rest: ",
        Action.START_WORKER,
        details=[f"job {row.id} {row.task_name} failed at {row.failed_at:%Y-%m-%d %H:%M:%S} UTC" for row in failed],
    )


async def transactions_are_decided(examination: Examination) -> str:
    """The outcome of every transaction is known minutes after its signing; none waits for a named reason."""
    undecided = await examination.diagnosis.undecided(
        _UNDECIDED_SECONDS, named_seconds=_NAMED_SECONDS, is_executed=IN_A_BLOCK
    )
    if not undecided:
        return "None."
    first = undecided[0]
    reason = f": {first.reason.rstrip('.')}" if first.reason else ""
    raise Problem(
        f"{len(undecided)} transaction(s) are undecided, the oldest, {first.transaction_id}, since "
        f"{first.since:%Y-%m-%d %H:%M:%S} UTC{reason}.",
        "A worker looks them up until the ledger has decided: ",
        Action.START_WORKER,
        details=[
            f"{row.transaction_id} of payout {row.distribution_id}, looked up {row.polls} times" for row in undecided
        ],
    )


async def no_event_is_set_aside(examination: Examination) -> str:
    """Every contract with a listener can be read, and all its events were handled."""
    troubled = await examination.diagnosis.troubled_listeners()
    if not troubled:
        return "All that was reported was handled."
    first = troubled[0]
    details = [f"{row.contract_id}: {row.poll_error or f'{row.set_aside:,} set aside'}" for row in troubled]
    if first.set_aside:
        raise Problem(
            f"{sum(row.set_aside for row in troubled)} event(s) were set aside; the first of {first.contract_id}: "
            f"{first.first_error.rstrip('.')}.",
            "Fix what it names, then: ",
            Action.REPLAY_EVENTS.on(first.contract_id),
            details=details,
        )
    raise Problem(
        f"The events of {first.contract_id} could not be read: {first.poll_error.rstrip('.')}.",
        "When the ledger answers, read them with: ",
        Action.POLL_LISTENER.on(first.contract_id),
        details=details,
    )


async def what_is_due_starts(examination: Examination) -> str:
    """No distribution that is due fails to start again and again."""
    put_off = await examination.diagnosis.put_off_distributions()
    if not put_off:
        return "None is delayed."
    first = put_off[0]
    raise Problem(
        f"{len(put_off)} payout(s) do not start; {first.id} ({first.symbol}): {first.failure_message}",
        *_said_of(first),
        *(() if first.scheduled_time is None else _tried_again(first.id)),
        details=[f"{row.id} {row.symbol}: {row.failure_message}" for row in put_off],
    )


async def no_distribution_waits_for_a_person(examination: Examination) -> str:
    """No distribution ended with unpaid holders."""
    failed = await examination.diagnosis.failed_distributions()
    if not failed:
        return "None."
    first = failed[0]
    raise Problem(
        f"{len(failed)} payout(s) ended with unpaid holders; {first.id} ({first.symbol}) with "
        f"{first.failed:,} holder(s): {first.failure_message or 'each of them has a reason of its own.'}",
        *_said_of(first),
        "See the reasons: ",
        Action.SHOW_DISTRIBUTION.on(first.id),
        ". Once they are fixed: ",
        Action.RETRY_DISTRIBUTION.on(first.id),
        details=[f"{row.id} {row.symbol}: {row.failed:,} unpaid" for row in failed],
    )


def _tried_again(distribution_id: object) -> Sequence[Part]:
    again = "A worker tries it again after growing pauses. At once: "
    return again, Action.EXECUTE_DISTRIBUTION.on(distribution_id)


def _said_of(row: Row[Any]) -> Sequence[Part]:
    """Return the next step that is stored on a distribution, after a space."""
    return (NextStep.from_json(row.failure_next_step), " ") if row.failure_next_step else ()
