"""Series in tests: a daily one of a world, and the distributions that it made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from masspayout.automation import series
from masspayout.automation.series import Calendar
from masspayout.db.entities import (
    Distribution,
    DistributionStatus,
    DistributionType,
    Frequency,
    PayoutType,
    Series,
)
from masspayout.db.repositories import Distributions
from masspayout.kernel.payout_terms import PayoutTerms
from payouts import World

NOW = datetime(2031, 1, 1, tzinfo=UTC)
START = datetime(2031, 1, 31, 9, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
PENDING, PROCESSING, FAILED = DistributionStatus.PENDING, DistributionStatus.PROCESSING, DistributionStatus.FAILED


def terms(**changed: Any) -> PayoutTerms:
    return replace(PayoutTerms(DistributionType.COUPON, PayoutType.FIXED, Decimal("0.3")), **changed)


async def make(
    world: World, frequency: Frequency = Frequency.DAILY, start: datetime = START, **calendar: Any
) -> Series:
    runtime = world.runtime
    plan = Calendar(frequency, start, **calendar)
    return await series.create(runtime, world.asset, terms(), plan, now=NOW)


async def made_by(world: World, made: Series) -> Sequence[Distribution]:
    """Return all distributions of a series, by their times."""
    async with world.runtime.database.unit_of_work() as session:
        return (await Distributions(session).find_of_series(made.id, 100_000))[::-1]
