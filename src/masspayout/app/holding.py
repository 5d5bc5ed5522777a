"""Use cases of people who hold payouts: pauses, payouts sent back, approvals withdrawn."""

import uuid
from collections.abc import Sequence

from masspayout.app.servicing import Servicing
from masspayout.controls import send_backs
from masspayout.db.entities import Asset, Pause
from masspayout.distributions import PauseOutcome, PauseSubject, pauses
from masspayout.kernel.actors import current_actor
from masspayout.kernel.payout_status import ApprovalCount


class Holding(Servicing):
    """Use cases that hold payouts, and let them go on.

    ``resumed`` says that the request is sent again: then what is done already is nothing wrong.
    """

    async def pause(self, subject: PauseSubject, reason: str) -> PauseOutcome:
        """Pause a running payout, an asset or the installation, as ``pauses.pause`` does."""
        return await pauses.pause(self._context, subject, reason)

    async def resume(self, subject: PauseSubject) -> PauseOutcome:
        """End the pause of a payout, an asset or the installation, as ``pauses.resume`` does."""
        return await pauses.resume(self._context, subject)

    async def list_pauses(self) -> Sequence[tuple[Pause, Asset | None]]:
        """Return the pauses that last, the latest first, each with its asset if it is of one."""
        async with self._context.database.unit_of_work() as work:
            found = await work.pauses.find_all_open()
            return [(each, None if each.asset_id is None else await work.assets.get(each.asset_id)) for each in found]

    async def send_back(self, distribution_id: uuid.UUID, reason: str, *, resumed: bool = False) -> None:
        """Return a payout that waits for approval to its creator, as ``send_backs.send_back`` does."""
        if not (resumed and await self._sent_back_by(distribution_id) == current_actor().person):
            await send_backs.send_back(self._context.database, distribution_id, pauses.check_reason(reason))

    async def resubmit(self, distribution_id: uuid.UUID, *, resumed: bool = False) -> None:
        """Ask again for the approval of a payout that was sent back, as ``send_backs.resubmit`` does."""
        if not (resumed and await self._sent_back_by(distribution_id) is None):
            await send_backs.resubmit(self._context.database, distribution_id)

    async def withdraw_approval(self, distribution_id: uuid.UUID) -> ApprovalCount:
        """Withdraw the approval of the current actor, as ``send_backs.withdraw`` does."""
        return await send_backs.withdraw(self._context.database, distribution_id)

    async def _sent_back_by(self, distribution_id: uuid.UUID) -> str | None:
        async with self._context.database.unit_of_work() as work:
            return (await work.distributions.get(distribution_id)).sent_back_by
