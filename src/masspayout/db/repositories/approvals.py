"""Queries on ``approval``, and on ``payout_start``, which the limits are reckoned by."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Approval, Distribution, PayoutStart
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.payout_status import ApprovalCount

# The distribution is held in place: it is neither begun nor called off while somebody approves it. A person's approval
# of what it was before gives way to the one of what it is now.
_APPROVE = text("""
    WITH wanted AS (
        SELECT id, register_hash, payment_token_id, payer_account_id, total_amount
          FROM distribution
         WHERE id = :distribution_id AND status IN ('PENDING', 'FAILED') AND frozen_at IS NOT NULL
           AND register_hash = :register_hash AND created_by IS DISTINCT FROM :person
           FOR NO KEY UPDATE
    )
    INSERT INTO approval (id, distribution_id, person, actor_kind, actor_name, source_address, approved_at,
                          register_hash, payment_token_id, payer_account_id, total_amount)
    SELECT :id, id, :person, :actor_kind, :actor_name, :source_address, :approved_at,
           register_hash, payment_token_id, payer_account_id, total_amount
      FROM wanted
    ON CONFLICT (distribution_id, person) DO UPDATE
       SET register_hash = excluded.register_hash, payment_token_id = excluded.payment_token_id,
           payer_account_id = excluded.payer_account_id, total_amount = excluded.total_amount,
           actor_kind = excluded.actor_kind, actor_name = excluded.actor_name,
           source_address = excluded.source_address, approved_at = excluded.approved_at, updated_at = now()
     WHERE (approval.register_hash, approval.payment_token_id, approval.payer_account_id, approval.total_amount)
        IS DISTINCT FROM
           (excluded.register_hash, excluded.payment_token_id, excluded.payer_account_id, excluded.total_amount)
""").bindparams(bindparam("approved_at", type_=UtcTimestamp()))

# No distribution counts for more than it is, however often it was begun.
_BEGUN_SINCE = text("""
    SELECT coalesce(sum(amount), 0)
      FROM (SELECT least(sum(given_free.amount), max(d.total_amount)) AS amount
              FROM (SELECT distribution_id, amount FROM payout_start
                     WHERE payment_token_id = :token_id AND started_at > :since
                     UNION ALL
                    SELECT CAST(:distribution_id AS UUID), CAST(:amount AS NUMERIC)) AS given_free
              JOIN distribution AS d ON d.id = given_free.distribution_id
             GROUP BY d.id) AS begun
""").bindparams(bindparam("since", type_=UtcTimestamp()))

# An approval counts for exactly what was approved, and not when it is the creator's.
_COUNTS = (
    Approval.distribution_id == Distribution.id,
    Approval.register_hash == Distribution.register_hash,
    Approval.payment_token_id == Distribution.payment_token_id,
    Approval.payer_account_id == Distribution.payer_account_id,
    Approval.total_amount == Distribution.total_amount,
    Approval.person.is_distinct_from(Distribution.created_by),
)

# Sets the advisory locks of the daily limit apart from any others.
_LIMIT_LOCKS = 5_462


def given_approvals() -> ColumnElement[int]:
    """Count the approvals that count of a distribution, in a query on distributions."""
    return select(func.count()).select_from(Approval).where(*_COUNTS).correlate(Distribution).scalar_subquery()


class Approvals(Repository[Approval]):
    """Who consented to what."""

    entity = Approval
    noun = "approval"

    async def approve(
        self, distribution_id: uuid.UUID, *, register_hash: str, person: str, approved_at: datetime, **who: Any
    ) -> bool:
        """Write an approval down. False when the distribution is not that, or must not be approved by this person.

        Args:
            distribution_id: What is approved.
            register_hash: What the person saw.
            person: Who approves; at most once, and not the creator.
            approved_at: The present.
            who: The columns that say more of the person.
        """
        parameters = {"id": uuid7(), "distribution_id": distribution_id, "register_hash": register_hash, **who}
        return await self._changed(_APPROVE, {**parameters, "person": person, "approved_at": approved_at}) == 1

    async def find_of_distribution(self, distribution_id: uuid.UUID) -> Sequence[Approval]:
        """Return the approvals that count, in the order in which they were given."""
        query = (
            select(Approval)
            .join(Distribution, Distribution.id == Approval.distribution_id)
            .where(Approval.distribution_id == distribution_id, *_COUNTS)
            .order_by(Approval.approved_at, Approval.id)
        )
        return (await self.session.scalars(query)).all()

    async def counts(self, distribution_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, ApprovalCount]:
        """Return by distribution how many approvals were given and are required."""
        query = select(Distribution.id, given_approvals(), Distribution.approvals_required).where(
            Distribution.id.in_(distribution_ids)
        )
        return {key: ApprovalCount(given, required) for key, given, required in await self.session.execute(query)}

    async def require(self, distribution_id: uuid.UUID, count: int) -> ApprovalCount:
        """Have a distribution wait for that many approvals at least; say how many that are, and how many there are."""
        statement = (
            update(Distribution)
            .where(Distribution.id == distribution_id)
            .values(approvals_required=func.greatest(Distribution.approvals_required, count))
            .returning(Distribution.approvals_required, given_approvals())
            .execution_options(synchronize_session=False)
        )
        row = (await self.session.execute(statement)).one()
        return ApprovalCount(given=row[1], required=row[0])


class PayoutStarts:
    """What was begun: the daily limit is about that."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def add(self, distribution_id: uuid.UUID, token_id: str, amount: Decimal, now: datetime) -> None:
        """Write down that so much was given free to be paid."""
        start = PayoutStart(distribution_id=distribution_id, payment_token_id=token_id, amount=amount, started_at=now)
        self.session.add(start)
        await self.session.flush()

    async def lock_and_sum(
        self, token_id: str, since: datetime, *, with_distribution: uuid.UUID, amount: Decimal
    ) -> Decimal:
        """Return what was begun in a token since a time, with an amount of a distribution that is to begin now.

        Until the transaction ends nobody else gets an answer for this token.
        """
        key = func.hashtextextended(token_id, _LIMIT_LOCKS)
        await self.session.execute(select(func.pg_advisory_xact_lock(key)))
        parameters = {"token_id": token_id, "since": since, "distribution_id": with_distribution, "amount": amount}
        return Decimal(await self.session.scalar(_BEGUN_SINCE, parameters) or 0)
