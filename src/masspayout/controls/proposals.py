"""Proposals: changes that one person makes and another approves. Of each kind and subject one is open at a time."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from masspayout import audit
from masspayout.controls import policies
from masspayout.db.entities import Proposal, ProposalState
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import Actor, current_actor
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action

# Parts of a proposal that no answer, page or audit entry shows.
_SECRET = frozenset({"password_hash", "digest"})


@dataclass(frozen=True, slots=True)
class ProposalKind:
    """A kind of proposal.

    Attributes:
        name: The name, as ``proposal.kind`` has it.
        carry_out: Does what an approved proposal proposes, in the transaction of its approval.
    """

    name: str
    carry_out: Callable[[UnitOfWork, Proposal], Awaitable[None]]


def without_secrets(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what is before or after a proposal, without digests of secrets."""
    return None if values is None else {name: value for name, value in values.items() if name not in _SECRET}


async def make(
    work: UnitOfWork, kind: str, subject: str, *, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> Proposal:
    """Propose a change as the current actor, in the caller's transaction. The same proposal once more is that one.

    Args:
        work: The transaction.
        kind: The kind of the change.
        subject: Its subject: ``installation``, the token of an asset, the name of a user.
        before: The present values.
        after: The values that are to be.

    Raises:
        Conflict: Another change of the subject is proposed already.
    """
    actor = current_actor()
    open_one = await work.proposals.find_open(kind, subject)
    if open_one is not None and open_one.made_by == actor.person and open_one.after == dict(after):
        return open_one
    if open_one is not None:
        raise Conflict(
            f"{open_one.made_by_name} proposed another {kind} of {subject} already, which is open.",
            "Decide on it first: ",
            Action.SHOW_PROPOSAL.on(open_one.id),
        )
    proposal = await work.proposals.save(
        Proposal(
            kind=kind,
            subject=subject,
            before=None if before is None else dict(before),
            after=dict(after),
            made_by=actor.person,
            made_by_name=actor.name,
        )
    )
    facts = {"kind": kind, "subject": subject, "change": without_secrets(after)}
    audit.record(work, "proposal.made", proposal.id, before=without_secrets(before), after=facts)
    return proposal


async def approve(work: UnitOfWork, kinds: Sequence[ProposalKind], proposal_id: uuid.UUID, now: datetime) -> Proposal:
    """Approve a proposal as the current actor, and do what it proposes.

    Raises:
        NotFound: There is no such proposal.
        Conflict: It is not open any more, the actor made it or is no person, or what it changes is another by now.
    """
    actor = current_actor()
    await policies.require_person(work, actor)
    proposal = await work.proposals.get(proposal_id)
    if proposal.made_by in actor.guises:
        raise Conflict(
            f"You made the proposal {proposal.id}, and another person has to approve it.",
            "Ask another person to approve it with: ",
            Action.APPROVE_PROPOSAL.on(proposal.id),
        )
    carry_out = {kind.name: kind.carry_out for kind in kinds}[proposal.kind]
    closed = await _close(work, proposal, ProposalState.APPROVED, actor, now, approved_by=actor.person)
    await carry_out(work, closed)
    return closed


async def refuse(work: UnitOfWork, proposal_id: uuid.UUID, now: datetime) -> Proposal:
    """Refuse a proposal as the current actor.

    Raises:
        NotFound: There is no such proposal.
        Conflict: It is not open any more, or the actor is no person or made it.
    """
    actor = current_actor()
    await policies.require_person(work, actor)
    proposal = await work.proposals.get(proposal_id)
    if proposal.made_by == actor.person:
        raise Conflict(
            f"You made the proposal {proposal.id}.", "Withdraw it with: ", Action.WITHDRAW_PROPOSAL.on(proposal.id)
        )
    return await _close(work, proposal, ProposalState.REFUSED, actor, now)


async def withdraw(work: UnitOfWork, proposal_id: uuid.UUID, now: datetime) -> Proposal:
    """Withdraw a proposal that the current actor made.

    Raises:
        NotFound: There is no such proposal.
        Conflict: It is not open any more, or another person made it.
    """
    actor = current_actor()
    proposal = await work.proposals.get(proposal_id)
    if proposal.made_by != actor.person:
        raise Conflict(
            f"The proposal {proposal.id} was made by {proposal.made_by_name}, who alone can withdraw it.",
            "Refuse it with: ",
            Action.REFUSE_PROPOSAL.on(proposal.id),
        )
    return await _close(work, proposal, ProposalState.WITHDRAWN, actor, now)


async def _close(
    work: UnitOfWork, proposal: Proposal, state: ProposalState, actor: Actor, now: datetime, **columns: Any
) -> Proposal:
    closed = await work.proposals.close(proposal.id, state, decided_by_name=actor.name, decided_at=now, **columns)
    if closed is None:
        await work.refresh(proposal)
        raise Conflict(
            f"The proposal {proposal.id} is {proposal.state}, and nothing can be decided about it.",
            "See what is open: ",
            Action.LIST_PROPOSALS,
        )
    facts = {"kind": closed.kind, "subject": closed.subject}
    audit.record_move(work, f"proposal.{state.lower()}", closed.id, ProposalState.OPEN, state, **facts)
    return closed
