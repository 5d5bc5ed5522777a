"""Queries on ``attempt`` and ``ledger_sequence``."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import String, bindparam, func, select, text, type_coerce, update

from masspayout.db.entities import Attempt, AttemptStatus, BatchPayout, Holder
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7

_NEXT_NUMBER = text("""
    INSERT INTO ledger_sequence (id, account_id, last_number) VALUES (:id, :account_id, :floor)
    ON CONFLICT (account_id) DO UPDATE
       SET last_number = greatest(ledger_sequence.last_number + 1, excluded.last_number), updated_at = now()
    RETURNING last_number
""")

_GIVE_BACK = text(
    "UPDATE ledger_sequence SET last_number = :number - 1, updated_at = now() WHERE account_id = :account_id"
)

# The batch shows its latest transaction, and is held by whoever signed it.
_STORE_SIGNED = text("""
    WITH held AS (
        UPDATE batch_payout
           SET transaction_id = :transaction_id, claimed_until = now() + make_interval(secs => :claim_seconds),
               updated_at = now()
         WHERE id = :batch_payout_id
    )
    INSERT INTO attempt (id, batch_payout_id, transaction_id, signed_bytes, expires_at, status, recipient_count,
                         total_amount)
    VALUES (:id, :batch_payout_id, :transaction_id, :signed_bytes, :expires_at, 'SIGNED', :recipient_count,
            :total_amount)
""").bindparams(bindparam("expires_at", type_=UtcTimestamp))

# `status || ''` because an index over states looks cheap to the planner when it was last analysed, and then holds an
# entry of every batch since. The key leads to the row.
_MARK_SUBMITTED = text("""
    UPDATE attempt SET status = 'SUBMITTED', submitted_at = now(), updated_at = now()
     WHERE id = :id AND status || '' = 'SIGNED'
""")

_CLOSE = text("""
    UPDATE attempt
       SET status = :status, settled_at = now(), outcome_code = coalesce(:code, outcome_code),
           outcome_detail = coalesce(:detail, outcome_detail), updated_at = now()
     WHERE id = :id AND status || '' IN ('SIGNED', 'SUBMITTED')
""")


class Attempts(Repository[Attempt]):
    """The signed transactions: stored before they are sent, kept for ever."""

    entity = Attempt
    noun = "attempt"

    async def next_number(self, account_id: str, floor: int) -> int:
        """Hand out a number that this payer never had, larger than all it had. Others wait until this commits."""
        parameters = {"id": uuid7(), "account_id": account_id, "floor": floor}
        number: int = (await self.session.scalars(_NEXT_NUMBER, parameters)).one()
        return number

    async def give_back_number(self, account_id: str, number: int) -> None:
        """Take back, within the same transaction, a number that nothing was signed with: numbers have no gaps."""
        await self.session.execute(_GIVE_BACK, {"account_id": account_id, "number": number})

    async def store_signed(self, attempt: Attempt, *, claim_seconds: float) -> None:
        """Write a new attempt, and hold its batch for ``claim_seconds``. Only after a commit may it be sent."""
        await self.session.execute(
            _STORE_SIGNED,
            {
                "id": attempt.id,
                "batch_payout_id": attempt.batch_payout_id,
                "transaction_id": attempt.transaction_id,
                "signed_bytes": attempt.signed_bytes,
                "expires_at": attempt.expires_at,
                "recipient_count": attempt.recipient_count,
                "total_amount": attempt.total_amount,
                "claim_seconds": claim_seconds,
            },
        )

    async def find_open(self, batch_id: uuid.UUID) -> Attempt | None:
        """Return the attempt of a batch that could still pay, if there is one; there is never more than one."""
        query = select(Attempt).where(
            Attempt.batch_payout_id == batch_id, text("attempt.status IN ('SIGNED', 'SUBMITTED')")
        )
        return await self.session.scalar(query)

    async def mark_submitted(self, attempt_id: uuid.UUID) -> bool:
        """SIGNED → SUBMITTED: from now on only the ledger knows."""
        return await self._changed(_MARK_SUBMITTED, {"id": attempt_id}) == 1

    async def mark_settled(self, attempt_id: uuid.UUID, code: str) -> bool:
        """Open → SETTLED. False when somebody else was first; then nothing else may be written."""
        return await self._close(attempt_id, AttemptStatus.SETTLED, code=code)

    async def mark_dead(self, attempt_id: uuid.UUID, proof: str) -> bool:
        """Open → DEAD. False when somebody else was first."""
        return await self._close(attempt_id, AttemptStatus.DEAD, detail=proof)

    async def note_look(self, attempt_id: uuid.UUID, detail: str) -> None:
        """Count that the outcome was looked for in vain, and why."""
        await self._move(
            attempt_id,
            {AttemptStatus.SIGNED, AttemptStatus.SUBMITTED},
            looks=Attempt.looks + 1,
            outcome_detail=detail,
        )

    async def note_rejection(self, attempt_id: uuid.UUID, code: str) -> None:
        """Remember with which code the ledger first refused an attempt at the door.

        The same bytes may be sent again, and then be refused for no better reason than that it is too late by now.
        """
        first_code = func.coalesce(Attempt.outcome_code, code)
        await self._move(attempt_id, {AttemptStatus.SUBMITTED}, outcome_code=first_code)

    async def find_of_batches(self, distribution_id: uuid.UUID, first: int, last: int) -> Sequence[Attempt]:
        """Return every attempt of the batches with these numbers."""
        query = (
            select(Attempt)
            .join(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(BatchPayout.distribution_id == distribution_id, BatchPayout.batch_number.between(first, last))
            .order_by(BatchPayout.batch_number, Attempt.id)
        )
        return (await self.session.scalars(query)).all()

    async def find_holders(self, distribution_id: uuid.UUID, first: int, last: int) -> Sequence[Holder]:
        """Return the entitlements of the batches with these numbers."""
        query = (
            select(Holder)
            .where(Holder.distribution_id == distribution_id, Holder.batch_number.between(first, last))
            .order_by(Holder.batch_number, Holder.account_id)
        )
        return (await self.session.scalars(query)).all()

    async def _close(
        self, attempt_id: uuid.UUID, status: AttemptStatus, *, code: str | None = None, detail: str | None = None
    ) -> bool:
        parameters = {"id": attempt_id, "status": status, "code": code, "detail": detail}
        return await self._changed(_CLOSE, parameters) == 1

    async def _move(self, attempt_id: uuid.UUID, from_states: set[AttemptStatus], **columns: Any) -> bool:
        statement = (
            update(Attempt)
            .where(Attempt.id == attempt_id, (type_coerce(Attempt.status, String) + "").in_(from_states))
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1
