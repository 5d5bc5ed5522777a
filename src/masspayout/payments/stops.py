"""Stops: a payout that runs into a failure that concerns everybody begins no other batch."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout import audit
from masspayout.db.repositories import Distributions
from masspayout.ledger.failures import describe_failure


async def stop(session: AsyncSession, distribution_id: uuid.UUID, code: str) -> None:
    """Begin no other batch, because of a failure that concerns everybody. What was sent is settled."""
    failure = describe_failure(code)
    if await Distributions(session).stop(distribution_id, code, failure.sentence, failure.next_step):
        audit.record(session, "distribution.stopped", distribution_id, after={"failure_code": code})
