"""Four eyes: payouts that begin only when people other than their creator approve of exactly what will be paid.

An approval is bound to the register hash that the approver saw, with payer, payment token and total. It counts as long
as the distribution is that; whatever is changed afterwards, it counts no more. The distribution says how many it needs.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from masspayout import audit
from masspayout.controls import policies
from masspayout.controls.send_backs import was_sent_back
from masspayout.db.entities import Distribution
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import Actor, current_actor
from masspayout.kernel.approval_places import as_words, places_of
from masspayout.kernel.errors import ApprovalsMissing, Conflict
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.settings import Settings


async def demand(
    work: UnitOfWork, settings: Settings, distribution: Distribution, now: datetime | None = None
) -> ApprovalCount:
    """Set how many approvals a frozen distribution needs under the policy, and return how many it has.

    A number once set stays: what a later policy asks for less applies to distributions frozen later.

    Args:
        work: The transaction.
        settings: The environment, which may ask for more than the policy.
        distribution: The distribution.
        now: The present, from which a day's total is counted back; unless given, the database's.
    """
    policy = await policies.in_force(work, settings, distribution.asset_id)
    places: dict[str, int] = {}
    if policy.is_guarded and distribution.total_amount is not None:
        places = await policies.places_for(work, policy, distribution, now)
    is_weighed = distribution.policy_number == policy.number
    if not places and not distribution.approvals_required and is_weighed:
        return ApprovalCount(0, 0)
    count = await work.approvals.require(distribution.id, places, policy.number)
    await work.refresh(distribution, ["approvals_required", "approval_groups", "policy_number"])
    return count


async def require(work: UnitOfWork, settings: Settings, distribution: Distribution, now: datetime) -> None:
    """Check that a frozen distribution has all approvals that it needs, and is still what was approved.

    Raises:
        ApprovalsMissing: It has fewer.
        Conflict: The entitlements are not those that were approved: somebody changed them in the database.
    """
    count = await demand(work, settings, distribution, now)
    if not count.required:
        return
    if not count.is_complete:
        raise ApprovalsMissing(
            f"Payout {distribution.id} {count.sentence}{_by_groups(distribution)}.",
            "Have a person other than its creator approve it with: ",
            Action.APPROVE_DISTRIBUTION.on(distribution.id),
        )
    totals = await work.entitlements(distribution).totals()
    if totals.register_hash != distribution.register_hash:
        raise Conflict(
            f"The entitlements of payout {distribution.id} are not those that were approved: "
            f"their hash is {totals.register_hash}, and approved was {distribution.register_hash}.",
            _next_step_of_changed(distribution),
        )


def _by_groups(distribution: Distribution) -> str:
    """Return which groups have to approve, where some have to."""
    if not distribution.approval_groups:
        return ""
    return f"; it needs {as_words(places_of(distribution.approvals_required, distribution.approval_groups))}"


def _next_step_of_changed(distribution: Distribution) -> NextStep:
    if distribution.contract_terms is not None:
        return NextStep("Verify them with the contract: ", Action.FIX_HASHES.on(distribution.id))
    return NextStep(
        "They were changed in the database. Cancel the payout, create it again, and find out who changed them."
    )


async def approve(database: Database, distribution_id: uuid.UUID, register_hash: str) -> ApprovalCount:
    """Approve a distribution, as the current actor.

    Args:
        database: Where it is.
        distribution_id: The distribution to approve.
        register_hash: The hash that the approver was shown.

    Raises:
        NotFound: There is no such distribution.
        Conflict: It was created by the same person, or approved by them before; or it is not frozen, is another one
            than the approver saw, or is past being approved.
    """
    actor, now = current_actor(), await database.clock.now()
    async with database.unit_of_work() as work:
        return await _approve(work, actor, distribution_id, register_hash, now)


async def _approve(
    work: UnitOfWork, actor: Actor, distribution_id: uuid.UUID, register_hash: str, now: datetime
) -> ApprovalCount:
    distribution = await work.distributions.get(distribution_id)
    await policies.require_person(work, actor)
    who = {
        "actor_kind": actor.kind.value,
        "actor_name": actor.name,
        "source_address": actor.source_address,
    }
    approvals = work.approvals
    if not await approvals.approve(
        distribution_id,
        register_hash=register_hash.strip().lower(),
        person=actor.person,
        guises=actor.guises,
        approved_at=now,
        **who,
    ):
        await work.refresh(distribution)
        raise _refusal(distribution, register_hash, actor.guises)
    facts = {"register_hash": distribution.register_hash, "total_amount": distribution.total_amount}
    audit.record(work, "distribution.approved", distribution_id, after=facts)
    return (await approvals.counts([distribution_id]))[distribution_id]


def _refusal(distribution: Distribution, register_hash: str, guises: Sequence[str]) -> Conflict:
    """Return the reason for which an approval was refused."""
    review_again = NextStep("Review it again: ", Action.SHOW_DISTRIBUTION.on(distribution.id))
    if not distribution.status.can_execute and not distribution.status.can_retry:
        return Conflict(f"Payout {distribution.id} is {distribution.status}: it cannot be approved.", review_again)
    if distribution.register_hash is None:
        return Conflict(
            f"Payout {distribution.id} is not frozen yet, so its amounts are not known.",
            "Approve it when it is due.",
        )
    if distribution.sent_back_at is not None:
        return was_sent_back(distribution)
    if distribution.created_by in guises:
        return Conflict(
            f"Payout {distribution.id} was created by you, and another person has to approve it.",
            "Ask another person to approve it with: ",
            Action.APPROVE_DISTRIBUTION.on(distribution.id),
        )
    if distribution.register_hash != register_hash.strip().lower():
        return Conflict(
            f"The register hash {register_hash} does not match: payout {distribution.id} has "
            f"{distribution.register_hash}.",
            review_again,
        )
    return Conflict(f"You approved payout {distribution.id} before, and each person counts once.", review_again)
