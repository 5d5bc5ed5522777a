"""Limits: how much may be paid out at once, and within a day, of each payment token."""

from datetime import datetime, timedelta
from decimal import Decimal

from masspayout.controls import policies
from masspayout.db.entities import Distribution
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import LimitExceeded
from masspayout.settings import Settings

_DAY = timedelta(hours=24)


async def spend(
    work: UnitOfWork, settings: Settings, distribution: Distribution, amount: Decimal, now: datetime
) -> None:
    """Spend the amount of a frozen distribution within the limits, in the transaction in which it begins.

    Of several that begin at once, each waits until it is known whether those before it did: together they stay within
    the limit. A retried amount counts once.

    Raises:
        LimitExceeded: It is more than one payout may be, or than is left of a day's limit.
    """
    token_id = str(distribution.payment_token_id)
    policy = await policies.in_force(work, settings, distribution.asset_id)
    most = policy.most_per_distribution(token_id)
    total_amount = distribution.total_amount or Decimal(0)
    if most is not None and total_amount > most:
        raise LimitExceeded(
            f"Payout {distribution.id} pays out {total_amount:,f} of {token_id}, "
            f"and one payout may be {most:,f} at most.",
            "Divide it into several, or raise the limit in the policy and in LIMIT_PER_DISTRIBUTION_AMOUNT.",
        )
    starts = work.payout_starts
    most_a_day = policy.most_per_day(token_id)
    if most_a_day is not None:
        begun = await starts.lock_and_sum(token_id, now - _DAY, with_distribution=distribution.id, amount=amount)
        if begun > most_a_day:
            raise LimitExceeded(
                f"With payout {distribution.id}, payouts of {begun:,f} of {token_id} would have begun within "
                f"24 hours, and {most_a_day:,f} may at most.",
                "Start it later, or raise the limit in the policy and in LIMIT_PER_DAY_AMOUNT.",
            )
    await starts.add(distribution.id, token_id, amount, now)
