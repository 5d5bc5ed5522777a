"""The worker: runs the jobs that others enqueued, and looks for payouts that somebody left half-done."""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job

from masspayout.app import Payouts
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import WORKER_ALIVE_SECONDS
from masspayout.jobs import PAY_DISTRIBUTION, RECOVER
from masspayout.kernel.actors import acting_as, system
from masspayout.kernel.errors import AnotherLedger, ClockIsOff, DatabaseUnavailable, PayoutPaused
from masspayout.worker.periodic import CLOCK_PAUSE_SECONDS, run_each_once, running_periodic_tasks
from masspayout.worker.rescue import take_up_unfinished

_log = logging.getLogger(__name__)


_MOST_ATTEMPTS = 10
_LONGEST_PAUSE_SECONDS = 20


class TryAgain(BaseRetryStrategy):
    """Pauses after which a job that failed, because the database or the ledger was away, is run again.

    They grow to 20 s and no further, so that a payout goes on soon after what kept it is over. A job that has failed
    ten times is given up; its payout is taken up again within a minute by whoever looks for unfinished ones.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:  # noqa: ARG002
        """Return when the job is run again; None once it has failed too often."""
        if job.attempts >= _MOST_ATTEMPTS:
            return None
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, _LONGEST_PAUSE_SECONDS)})


# How long a payout keeps a slot while others may wait for one.
TIME_SLICE_SECONDS = 5.0

# How often a worker shows that it lives: two signs in a row may come too late before it is taken for dead.
_HEARTBEAT_SECONDS = WORKER_ALIVE_SECONDS / 3

# Workers, on however many machines, are told apart by so many bytes of chance.
_ORDER_KEY_BYTES = 8

# How long to leave a database alone that is away.
_PAUSE_SECONDS = 1.0


async def run_worker(
    context: Context, *, concurrency: int, until_idle: bool = False, stop: asyncio.Event | None = None
) -> None:
    """Run jobs until told to stop, or until none is left.

    SIGTERM and SIGINT stop it gently: no other batch is begun, those under way are settled as far as the ledger lets
    them be, and what is left goes to other workers. A second signal ends the process at once, which does no harm.

    Args:
        context: The parts of the process.
        concurrency: The number of jobs at once.
        until_idle: Return when the queue is empty instead of waiting for more.
        stop: Stops it likewise when it is set; for a process that does more than this.
    """
    context = replace(context, order_key=os.urandom(_ORDER_KEY_BYTES))
    app = context.jobs.app
    stop = stop or asyncio.Event()
    register_tasks(app, context, stop, time_slice_seconds=None if until_idle else TIME_SLICE_SECONDS)
    run_jobs = partial(
        app.run_worker_async,
        concurrency=concurrency,
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=_HEARTBEAT_SECONDS,
        stalled_worker_timeout=WORKER_ALIVE_SECONDS,
    )
    lasting = partial(run_jobs, wait=True, fetch_job_polling_interval=2.0)
    asyncio.get_running_loop().set_exception_handler(_note_unended_job)
    with acting_as(system()), set_by_signals(stop):
        async with app.open_async():
            if until_idle:
                await context.database.clock.require_right()
                await take_up_unfinished(context)
                await run_each_once(context)
                await _until(stop, run_jobs(wait=False))
                return
            async with running_periodic_tasks(context):
                await _until(stop, _again_and_again(context, stop, lasting))


def register_tasks(app: App, context: Context, stop: asyncio.Event, *, time_slice_seconds: float | None) -> None:
    """Register the function of each kind of job. After its time slice, a payout goes to the end of the queue."""
    payouts = Payouts(context, stop=stop)

    @app.task(name=PAY_DISTRIBUTION, retry=TryAgain())
    async def pay_distribution(distribution_id: str) -> None:
        try:
            status, wait_seconds = await payouts.pay_time_slice(uuid.UUID(distribution_id), time_slice_seconds)
        except AnotherLedger as error:
            # To try again would change nothing. Once the settings are right, what was left half-paid is taken up.
            _log.error("left as it is: %s", error)
            return
        except PayoutPaused as error:
            # Whoever resumes it enqueues it again.
            _log.info("left until it is resumed: %s", error.message)
            return
        except ClockIsOff as error:
            # Another worker may have the right time. The pause is counted by the database's clock.
            _log.error("left to other workers: %s", error)
            await _go_on_later(context, uuid.UUID(distribution_id), CLOCK_PAUSE_SECONDS)
            return
        if status is DistributionStatus.PROCESSING:
            await _go_on_later(context, uuid.UUID(distribution_id), wait_seconds)

    @app.periodic(cron="* * * * *")
    @app.task(name=RECOVER, queueing_lock=RECOVER)
    async def recover(timestamp: int) -> None:  # noqa: ARG001 - periodic tasks get the time
        await take_up_unfinished(context)


def _note_unended_job(loop: asyncio.AbstractEventLoop, trouble: dict[str, Any]) -> None:
    """Log in a line that the end of a job could not be noted: others run it again, as a worker's that died."""
    error = trouble.get("exception")
    if isinstance(error, ConnectorException):
        _log.warning("the end of a job could not be noted (%s); it is run again", error.__cause__ or error)
    else:
        loop.default_exception_handler(trouble)


async def _go_on_later(context: Context, distribution_id: uuid.UUID, wait_seconds: float) -> None:
    """Put a payout at the end of the queue, after so many seconds if it has to wait."""
    now = await context.database.clock.database_now()
    at = now + timedelta(seconds=wait_seconds) if wait_seconds else None
    async with context.database.unit_of_work() as work:
        await context.jobs.enqueue_payment(work, distribution_id, batch_count=1, at=at)


@contextmanager
def set_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set an event at the first SIGTERM or SIGINT; the second one does what it always does."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def leave_signals_alone() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    def begin_to_stop() -> None:
        leave_signals_alone()
        stop.set()

    for number in signals:
        loop.add_signal_handler(number, begin_to_stop)
    try:
        yield
    finally:
        leave_signals_alone()


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do some work until it ends, or until told to stop; then it is cancelled, and brings its jobs to an end first."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _again_and_again(
    context: Context, stop: asyncio.Event, run_jobs: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run jobs until told to stop: Procrastinate's worker ends when it loses the database, and the next one follows.

    Payouts left behind while no worker ran are taken up each time. While this
    machine's clock is wrong, all jobs are left to other workers.
    """
    while not stop.is_set():
        pause_seconds = _PAUSE_SECONDS
        try:
            await context.database.clock.require_right()
            await take_up_unfinished(context)
            await run_jobs()
        except (ClockIsOff, DatabaseUnavailable) as error:
            _log.error("no jobs are taken: %s", error)
            if isinstance(error, ClockIsOff):
                pause_seconds = CLOCK_PAUSE_SECONDS
        except ConnectorException as error:
            _log.warning("jobs cannot be fetched (%s); it is tried again", error.__cause__ or error)
            await context.jobs.renew_connections()
        await asyncio.sleep(pause_seconds)
