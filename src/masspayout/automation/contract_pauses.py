"""Pauses of LifeCycle Cash Flow contracts: payouts stop, and go on when the contract is unpaused.

The assets' column ``contract_paused`` says how things stand; everything here follows from it, whenever it is called.
"""

import logging
import uuid

from masspayout import distributions
from masspayout.context import Context
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import starts
from masspayout.kernel.errors import MassPayoutError
from masspayout.ledger.failures import CONTRACT_PAUSED
from masspayout.payments import stops

_log = logging.getLogger(__name__)


async def stop_running(work: UnitOfWork) -> None:
    """Stop the payouts under way whose contract is paused. Sent attempts are settled; nothing new is signed."""
    for distribution_id in await work.distributions.find_running_though_paused():
        await stops.stop(work, distribution_id, CONTRACT_PAUSED)


async def stop_and_resume(context: Context) -> None:
    """Stop payouts under a paused contract, and resume those that a pause had stopped and no pause holds any more.

    Payouts that had not begun are due again, and begin as after an outage. Those that cannot go on, for want of funds
    for example, stay FAILED and can be retried.
    """
    async with context.database.unit_of_work() as work:
        await stop_running(work)
        stopped = await work.distributions.find_stopped_by_pause(CONTRACT_PAUSED)
    for distribution_id in stopped:
        try:
            await _go_on(context, distribution_id)
        except MassPayoutError as error:
            _log.warning("distribution %s does not go on after its contract's pause: %s", distribution_id, error)
        except Exception:  # noqa: BLE001 - whatever is wrong with one payout must not keep the others waiting
            _log.exception("distribution %s does not go on after its contract's pause", distribution_id)


async def _go_on(context: Context, distribution_id: uuid.UUID) -> None:
    async with context.database.unit_of_work() as work:
        is_due_again = await distributions.reopen_unfrozen(work, distribution_id)
    if not is_due_again:
        await starts.retry(context, distribution_id)
