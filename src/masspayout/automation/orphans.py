"""Orphans: rows of other programs that nothing would ever start; each is flagged, and blocks nothing."""

import logging

from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action
from masspayout.payments import never_started

_log = logging.getLogger(__name__)


async def flag_orphans(database: Database) -> int:
    """Write on each orphan why it does not start, and what to do about it. Return the number of new ones."""
    async with database.unit_of_work() as work:
        orphans = await work.due_starts.find_orphans()
        for distribution in orphans:
            if distribution.status is DistributionStatus.PROCESSING:
                await work.due_starts.note_wait(distribution.id, never_started(distribution))
            else:
                reason = _of_no_series(distribution)
                await work.due_starts.note_failure(distribution.id, reason.message, reason.next_step)
    for distribution in orphans:
        _log.warning("distribution %s is %s by another program, and left alone", distribution.id, distribution.status)
    return len(orphans)


def _of_no_series(distribution: Distribution) -> Conflict:
    return Conflict(
        f"Payout {distribution.id} is {distribution.execution_type} and belongs to no series: nothing starts it.",
        "Cancel it: ",
        Action.CANCEL_DISTRIBUTION.on(distribution.id),
        ". Payouts that recur or follow deposits are created with: ",
        Action.CREATE_DISTRIBUTION,
    )
