"""The use cases of control: the policy, and proposals."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from masspayout.context import Context
from masspayout.controls import (
    PolicyChange,
    PolicyContent,
    PolicyInForce,
    ProposalKind,
    policies,
    policy_changes,
    policy_findings,
    proposals,
    read_content,
)
from masspayout.db.entities import Policy, Proposal, ProposalState
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import current_actor
from masspayout.service import access
from masspayout.settings import Settings

_MOST_LISTED = 200

_Decision = Callable[[UnitOfWork, uuid.UUID, datetime], Awaitable[Proposal]]

KINDS: Sequence[ProposalKind] = (ProposalKind(policy_changes.KIND, policy_changes.carry_out), *access.KINDS)


@dataclass(frozen=True, slots=True)
class PolicyDetail:
    """The policy at one moment.

    Attributes:
        in_force: All contents that apply together.
        versions: The versions of it that the database has: the installation's, and the asset's where there is one.
        proposals: The open proposals to change it.
    """

    in_force: PolicyInForce
    versions: Sequence[Policy]
    proposals: Sequence[Proposal]


async def adopt_environment(database: Database, settings: Settings) -> Policy | None:
    """Write the settings as the first version of the policy, as ``policy_changes.adopt_environment`` does."""
    return await policy_changes.adopt_environment(database, settings)


async def announce_policy(database: Database, settings: Settings) -> None:
    """Log what a process that starts has to say about the policy, as ``policy_findings.announce`` does."""
    await policy_findings.announce(database, settings)


class Control:
    """The use cases of the policy and of proposals.

    ``resumed`` says that a request was sent again, by a process that died: what it asks for may be done already.

    Args:
        context: The database, and the settings, which may ask for more than the policy.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read_policy(self, asset: str | None = None) -> PolicyDetail:
        """Return the policy in force of the installation, or of an asset by its token id or its UUID.

        Raises:
            NotFound: There is no such asset.
        """
        async with self._context.database.unit_of_work() as work:
            asset_id = None if asset is None else (await work.assets.get_by_reference(asset)).id
            in_force = await policies.in_force(work, self._context.settings, asset_id)
            open_ones = await work.proposals.find(ProposalState.OPEN, _MOST_LISTED)
            of_policy = [each for each in open_ones if each.kind == policy_changes.KIND]
            return PolicyDetail(in_force, await work.policies.in_force(asset_id), of_policy)

    async def change_policy(self, content: Any, asset: str | None = None) -> PolicyChange:
        """Change the policy, or propose to where it is guarded, as ``policy_changes.change`` does.

        Args:
            content: The whole new content, read or as JSON has it.
            asset: The asset that it is for, by its token id or its UUID; None: the installation.
        """
        read = content if isinstance(content, PolicyContent) else read_content(content)
        now = await self._context.database.clock.now()
        async with self._context.database.unit_of_work() as work:
            asset_id = None if asset is None else (await work.assets.get_by_reference(asset)).id
            return await policy_changes.change(work, self._context.settings, read, now, asset_id=asset_id)

    async def policy_history(self) -> Sequence[Policy]:
        """Return the versions of the policy, the latest first."""
        async with self._context.database.unit_of_work() as work:
            return await work.policies.find_history(_MOST_LISTED)

    async def list_proposals(self, state: ProposalState | None = None) -> Sequence[Proposal]:
        """Return the proposals, newest first, of one state if asked."""
        async with self._context.database.unit_of_work() as work:
            return await work.proposals.find(state, _MOST_LISTED)

    async def find_proposal(self, reference: str) -> Proposal:
        """Return a proposal by its id, the beginning of that, or ``latest``.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: There is no such proposal.
        """
        async with self._context.database.unit_of_work() as work:
            return await work.proposals.get_by_reference(reference)

    async def approve_proposal(self, proposal_id: uuid.UUID, *, resumed: bool = False) -> Proposal:
        """Approve a proposal and do what it proposes, as ``proposals.approve`` does."""
        return await self._decide(_approve, ProposalState.APPROVED, proposal_id, resumed=resumed)

    async def refuse_proposal(self, proposal_id: uuid.UUID, *, resumed: bool = False) -> Proposal:
        """Refuse a proposal, as ``proposals.refuse`` does."""
        return await self._decide(proposals.refuse, ProposalState.REFUSED, proposal_id, resumed=resumed)

    async def withdraw_proposal(self, proposal_id: uuid.UUID, *, resumed: bool = False) -> Proposal:
        """Withdraw a proposal, as ``proposals.withdraw`` does."""
        return await self._decide(proposals.withdraw, ProposalState.WITHDRAWN, proposal_id, resumed=resumed)

    async def _decide(
        self, decide: _Decision, state: ProposalState, proposal_id: uuid.UUID, *, resumed: bool
    ) -> Proposal:
        if resumed and (done := await self._decided(proposal_id, state)) is not None:
            return done
        now = await self._context.database.clock.now()
        async with self._context.database.unit_of_work() as work:
            return await decide(work, proposal_id, now)

    async def _decided(self, proposal_id: uuid.UUID, state: ProposalState) -> Proposal | None:
        """Return a proposal that the current actor decided on, in a process that died before it could say so."""
        async with self._context.database.unit_of_work() as work:
            found = await work.proposals.get(proposal_id)
        return found if found.state is state and found.decided_by_name == current_actor().name else None


async def _approve(work: UnitOfWork, proposal_id: uuid.UUID, now: datetime) -> Proposal:
    return await proposals.approve(work, KINDS, proposal_id, now)
