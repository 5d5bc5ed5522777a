"""What a payout's page shows at one moment."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from masspayout.dashboard import money_words
from masspayout.dashboard.visits import Visit
from masspayout.db.entities import Approval, Distribution
from masspayout.kernel.payout_status import PayoutStatus


@dataclass(frozen=True, slots=True)
class PayoutState:
    """How a payout stands, and who approved of it."""

    distribution: Distribution
    status: PayoutStatus
    approvals: Sequence[Approval]

    @property
    def id(self) -> uuid.UUID:
        """The distribution's id."""
        return self.distribution.id

    @property
    def symbol(self) -> str | None:
        """What it is paid in."""
        return money_words.symbol(self.distribution)


async def read_state(visit: Visit, reference: str | uuid.UUID) -> PayoutState:
    """Read how a payout stands.

    Raises:
        NotFound: There is none with this id.
    """
    found = await visit.payouts.look_at(reference)
    return PayoutState(found.distribution, found.status, found.approvals)
