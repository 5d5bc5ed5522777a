"""Stops: a payout that runs into a failure that concerns everybody begins no other batch."""

import uuid

from masspayout import audit
from masspayout.db.store import Work
from masspayout.ledger.failures import describe_failure


async def stop(work: Work, distribution_id: uuid.UUID, code: str) -> None:
    """Begin no other batch, because of a failure that concerns everybody. What was sent is settled."""
    failure = describe_failure(code)
    if await work.distributions.stop(distribution_id, code, failure.sentence, failure.next_step):
        audit.record(work, "distribution.stopped", distribution_id, after={"failure_code": code})
