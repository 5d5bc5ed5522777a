"""Queries on ``attempt`` and ``ledger_sequence``."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, text, update

from masspayout.db.entities import Attempt, AttemptStatus, BatchPayout, Holder
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7

_NEXT_NUMBER = text("""
    INSERT INTO ledger_sequence (id, account_id, last_number) VALUES (:id, :account_id, :floor)
    ON CONFLICT (account_id) DO UPDATE
       SET last_number = greatest(ledger_sequence.last_number + 1, excluded.last_number), updated_at = now()
    RETURNING last_number
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

    async def find_open(self, batch_id: uuid.UUID) -> Attempt | None:
        """Return the attempt of a batch that could still pay, if there is one; there is never more than one."""
        query = select(Attempt).where(
            Attempt.batch_payout_id == batch_id, text("attempt.status IN ('SIGNED', 'SUBMITTED')")
        )
        return await self.session.scalar(query)

    async def mark_submitted(self, attempt_id: uuid.UUID) -> bool:
        """SIGNED → SUBMITTED: from now on only the ledger knows."""
        return await self._move(
            attempt_id, {AttemptStatus.SIGNED}, status=AttemptStatus.SUBMITTED, submitted_at=func.now()
        )

    async def mark_settled(self, attempt_id: uuid.UUID, code: str) -> bool:
        """Open → SETTLED. False when somebody else was first; then nothing else may be written."""
        return await self._close(attempt_id, AttemptStatus.SETTLED, outcome_code=code)

    async def mark_dead(self, attempt_id: uuid.UUID, proof: str) -> bool:
        """Open → DEAD. False when somebody else was first."""
        return await self._close(attempt_id, AttemptStatus.DEAD, outcome_detail=proof)

    async def note_look(self, attempt_id: uuid.UUID, detail: str) -> None:
        """Count that the outcome was looked for in vain, and why."""
        await self._move(
            attempt_id,
            {AttemptStatus.SIGNED, AttemptStatus.SUBMITTED},
            looks=Attempt.looks + 1,
            outcome_detail=detail,
        )

    async def note_rejection(self, attempt_id: uuid.UUID, code: str) -> None:
        """Remember with which code the ledger refused an attempt at the door."""
        await self._move(attempt_id, {AttemptStatus.SUBMITTED}, outcome_code=code)

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

    async def _close(self, attempt_id: uuid.UUID, status: AttemptStatus, **columns: Any) -> bool:
        return await self._move(
            attempt_id,
            {AttemptStatus.SIGNED, AttemptStatus.SUBMITTED},
            status=status,
            settled_at=func.now(),
            **columns,
        )

    async def _move(self, attempt_id: uuid.UUID, from_states: set[AttemptStatus], **columns: Any) -> bool:
        statement = (
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.status.in_(from_states))
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1
