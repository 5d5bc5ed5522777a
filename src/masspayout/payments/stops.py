"""Stops: a payout that runs into a failure that concerns everybody begins no other batch."""

import uuid

from masspayout import audit
from masspayout.db.entities import Distribution
from masspayout.db.store import Work
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action
from masspayout.ledger.failures import describe_failure


async def stop(work: Work, distribution_id: uuid.UUID, code: str) -> None:
    """Begin no other batch, because of a failure that concerns everybody. Sent attempts are settled."""
    failure = describe_failure(code)
    if await work.distributions.stop(distribution_id, code, failure.sentence, failure.next_step):
        audit.record(work, "distribution.stopped", distribution_id, after={"failure_code": code})


def never_started(distribution: Distribution) -> Conflict:
    """Return the error of a distribution that is PROCESSING and was never frozen: another program wrote its status."""
    return Conflict(
        f"Payout {distribution.id} is PROCESSING, and was never started by masspayout: another program wrote so.",
        "Set its status to PENDING where it was written, to have it started; or to CANCELLED. See: ",
        Action.SHOW_DISTRIBUTION.on(distribution.id),
    )
