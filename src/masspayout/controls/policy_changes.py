"""Changes of the policy. Where it is open they take effect at once; where it is guarded another person approves them.

A version that the enabled people cannot meet is refused: with it, nothing could start, and nobody could change it. One
that comes from the environment at an upgrade is taken, and the doctor tells who is missing.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, combinations
from typing import Any

from masspayout import audit
from masspayout.controls import policies, proposals
from masspayout.controls.policy_content import PolicyContent, read_content
from masspayout.db.entities import Policy, Proposal, User
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import current_actor
from masspayout.kernel.approval_places import ANYBODY
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action
from masspayout.kernel.roles import Permission
from masspayout.settings import Settings

KIND = "policy"
INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """The result of a change: the version in force, or the proposal that waits for another person."""

    version: Policy | None = None
    proposal: Proposal | None = None


async def change(
    work: UnitOfWork, settings: Settings, content: PolicyContent, now: datetime, *, asset_id: uuid.UUID | None = None
) -> PolicyChange:
    """Change the policy as the current actor, or propose to. A policy that is in force already stays as it is.

    Args:
        work: The transaction.
        settings: The environment, which may ask for another person where the policy does not.
        content: The whole new content.
        now: The present.
        asset_id: The asset that it is for; None: the installation.

    Raises:
        Conflict: The enabled people cannot meet it, or another change is proposed already.
    """
    await work.policies.lock()
    in_force = await work.policies.in_force(asset_id)
    before = _content_of(in_force, asset_id)
    if before == content.stored():
        return PolicyChange(version=next(version for version in in_force if version.asset_id == asset_id))
    missing = missing_people(content, await work.users.find_in_order())
    if missing:
        raise Conflict(
            f"The people here cannot meet this policy: {missing}. With it, nothing could start.",
            "Add people first: ",
            Action.LIST_USERS,
        )
    if (await policies.in_force(work, settings, asset_id)).is_guarded:
        subject = INSTALLATION if asset_id is None else (await work.assets.get(asset_id)).token_id
        after = {"content": content.stored(), "asset_id": None if asset_id is None else str(asset_id)}
        wanted = None if before is None else {"content": before}
        return PolicyChange(proposal=await proposals.make(work, KIND, subject, before=wanted, after=after))
    actor = current_actor()
    version = Policy(
        asset_id=asset_id, content=content.stored(), made_by=actor.person, made_by_name=actor.name, made_at=now
    )
    return PolicyChange(version=await _put_in_force(work, version, before))


async def carry_out(work: UnitOfWork, proposal: Proposal) -> None:
    """Put the proposed policy in force.

    Raises:
        Conflict: The policy was changed since it was proposed, or the enabled people cannot meet it any more.
    """
    await work.policies.lock()
    asset_id = None if proposal.after["asset_id"] is None else uuid.UUID(proposal.after["asset_id"])
    before = _content_of(await work.policies.in_force(asset_id), asset_id)
    if before != (proposal.before or {}).get("content"):
        raise Conflict(
            f"The policy was changed since {proposal.made_by_name} proposed this.",
            "Refuse it, and have it proposed again: ",
            Action.REFUSE_PROPOSAL.on(proposal.id),
        )
    content = read_content(proposal.after["content"])
    missing = missing_people(content, await work.users.find_in_order())
    if missing:
        raise Conflict(f"The people here cannot meet this policy any more: {missing}.", "See: ", Action.LIST_USERS)
    version = Policy(
        asset_id=asset_id,
        content=content.stored(),
        made_by=proposal.made_by,
        made_by_name=proposal.made_by_name,
        approved_by=proposal.approved_by,
        approved_by_name=proposal.decided_by_name,
        made_at=proposal.decided_at,
    )
    await _put_in_force(work, version, before)


async def adopt_environment(database: Database, settings: Settings) -> Policy | None:
    """Write what the environment asks for as the first version of the policy; None when there is one already."""
    async with database.unit_of_work() as work:
        if await work.policies.find_history(1):
            return None
    now = await database.clock.now()
    async with database.unit_of_work() as work:
        await work.policies.lock()
        if await work.policies.find_history(1):
            return None
        actor, content = current_actor(), policies.of_settings(settings)
        version = Policy(content=content.stored(), made_by=actor.person, made_by_name=actor.name, made_at=now)
        return await _put_in_force(work, version, None)


def missing_people(content: PolicyContent, users: Sequence[User]) -> str:
    """Return who is missing for a policy to be met; empty if nobody is.

    Approvals need as many people who may approve, and one more, who creates what they approve.
    """
    if not content.is_guarded:
        return ""
    enabled = [user for user in users if not user.disabled]
    approvers = {user.name for user in enabled if user.role.may(Permission.APPROVE)}
    creators = {user.name for user in enabled if user.role.may(Permission.PLAN)}
    places = content.largest_places
    count = sum(places.values())
    if len(approvers) < count or len(creators) < count + 1:
        return (
            f"{count} of {max(count + 1, 2)} people have to approve, and {len(approvers)} "
            f"may approve the {len(creators)} who may create payouts"
        )
    named = sorted(group for group in places if group != ANYBODY)
    for groups in chain.from_iterable(combinations(named, size) for size in range(1, len(named) + 1)):
        members = approvers & {name for group in groups for name in content.groups[group]}
        wanted = sum(places[group] for group in groups)
        if len(members) < wanted:
            return f"{wanted} of {' and '.join(groups)} have to approve, and {len(members)} of them may"
    return ""


def _content_of(versions: Sequence[Policy], asset_id: uuid.UUID | None) -> dict[str, Any] | None:
    """Return the content in force of one scope, without what applies besides."""
    return next((version.content for version in versions if version.asset_id == asset_id), None)


async def _put_in_force(work: UnitOfWork, version: Policy, before: dict[str, Any] | None) -> Policy:
    written = await work.policies.add(version)
    facts = {"number": written.number, "asset_id": written.asset_id, "content": written.content}
    approved_by = {} if written.approved_by_name is None else {"approved_by": written.approved_by_name}
    audit.record(work, "policy.changed", written.id, before={"content": before}, after={**facts, **approved_by})
    return written
