"""Rescue of work that was left behind: jobs of workers that died, and payouts that no job is about."""

import logging
import uuid

from masspayout.context import Context
from masspayout.jobs import PAY_DISTRIBUTION
from masspayout.kernel.errors import MassPayoutError
from masspayout.kernel.logs import about
from masspayout.registers import ledger_binding

_log = logging.getLogger(__name__)


async def rescue_stalled(context: Context) -> None:
    """Queue the jobs of dead workers again.

    A worker that only stood still may come back to its job: a job that is run twice does no harm, for batches are
    claimed.
    """
    async with context.database.unit_of_work() as work:
        if job_ids := await work.background_work.requeue_stalled():
            _log.warning("%d jobs of workers that are gone are run again: %s", len(job_ids), job_ids)


async def take_up_unfinished(context: Context) -> None:
    """Enqueue each payout that is half-paid and that no job is about, unless it belongs to another ledger."""
    on_other_ledgers = await _report_on_other_ledgers(context)
    async with context.database.unit_of_work() as work:
        for distribution_id in await work.distributions.find_unfinished(without_job=PAY_DISTRIBUTION):
            if distribution_id not in on_other_ledgers:
                _log.warning("distribution %s was left half-paid and is taken up again", distribution_id)
                await context.jobs.enqueue_payment(work, distribution_id, batch_count=1)


async def _report_on_other_ledgers(context: Context) -> set[uuid.UUID]:
    """Return the distributions that wait because the settings lead to another ledger than theirs, and log each."""
    try:
        on_other_ledgers = await ledger_binding.find_on_other_ledgers(context.database, context.ledger)
    except MassPayoutError as error:
        _log.warning("it is not known which ledger this is: %s", error)
        return set()
    for one in on_other_ledgers:
        with about(distribution_id=one.distribution_id):
            _log.error(
                "waits, %s, for the ledger %s, to which the settings do not lead", one.status, one.ledger_identity
            )
    return {one.distribution_id for one in on_other_ledgers}
