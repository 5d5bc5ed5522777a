"""Rows that other programs wrote and that nothing would ever start: they say so, and stand in nobody's way."""

import logging

from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action
from masspayout.payments import never_started

_log = logging.getLogger(__name__)


async def name_strays(database: Database) -> int:
    """Write on each of them why it does not go on, and what to do about it. Return how many there are anew."""
    async with database.unit_of_work() as work:
        strays = await work.due_starts.find_strays()
        for distribution in strays:
            if distribution.status is DistributionStatus.PROCESSING:
                await work.due_starts.note_wait(distribution.id, never_started(distribution))
            else:
                reason = _of_no_series(distribution)
                await work.due_starts.note_failure(distribution.id, reason.message, reason.next_step)
    for distribution in strays:
        _log.warning("distribution %s is %s by another program, and left alone", distribution.id, distribution.status)
    return len(strays)


def _of_no_series(distribution: Distribution) -> Conflict:
    return Conflict(
        f"Distribution {distribution.id} is {distribution.execution_type} and belongs to no series: nothing starts it.",
        "Cancel it: ",
        Action.CANCEL_DISTRIBUTION.on(distribution.id),
        ". What recurs, or follows deposits, is made with: ",
        Action.CREATE_DISTRIBUTION,
    )
