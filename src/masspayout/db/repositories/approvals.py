"""Queries on ``approval``, and on ``payout_start``, which the limits are computed from."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db import advisory_locks
from masspayout.db.entities import Approval, Distribution, PayoutStart
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.approval_places import ANYBODY, places_of, stricter_places
from masspayout.kernel.payout_status import ApprovalCount

# The distribution is locked: it is neither started nor cancelled while it is being approved. A person's approval of an
# earlier register hash is replaced by the one of the present hash.
_APPROVE = text("""
    WITH wanted AS (
        SELECT id, register_hash, payment_token_id, payer_account_id, total_amount
          FROM distribution
         WHERE id = :distribution_id AND status IN ('PENDING', 'FAILED') AND frozen_at IS NOT NULL
           AND register_hash = :register_hash AND sent_back_at IS NULL
           AND (created_by IS NULL OR created_by <> ALL(CAST(:guises AS VARCHAR[])))
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

# The distribution is locked, as by a start, which counts the approvals in its next statement.
_WITHDRAW = text("""
    WITH wanted AS (
        SELECT id FROM distribution WHERE id = :distribution_id AND status IN ('PENDING', 'FAILED') FOR NO KEY UPDATE
    )
    DELETE FROM approval USING wanted WHERE approval.distribution_id = wanted.id AND approval.person = :person
""")

_SEND_BACK = text("""
    UPDATE distribution
       SET sent_back_at = :sent_back_at, sent_back_by = :sent_back_by, sent_back_by_name = :sent_back_by_name,
           sent_back_reason = :reason, updated_at = now()
     WHERE id = :distribution_id AND status = 'PENDING' AND frozen_at IS NOT NULL AND approvals_required > 0
       AND sent_back_at IS NULL
""").bindparams(bindparam("sent_back_at", type_=UtcTimestamp()))

_RESUBMIT = text("""
    UPDATE distribution
       SET sent_back_at = NULL, sent_back_by = NULL, sent_back_by_name = NULL, sent_back_reason = NULL,
           updated_at = now()
     WHERE id = :distribution_id AND status = 'PENDING' AND sent_back_at IS NOT NULL
""")

# No distribution counts for more than its total, however often it was started.
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

# An approval counts for the approved register hash only, and not when it is the creator's or a program's: as in
# masspayout_given_approvals, which counts them.
_COUNTS = (
    Approval.distribution_id == Distribution.id,
    Approval.register_hash == Distribution.register_hash,
    Approval.payment_token_id == Distribution.payment_token_id,
    Approval.payer_account_id == Distribution.payer_account_id,
    Approval.total_amount == Distribution.total_amount,
    Approval.person.is_distinct_from(Distribution.created_by),
    or_(
        Approval.actor_kind != "USER", ("COMMAND_LINE:" + Approval.actor_name).is_distinct_from(Distribution.created_by)
    ),
    Approval.actor_kind != "TOKEN",
)


def given_approvals() -> ColumnElement[int]:
    """Return the number of a distribution's valid approvals, in a query on distributions.

    The database's own function counts them, which guards the start as well. Where groups have to approve, only those
    approvals count that fill a place.
    """
    return func.masspayout_given_approvals(Distribution.id, type_=Integer)


class Approvals(Repository[Approval]):
    """The approvals of distributions."""

    entity = Approval
    noun = "approval"

    async def approve(
        self,
        distribution_id: uuid.UUID,
        *,
        register_hash: str,
        person: str,
        guises: Sequence[str],
        approved_at: datetime,
        **who: Any,
    ) -> bool:
        """Write an approval.

        False when the distribution has another register hash, or the person may not approve it.

        Args:
            distribution_id: The distribution.
            register_hash: The hash that the person saw.
            person: The key of the person, who approves at most once.
            guises: The keys that the person may have as a creator: nobody approves what they created.
            approved_at: The present.
            who: Further columns about the person.
        """
        parameters = {"id": uuid7(), "distribution_id": distribution_id, "register_hash": register_hash, **who}
        own = {"person": person, "guises": list(guises), "approved_at": approved_at}
        return await self._changed(_APPROVE, parameters | own) == 1

    async def withdraw(self, distribution_id: uuid.UUID, person: str) -> bool:
        """Delete a person's approval. False when there is none, or the distribution has started."""
        return await self._changed(_WITHDRAW, {"distribution_id": distribution_id, "person": person}) == 1

    async def send_back(
        self,
        distribution_id: uuid.UUID,
        *,
        sent_back_by: str,
        sent_back_by_name: str,
        sent_back_at: datetime,
        reason: str,
    ) -> bool:
        """Mark a frozen distribution that needs approvals, and has not started, as sent back. False otherwise."""
        parameters: dict[str, Any] = {"distribution_id": distribution_id, "sent_back_at": sent_back_at}
        parameters |= {"sent_back_by": sent_back_by, "sent_back_by_name": sent_back_by_name, "reason": reason}
        return await self._changed(_SEND_BACK, parameters) == 1

    async def resubmit(self, distribution_id: uuid.UUID) -> bool:
        """Clear the mark of a distribution that was sent back. False when it was not, or is not pending any more."""
        return await self._changed(_RESUBMIT, {"distribution_id": distribution_id}) == 1

    async def void(self, distribution_id: uuid.UUID) -> int:
        """Delete all approvals of a distribution, for versions that do not know of the mark. Return their number."""
        return await self._changed(delete(Approval).where(Approval.distribution_id == distribution_id))

    async def find_of_distribution(self, distribution_id: uuid.UUID) -> Sequence[Approval]:
        """Return the valid approvals, in the order in which they were given."""
        query = (
            select(Approval)
            .join(Distribution, Distribution.id == Approval.distribution_id)
            .where(Approval.distribution_id == distribution_id, *_COUNTS)
            .order_by(Approval.approved_at, Approval.id)
        )
        return (await self.session.scalars(query)).all()

    async def counts(self, distribution_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, ApprovalCount]:
        """Return the numbers of given and required approvals, by distribution."""
        query = select(Distribution.id, given_approvals(), Distribution.approvals_required).where(
            Distribution.id.in_(distribution_ids)
        )
        return {key: ApprovalCount(given, required) for key, given, required in await self.session.execute(query)}

    async def require(
        self, distribution_id: uuid.UUID, places: Mapping[str, int], policy_number: int | None
    ) -> ApprovalCount:
        """Raise the required approvals of a distribution to at least these. Return the required and the given ones.

        Args:
            distribution_id: The distribution.
            places: The number of approvals by group; those of ``ANYBODY`` may come from anybody.
            policy_number: The newest version of the policy that asks for them.
        """
        columns = (Distribution.approvals_required, Distribution.approval_groups)
        query = select(*columns).where(Distribution.id == distribution_id).with_for_update(key_share=True)
        before = (await self.session.execute(query)).one()
        stricter = stricter_places(places_of(before.approvals_required, before.approval_groups), places)
        groups = {group: count for group, count in stricter.items() if group != ANYBODY}
        statement = (
            update(Distribution)
            .where(Distribution.id == distribution_id)
            .values(
                approvals_required=sum(stricter.values()), approval_groups=groups or None, policy_number=policy_number
            )
            .execution_options(synchronize_session=False)
        )
        await self.session.execute(statement)
        return (await self.counts([distribution_id]))[distribution_id]


class PayoutStarts:
    """The started amounts, which the daily limit is about."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def add(self, distribution_id: uuid.UUID, token_id: str, amount: Decimal, now: datetime) -> None:
        """Write an amount that was started."""
        start = PayoutStart(distribution_id=distribution_id, payment_token_id=token_id, amount=amount, started_at=now)
        self.session.add(start)
        await self.session.flush()

    async def lock_and_sum(
        self, token_id: str, since: datetime, *, with_distribution: uuid.UUID, amount: Decimal
    ) -> Decimal:
        """Return the sum of the amounts started in a token since a time, with that of a distribution that starts now.

        Until the transaction ends, nobody else gets an answer for this token.
        """
        key = func.hashtextextended(token_id, advisory_locks.DAILY_LIMIT_SEED)
        await self.session.execute(select(func.pg_advisory_xact_lock(key)))
        parameters = {"token_id": token_id, "since": since, "distribution_id": with_distribution, "amount": amount}
        return Decimal(await self.session.scalar(_BEGUN_SINCE, parameters) or 0)
