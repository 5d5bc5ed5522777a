"""Batch payouts: workers share the batches of a distribution among them until none is open."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable

from masspayout import audit
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.store import Store, Work
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.logs import about
from masspayout.kernel.pauses import payout_paused
from masspayout.ledger.port import Ledger
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.clock_guard import ClockGuard
from masspayout.payments.stops import never_started
from masspayout.payments.time_slices import TimeSlice
from masspayout.registers import ledger_binding
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

# While others hold the last open batches: how long to wait before looking whether they are done, or gone.
_LONGEST_WAIT_SECONDS = 1.0
_SHORTEST_WAIT_SECONDS = 0.02


class DistributionPayer:
    """Pays distributions that are PROCESSING. Any number of these, in any number of processes, may work at once.

    Args:
        sleep: Waits for so many seconds; tests may give their own.
        stop: Once it is set, batches that were begun are settled, and no others are begun.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        settings: Settings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._settings = settings
        self._attempts = BatchAttempts(store, ledger, settings)
        self._clocks = ClockGuard(store.clock, ledger)
        self._sleep = sleep
        self._stop = stop or asyncio.Event()

    async def pay(self, distribution_id: uuid.UUID) -> DistributionStatus:
        """Work on a distribution until it is COMPLETED or FAILED, and return which.

        One that is in any other state is left as it is. When told to stop, it may be PROCESSING still.

        Raises:
            Conflict: It says that it is being paid, and was never started: another program wrote so.
            PayoutPaused: It is paused, and nothing of it is under way any more.
            AnotherLedger: It began on another ledger than the settings lead to, and is left as it is.
            ClockIsOff: The clocks disagree, so nothing more is signed; what is left goes to other machines.
        """
        with about(distribution_id=distribution_id):
            return await self._pay(distribution_id, TimeSlice(self._store.clock.steady_seconds))

    async def pay_time_slice(
        self, distribution_id: uuid.UUID, seconds: float | None
    ) -> tuple[DistributionStatus, float]:
        """Work on a distribution for so long, or until there is nothing to do for it now. Raises what ``pay`` does.

        Returns what became of it, and if it is PROCESSING still, after how many seconds somebody has to go on.
        """
        time_slice = TimeSlice(self._store.clock.steady_seconds, seconds)
        with about(distribution_id=distribution_id):
            return await self._pay(distribution_id, time_slice), time_slice.wait_seconds

    async def _pay(self, distribution_id: uuid.UUID, time_slice: TimeSlice) -> DistributionStatus:
        while True:
            async with self._store.unit_of_work() as work:
                distribution = await work.distributions.get(distribution_id)
                is_paused = await work.pauses.find(distribution_id) is not None
            if distribution.status is not DistributionStatus.PROCESSING:
                return distribution.status
            if not distribution.is_frozen:
                raise never_started(distribution)
            account = str(distribution.payer_account_id)
            await self._clocks.require_right()
            can_be_paid = await self._is_on_bound_ledger(distribution) and await self._sweep_if_possible(
                distribution, account, time_slice, begun_only=is_paused
            )
            async with self._store.unit_of_work() as work:
                wait_seconds = await work.batch_payouts.seconds_until_claimable(distribution_id)
                ended = await _finish(work, distribution_id) if wait_seconds is None else None
                if is_paused and wait_seconds is not None:
                    await _require_something_under_way(work, distribution_id)
                    wait_seconds = _LONGEST_WAIT_SECONDS
            if ended is not None:
                _log.info("distribution %s is %s", distribution_id, ended)
            if wait_seconds is not None:
                if self._stop.is_set():
                    return distribution.status
                pause_seconds = await self._pause_seconds(distribution, account, wait_seconds)
                if time_slice.ends_for(pause_seconds if can_be_paid else self._settings.look_again_max_seconds):
                    return distribution.status
                await self._sleep(pause_seconds)

    async def _pause_seconds(self, distribution: Distribution, account: str, wait_seconds: float) -> float:
        """Return how long to wait before the open batches are looked at again.

        Raises:
            PayerStopped: Nothing is signed any more before a person says what was paid from the payer.
        """
        gate = self._attempts.gate.state(account)
        if gate is not None and not gate.is_open:
            async with self._store.unit_of_work() as work:
                is_under_way = await work.attempts.has_sent(distribution.id)
                if gate.needs_person and not is_under_way:
                    await work.due_starts.note_wait(distribution.id, gate.stop(account))
            if gate.needs_person and not is_under_way:
                raise gate.stop(account)
            wait_seconds = max(wait_seconds, gate.wait_seconds)
        return min(max(wait_seconds, _SHORTEST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)

    async def _is_on_bound_ledger(self, distribution: Distribution) -> bool:
        """Find out, before anything is signed, sent or looked up, whether the ledger is the one that it began on.

        Returns False while the ledger is away, and nobody can tell.
        """
        try:
            await ledger_binding.require_bound_ledger(self._store, self._ledger, distribution)
        except LedgerUnavailable as error:
            _log.warning("%s Payout %s waits.", error.message, distribution.id)
            return False
        return True

    async def _sweep_if_possible(
        self, distribution: Distribution, account: str, time_slice: TimeSlice, *, begun_only: bool
    ) -> bool:
        """Go through the batches. When the ledger cannot be read, or say who sends next, wait a while: False."""
        try:
            gate = await self._attempts.gate.sync(account)
            if gate.is_open and distribution.failure_message and not distribution.failure_code:
                async with self._store.unit_of_work() as work:
                    await work.due_starts.note_wait(distribution.id, None)
            await self._sweep(distribution, account, time_slice, begun_only=begun_only)
            if not gate.is_open:
                await self._settle_what_is_under_way(distribution, time_slice)
        except LedgerUnavailable as error:
            _log.warning("%s Payout %s waits.", error.message, distribution.id)
            if not time_slice.is_limited:
                await self._sleep(self._settings.look_again_max_seconds)
            return False
        return True

    async def _settle_what_is_under_way(self, distribution: Distribution, time_slice: TimeSlice) -> None:
        """Bring to its end what is under way of the payer, of whichever payout: its gate may be waiting for that."""
        while await self._goes_on(time_slice) and (claimed := await self._attempts.claim_under_way(distribution)):
            await self._attempts.pay(claimed)

    async def _goes_on(self, time_slice: TimeSlice) -> bool:
        """Return whether another batch may begin: no stop is set, the slot is free, and the clocks agree."""
        return not self._stop.is_set() and not time_slice.is_over and await self._clocks.is_right()

    async def _sweep(
        self, distribution: Distribution, account: str, time_slice: TimeSlice, *, begun_only: bool
    ) -> None:
        """Go once through the batches, several at a time: as many as the ledger takes transactions in flight.

        The cursor only moves forward, so finding the next batch costs the same for the last as for the first. Nobody
        looks behind the last one that was planned: for payouts of one batch, that would be most of the claims. After a
        pause has begun, only batches that were begun before it are gone through.
        """
        cursor, planned_count = 0, distribution.batch_count or 0

        async def work() -> None:
            nonlocal cursor, begun_only
            while (
                cursor < planned_count
                and await self._goes_on(time_slice)
                and (claimed := await self._attempts.claim(distribution, after=cursor, begun_only=begun_only))
            ):
                cursor = max(cursor, claimed.batch_number)
                await self._attempts.pay(claimed)
                begun_only = begun_only or claimed.is_paused
                await self._attempts.gate.sync_while_paying(account)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._ledger.traits.transactions_in_flight, planned_count)):
                    group.create_task(work())
        except BaseExceptionGroup as group_error:
            # The others were cancelled by the first; what they left open is taken up when their claims lapse.
            raise group_error.exceptions[0] from None


async def _require_something_under_way(work: Work, distribution_id: uuid.UUID) -> None:
    """Raise PayoutPaused when nothing of a distribution is left to settle, and its pause lasts."""
    pause = await work.pauses.find(distribution_id)
    if pause is not None and not await work.attempts.has_open(distribution_id):
        raise payout_paused(distribution_id, pause)


async def _finish(work: Work, distribution_id: uuid.UUID) -> DistributionStatus | None:
    """Write down how it ended and return it; None when somebody else was first."""
    status = await work.distributions.finish(distribution_id)
    if status is not None:
        processing = DistributionStatus.PROCESSING
        audit.record_move(work, "distribution.finished", distribution_id, processing, status)
    return status
