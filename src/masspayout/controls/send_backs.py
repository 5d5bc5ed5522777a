"""Second thoughts of approvers: a payout is sent back to its creator, handed in again, or an approval is withdrawn.

All of that is possible before a payout starts. The row of the distribution is locked by each, as by a start: of a start
and a withdrawal at once, one finds what the other did.
"""

import uuid

from masspayout import audit
from masspayout.db.entities import Distribution
from masspayout.db.session import Database
from masspayout.kernel.actors import current_actor
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.next_steps import Action, Field, NextStep
from masspayout.kernel.payout_status import ApprovalCount, conflict


async def send_back(database: Database, distribution_id: uuid.UUID, reason: str) -> None:
    """Return a payout that waits for approval to its creator, as the current actor. Its approvals are void.

    Raises:
        NotFound: There is no such distribution.
        Conflict: It has started, needs no approval, is not frozen yet, or was sent back before.
        Invalid: The reason is missing.
    """
    if not reason:
        raise Invalid("A payout is sent back for a reason, and none was given.", "Add ", Field.REASON, ".")
    actor, now = current_actor(), await database.clock.now()
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
        if not await work.approvals.send_back(
            distribution_id, sent_back_by=actor.person, sent_back_by_name=actor.name, sent_back_at=now, reason=reason
        ):
            await work.refresh(distribution)
            raise _cannot_send_back(distribution)
        void = await work.approvals.void(distribution_id)
        audit.record(work, "distribution.sent_back", distribution_id, after={"reason": reason, "void_approvals": void})


def _cannot_send_back(distribution: Distribution) -> Conflict:
    if not distribution.status.can_execute:
        return conflict(distribution.id, distribution.status, "sent back")
    if distribution.sent_back_at is not None:
        return was_sent_back(distribution)
    return Conflict(
        f"Payout {distribution.id} waits for no approval, so it cannot be sent back.",
        "Cancel it with: ",
        Action.CANCEL_DISTRIBUTION.on(distribution.id),
    )


def was_sent_back(distribution: Distribution) -> Conflict:
    """Return the error of a payout that can neither start nor be approved, because an approver sent it back."""
    return Conflict(
        f"Payout {distribution.id} was sent back by {distribution.sent_back_by_name}: {distribution.sent_back_reason}.",
        "Ask for approval again with: ",
        Action.RESUBMIT.on(distribution.id),
        ", or cancel it with: ",
        Action.CANCEL_DISTRIBUTION.on(distribution.id),
    )


async def resubmit(database: Database, distribution_id: uuid.UUID) -> None:
    """Ask again for the approval of a payout that was sent back, as the current actor: it needs all of them anew.

    Raises:
        NotFound: There is no such distribution.
        Conflict: It was not sent back, or was cancelled.
    """
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
        before = {"sent_back_by": distribution.sent_back_by_name, "reason": distribution.sent_back_reason}
        if not await work.approvals.resubmit(distribution_id):
            await work.refresh(distribution)
            if not distribution.status.can_execute:
                raise conflict(distribution.id, distribution.status, "handed in again")
            raise Conflict(
                f"Payout {distribution_id} was not sent back.",
                "See how it stands: ",
                Action.SHOW_DISTRIBUTION.on(distribution_id),
            )
        audit.record(work, "distribution.resubmitted", distribution_id, before=before)


async def withdraw(database: Database, distribution_id: uuid.UUID) -> ApprovalCount:
    """Withdraw the current actor's approval of a payout that has not started. Return the approvals that are left.

    Raises:
        NotFound: There is no such distribution.
        Conflict: The actor did not approve it, or it has started.
    """
    person = current_actor().person
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
        if not await work.approvals.withdraw(distribution_id, person):
            await work.refresh(distribution)
            if not distribution.status.can_execute and not distribution.status.can_retry:
                raise _too_late(distribution)
            raise Conflict(
                f"You have not approved payout {distribution_id}.",
                "See who has: ",
                Action.SHOW_DISTRIBUTION.on(distribution_id),
            )
        facts = {"register_hash": distribution.register_hash}
        audit.record(work, "distribution.approval_withdrawn", distribution_id, before=facts)
        return (await work.approvals.counts([distribution_id]))[distribution_id]


def _too_late(distribution: Distribution) -> Conflict:
    next_step = NextStep("See how it stands: ", Action.SHOW_DISTRIBUTION.on(distribution.id))
    if distribution.status.is_running:
        next_step = NextStep("Pause it with: ", Action.PAUSE_DISTRIBUTION.on(distribution.id))
    return Conflict(
        f"Payout {distribution.id} is {distribution.status}: an approval of it cannot be withdrawn any more.", next_step
    )
