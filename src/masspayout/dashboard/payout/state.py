"""What a payout's page shows at one moment, read in one transaction, from counters alone."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.dashboard import money_words
from masspayout.db.entities import Approval, Distribution
from masspayout.db.repositories import Approvals, BatchPayouts, Distributions, Entitlements, Progress
from masspayout.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class PayoutState:
    """How a payout stands."""

    distribution: Distribution
    progress: Progress
    failures: dict[str, int]
    approvals: Sequence[Approval]

    @property
    def id(self) -> uuid.UUID:
        """The distribution's id."""
        return self.distribution.id

    @property
    def symbol(self) -> str | None:
        """What it is paid in."""
        return money_words.symbol(self.distribution)

    @property
    def approvals_missing(self) -> int:
        """How many people have still to approve of it."""
        return max(0, self.distribution.approvals_required - len(self.approvals))

    @property
    def unpaid_count(self) -> int:
        """How many are owed something that they did not get."""
        return self.progress.holders - self.progress.paid


async def read_state(session: AsyncSession, distribution_id: uuid.UUID) -> PayoutState:
    """Read how a payout stands.

    Raises:
        NotFound: There is none with this id.
    """
    distribution = await Distributions(session).find_by_id(distribution_id, with_asset=True)
    if distribution is None:
        raise NotFound(f"There is no payout {distribution_id}.", "Look for it in the lists.")
    progress = await BatchPayouts(session).progress(distribution_id)
    # While nobody has failed, there is no reason to be counted.
    failures = await Entitlements(session, distribution).failure_counts() if progress.failed else {}
    needs_approvals = distribution.approvals_required > 0
    given = await Approvals(session).find_of_distribution(distribution_id) if needs_approvals else []
    return PayoutState(distribution, progress, failures, given)
