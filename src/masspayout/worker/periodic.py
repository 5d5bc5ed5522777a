"""Periodic tasks of a worker, beside its jobs: each is repeated, with a pause after each round.

Every worker does all of them. A task takes its work by compare-and-set, so many workers do no harm.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from masspayout import audit
from masspayout.automation import EventReader, contract_pauses, orphans, scheduler
from masspayout.context import Context
from masspayout.kernel.errors import ClockIsOff, DatabaseUnavailable, LedgerUnavailable
from masspayout.registers import assets
from masspayout.service import idempotency
from masspayout.service.webhooks import Deliverer
from masspayout.worker.rescue import rescue_stalled

_log = logging.getLogger(__name__)

# While the clocks disagree, this is how often it is looked whether somebody has set them.
CLOCK_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A periodic task.

    Attributes:
        name: Its name in the log.
        pause_seconds: The pause after each round.
        run: Does one round, as of the time that it is given.
        pause_setting: The setting that has the pause, where there is one.
    """

    name: str
    pause_seconds: float
    run: Callable[[Context, datetime], Awaitable[object]]
    pause_setting: str | None = None


async def _run_due(context: Context, now: datetime) -> None:
    await scheduler.run_due(context, now, context.backoff)


async def _poll_listeners(context: Context, now: datetime) -> None:
    await EventReader(context.database, context.ledger, context.settings).poll_enabled(now)
    await contract_pauses.stop_and_resume(context)


async def _sync_registers(context: Context, now: datetime) -> None:
    await assets.sync_due(context.database, context.ledger, now)


async def _deliver_webhooks(context: Context, _: datetime) -> None:
    await Deliverer(context.database, context.settings).deliver_due()


async def _rescue_stalled(context: Context, _: datetime) -> None:
    await rescue_stalled(context)


async def _flag_orphans(context: Context, _: datetime) -> None:
    await orphans.flag_orphans(context.database)


async def _publish_head(context: Context, _: datetime) -> None:
    await audit.publish_head(context.database, context.settings)


async def _forget_deliveries(context: Context, now: datetime) -> None:
    await Deliverer(context.database, context.settings).forget_old(now)


async def _forget_requests(context: Context, _: datetime) -> None:
    await idempotency.forget_old(context.database)


# Events come first: what they start is due at once.
PERIODIC = (
    PeriodicTask("events of contracts", 1.0, _poll_listeners),
    PeriodicTask("due distributions", 1.0, _run_due),
    # With the time after which a worker counts as dead, a payout whose worker died waits for less than half a minute.
    PeriodicTask("jobs of dead workers", 5.0, _rescue_stalled),
    PeriodicTask("rows of other programs", 20.0, _flag_orphans),
    PeriodicTask("timed syncs", 1.0, _sync_registers),
    PeriodicTask("head of the audit trail", 300.0, _publish_head, "audit_head_interval_seconds"),
    PeriodicTask("webhooks", 1.0, _deliver_webhooks),
    PeriodicTask("old deliveries of webhooks", 3600.0, _forget_deliveries),
    PeriodicTask("old requests", 3600.0, _forget_requests),
)


@asynccontextmanager
async def running_periodic_tasks(context: Context) -> AsyncIterator[None]:
    """Keep every periodic task running until the block ends. A round that is under way then is rolled back."""
    tasks = [asyncio.create_task(_repeat(context, task), name=task.name) for task in PERIODIC]
    try:
        yield
    finally:
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_each_once(context: Context) -> None:
    """Do one round of every periodic task. One that fails is logged, and keeps neither the others nor jobs waiting.

    Raises:
        ClockIsOff: The clocks disagree, so this machine is to do nothing.
    """
    for task in PERIODIC:
        await _run_logged(context, task)


async def _repeat(context: Context, task: PeriodicTask) -> None:
    while True:
        pause_seconds = task.pause_seconds
        if task.pause_setting is not None:
            pause_seconds = getattr(context.settings, task.pause_setting)
        try:
            await _run_logged(context, task)
        except ClockIsOff as error:
            _log.error("%s: %s", task.name, error)
            pause_seconds = max(pause_seconds, CLOCK_PAUSE_SECONDS)
        await asyncio.sleep(pause_seconds)


async def _run_logged(context: Context, task: PeriodicTask) -> None:
    """Do one round of a task. A round that fails must not end the worker, which has payouts to settle."""
    try:
        await task.run(context, await context.database.clock.now())
    except (DatabaseUnavailable, LedgerUnavailable) as error:
        _log.warning("%s: %s It is tried again.", task.name, error)
    except ClockIsOff:
        raise
    except Exception:  # noqa: BLE001 - it is logged with its trace, and the next round is its retry
        _log.exception("%s: this round failed; the next one follows", task.name)
