"""Queries on ``policy`` and ``proposal``, and the figures of a payout that rules of a policy ask for."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, or_, select, text, update

from masspayout.db import advisory_locks
from masspayout.db.entities import Policy, Proposal, ProposalState
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp

_BEGUN_SINCE = text("""
    SELECT coalesce(sum(amount), 0) FROM payout_start
     WHERE payment_token_id = :token_id AND distribution_id <> :distribution_id
       AND started_at > coalesce(:since, (now() AT TIME ZONE 'UTC') - interval '24 hours')
""").bindparams(bindparam("since", type_=UtcTimestamp()))

_HAS_NEW_RECIPIENT = text("""
    SELECT EXISTS (
        SELECT FROM holder AS h
         WHERE h.distribution_id = :distribution_id AND h.payment_amount > 0
           AND NOT EXISTS (SELECT FROM holder AS earlier
                            WHERE earlier.account_id = h.account_id AND earlier.paid
                              AND earlier.distribution_id <> :distribution_id))
""")

# The last one before it that was begun. The hash is over accounts, balances and amounts.
_LAST_HASH = text("""
    SELECT last.register_hash
      FROM distribution AS d
      JOIN distribution AS last ON last.asset_id = d.asset_id AND last.id <> d.id AND last.executed_at IS NOT NULL
       AND last.payment_token_id = d.payment_token_id AND last.concept IS NOT DISTINCT FROM d.concept
     WHERE d.id = :distribution_id
     ORDER BY last.executed_at DESC, last.id DESC LIMIT 1
""")


class Policies(Repository[Policy]):
    """The versions of the policy."""

    entity = Policy
    noun = "version of the policy"

    async def in_force(self, asset_id: uuid.UUID | None = None) -> Sequence[Policy]:
        """Return the version in force of the installation and, where there is one, that of an asset."""
        of_scope = or_(Policy.asset_id.is_(None), Policy.asset_id == asset_id)
        query = select(Policy).where(Policy.replaced_at.is_(None), of_scope)
        return (await self.session.scalars(query.order_by(Policy.asset_id.nulls_first()))).all()

    async def all_in_force(self) -> Sequence[Policy]:
        """Return the versions in force of the installation and of all assets that have one."""
        query = select(Policy).where(Policy.replaced_at.is_(None))
        return (await self.session.scalars(query.order_by(Policy.asset_id.nulls_first()))).all()

    async def lock(self) -> None:
        """Let nobody else change the policy until the transaction ends."""
        await self.session.execute(select(func.pg_advisory_xact_lock(advisory_locks.POLICY)))

    async def add(self, version: Policy) -> Policy:
        """Write a version, with the next number, in the place of the one in force. ``lock`` comes first."""
        is_of_scope = Policy.asset_id.is_(None) if version.asset_id is None else Policy.asset_id == version.asset_id
        await self.session.execute(
            update(Policy)
            .where(is_of_scope, Policy.replaced_at.is_(None))
            .values(replaced_at=version.made_at)
            .execution_options(synchronize_session=False)
        )
        version.number = 1 + (await self.session.scalar(select(func.max(Policy.number))) or 0)
        return await self.save(version)

    async def find_history(self, limit: int) -> Sequence[Policy]:
        """Return the versions, the latest first."""
        return (await self.session.scalars(select(Policy).order_by(Policy.number.desc()).limit(limit))).all()

    async def begun_amount(self, token_id: str, since: datetime | None, without: uuid.UUID) -> Decimal:
        """Return the amount that other payouts in a token began with since a time; None: within 24 hours."""
        parameters = {"token_id": token_id, "since": since, "distribution_id": without}
        return Decimal(await self.session.scalar(_BEGUN_SINCE, parameters) or 0)

    async def has_new_recipient(self, distribution_id: uuid.UUID) -> bool:
        """Return True if a payout owes something to an account that was never paid before."""
        return bool(await self.session.scalar(_HAS_NEW_RECIPIENT, {"distribution_id": distribution_id}))

    async def find_last_hash(self, distribution_id: uuid.UUID) -> str | None:
        """Return the register hash of the last payout for the same concept, in the same token, of the same asset."""
        found: str | None = await self.session.scalar(_LAST_HASH, {"distribution_id": distribution_id})
        return found


class Proposals(Repository[Proposal]):
    """The changes that wait for another person, and those that did."""

    entity = Proposal
    noun = "proposal"

    async def find_open(self, kind: str, subject: str) -> Proposal | None:
        """Return the open proposal of a kind about a subject, if there is one."""
        query = select(Proposal).where(
            Proposal.kind == kind, Proposal.subject == subject, Proposal.state == ProposalState.OPEN
        )
        return await self.session.scalar(query)

    async def find(self, state: ProposalState | None, limit: int) -> Sequence[Proposal]:
        """Return proposals, newest first, of one state if asked."""
        query = self._newest_first().limit(limit)
        if state is not None:
            query = query.where(Proposal.state == state)
        return (await self.session.scalars(query)).all()

    async def close(self, proposal_id: uuid.UUID, state: ProposalState, **columns: Any) -> Proposal | None:
        """OPEN → another state. Return the proposal; None when it is not open any more."""
        statement = (
            update(Proposal)
            .where(Proposal.id == proposal_id, Proposal.state == ProposalState.OPEN)
            .values(state=state, **columns)
            .returning(Proposal)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        return (await self.session.scalars(statement)).one_or_none()
