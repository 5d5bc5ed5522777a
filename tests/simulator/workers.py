"""Workers: each starts what is due and pays what is unfinished, as the worker of the product does."""

from typing import TYPE_CHECKING

from masspayout.automation import scheduler
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.backoff import Backoff
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.ledger_time import to_datetime
from masspayout.payments.batch_payouts import DistributionPayer
from simulator.processes import Process

if TYPE_CHECKING:
    from simulator.desks import Desk

_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 60.0
_LONGEST_IDLE_SECONDS = 300.0


class Patience:
    """Pauses that grow while no payout advances: a worker that only waits for time to pass takes up none of ours."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._advances = 0
        self._seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        """Sleep for at least so long."""
        if self._advances != self._process.advances:
            self._advances, self._seconds = self._process.advances, seconds
        self._seconds = min(_LONGEST_PAUSE_SECONDS, max(seconds, self._seconds * 4, _SHORTEST_PAUSE_SECONDS))
        await self._process.sleep(self._seconds)


async def schedule(desk: "Desk") -> None:
    """Start what is due, again and again."""
    backoff, process = Backoff(), desk.process
    while True:
        await _idle(desk, _seconds_until_due(process))
        if _seconds_until_due(process) > 0:
            continue
        try:
            await scheduler.run_due(desk.context, await desk.database.clock.now(), backoff)
        except MassPayoutError as error:
            process.tell(f"starts nothing: {error.message}")


def payer_of(desk: "Desk") -> DistributionPayer:
    """Return what all slots of a worker pay with."""
    context = desk.context
    return DistributionPayer(desk.database, context.ledger, context.settings, sleep=Patience(desk.process).sleep)


async def pay(desk: "Desk", payer: DistributionPayer) -> None:
    """Pay what is unfinished, one payout after the other, as one slot of a worker: the jobs that say so are lost."""
    process = desk.process
    while True:
        await _idle(desk, 0 if _is_something_unfinished(process) else _LONGEST_IDLE_SECONDS)
        if not _is_something_unfinished(process):
            continue
        try:
            async with desk.database.unit_of_work() as work:
                unfinished = sorted(await work.distributions.find_unfinished(), key=int)
        except MassPayoutError:
            continue
        if not unfinished:
            continue
        distribution_id = unfinished[int(process.chance.random() * len(unfinished))]
        try:
            await payer.pay(distribution_id)
        except MassPayoutError as error:
            process.tell(f"leaves {desk.world.name_of(distribution_id)}: {error.message}")
            # A job that failed is found again within the minute.
            await process.sleep(_LONGEST_PAUSE_SECONDS * process.chance.random())


async def _idle(desk: "Desk", seconds: float) -> None:
    """Wait until there may be something to do, and then for as long as it takes to hear of it."""
    if seconds > 0:
        await desk.world.change(min(seconds, _LONGEST_IDLE_SECONDS))
    await desk.process.sleep(desk.world.glance_seconds * desk.process.chance.random())


def _seconds_until_due(process: Process) -> float:
    """Return when the next distribution is due. Idle workers that ask would take up most of the time, so they peep."""
    now = to_datetime(process.server.nanos())
    pending = (row for row in process.server.rows("distribution") if row.status is DistributionStatus.PENDING)
    times = [row.scheduled_time for row in pending if row.scheduled_time is not None]
    return (min(times) - now).total_seconds() if times else _LONGEST_IDLE_SECONDS


def _is_something_unfinished(process: Process) -> bool:
    """Whether something is to be paid: peeped at likewise."""
    return any(row.status is DistributionStatus.PROCESSING for row in process.server.rows("distribution"))
