"""Queries on ``attempt`` and ``ledger_sequence``."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import String, bindparam, func, select, text, type_coerce, update

from masspayout.db.entities import Attempt, AttemptStatus, BatchPayout, BatchStatus, Entitlement
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.types import Sender, SignedTransaction

# Numbers that are times may have run ahead, by a clock that was wrong. At the ceiling they continue after the greatest
# stored number below it.
HAND_OUT = """
    INSERT INTO ledger_sequence AS s (id, account_id, last_number) {row}
    ON CONFLICT (account_id) DO UPDATE
       SET last_number = greatest(:floor, 1 + CASE
               WHEN s.last_number + 1 < coalesce(CAST(:ceiling AS BIGINT), s.last_number + 2) THEN s.last_number
               ELSE (SELECT max(number) FROM attempt WHERE sender_account_id = :account_id AND number < :ceiling) END),
           updated_at = now()
    RETURNING last_number, returned_numbers
"""

_HAND_OUT_ONE = HAND_OUT.format(row="VALUES (:sequence_id, :account_id, :floor)")

_NEXT_NUMBER = text(_HAND_OUT_ONE)

_RESERVE = text(f"""
    WITH handed_out AS ({_HAND_OUT_ONE})
    INSERT INTO attempt (id, batch_payout_id, sender_account_id, number, status, recipient_count, total_amount)
    SELECT :id, :batch_payout_id, :account_id, last_number, 'RESERVED', :recipient_count, :total_amount
      FROM handed_out
    RETURNING number, (SELECT returned_numbers FROM handed_out) AS returned_numbers
""")  # noqa: S608 - the piece is a constant

_KEEP_RETURNED = text("""
    UPDATE ledger_sequence
       SET returned_numbers = CAST(:returned_numbers AS BIGINT[]), last_number = :last_number, updated_at = now()
     WHERE account_id = :account_id
""")

_RETURN_NUMBER = text("""
    UPDATE ledger_sequence
       SET updated_at = now(),
           returned_numbers = (SELECT array_agg(number ORDER BY number)
                                 FROM unnest(returned_numbers || CAST(:number AS BIGINT)) AS number)
     WHERE account_id = :account_id
""")

# The batch shows its latest transaction, and is claimed by the worker that signed it. The bytes are sent right after
# they are stored, so SIGNED and SUBMITTED are one statement: a commit between the two would prove nothing. The batch is
# locked first, as in every change of both: else two workers that sign the same attempt could deadlock.
_STORE_SIGNED = text("""
    WITH batch AS MATERIALIZED (
        SELECT b.id FROM batch_payout AS b JOIN attempt AS a ON a.batch_payout_id = b.id
         WHERE a.id = :id FOR UPDATE OF b
    ), signed AS (
        UPDATE attempt
           SET status = 'SUBMITTED', submitted_at = now(), transaction_id = :transaction_id,
               signed_bytes = :signed_bytes, expires_at = :expires_at, updated_at = now()
          FROM batch
         WHERE attempt.id = :id AND attempt.status || '' = 'RESERVED' AND attempt.batch_payout_id = batch.id
        RETURNING attempt.batch_payout_id
    )
    UPDATE batch_payout
       SET transaction_id = :transaction_id, claimed_until = now() + make_interval(secs => :claim_seconds),
           updated_at = now()
      FROM signed
     WHERE batch_payout.id = signed.batch_payout_id
""").bindparams(bindparam("expires_at", type_=UtcTimestamp))

_CLOSE_UNSIGNED = text("""
    UPDATE attempt
       SET status = 'DEAD', number = NULL, settled_at = now(), outcome_code = :code,
           outcome_detail = 'Nothing was signed.', updated_at = now()
     WHERE id = :id AND status || '' = 'RESERVED'
""")

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
    """The attempts: stored before they are signed, and before they are sent; kept for ever."""

    entity = Attempt
    noun = "attempt"

    async def next_number(self, sender: Sender) -> int:
        """Hand out the number that a sender uses next: a returned one, or a new one. Others wait until this commits."""
        row = (await self.session.execute(_NEXT_NUMBER, handing_out(sender))).one()
        return await self._prefer_returned(sender, row.last_number, row.returned_numbers)

    async def return_number(self, account_id: str, number: int) -> None:
        """Return a number that nothing was signed with, for the sender's next transaction: numbers have no gaps."""
        await self.session.execute(_RETURN_NUMBER, {"account_id": account_id, "number": number})

    async def reserve(self, attempt: Attempt, sender: Sender) -> Attempt:
        """Write a new attempt, RESERVED, with the number that its sender uses next.

        Others who want a number of the sender wait until this commits.
        """
        parameters = {
            **handing_out(sender),
            "id": attempt.id,
            "batch_payout_id": attempt.batch_payout_id,
            "recipient_count": attempt.recipient_count,
            "total_amount": attempt.total_amount,
        }
        row = (await self.session.execute(_RESERVE, parameters)).one()
        number = await self._prefer_returned(sender, row.number, row.returned_numbers)
        if number != row.number:
            await self._move(attempt.id, {AttemptStatus.RESERVED}, number=number)
        attempt.sender_account_id, attempt.number = sender.account_id, number
        return attempt

    async def _prefer_returned(self, sender: Sender, number: int, returned: Sequence[int]) -> int:
        """Return the smallest returned number in place of a new one. Numbers that are too small by now are dropped."""
        if not returned:
            return number
        usable = [one for one in returned if one >= sender.number_floor]
        last_number = number - 1 if usable else number
        await self.session.execute(
            _KEEP_RETURNED,
            {"account_id": sender.account_id, "returned_numbers": usable[1:], "last_number": last_number},
        )
        return usable[0] if usable else number

    async def store_signed(self, attempt: Attempt, signed: SignedTransaction, *, claim_seconds: float) -> bool:
        """RESERVED → SUBMITTED, with the bytes; hold the batch for ``claim_seconds``. After the commit it may be sent.

        From then on only the ledger knows the outcome. False when somebody else has signed the attempt, or when the
        database has lost it.
        """
        parameters = {
            "id": attempt.id,
            "transaction_id": signed.transaction_id,
            "signed_bytes": signed.signed_bytes,
            "expires_at": signed.expires_at,
            "claim_seconds": claim_seconds,
        }
        return await self._changed(_STORE_SIGNED, parameters) == 1

    async def close_unsigned(self, attempt: Attempt, code: str) -> bool:
        """RESERVED → DEAD for an attempt that the ledger would fail.

        Its number is used for the sender's next attempt.

        False when somebody else was first.
        """
        if await self._changed(_CLOSE_UNSIGNED, {"id": attempt.id, "code": code}) != 1:
            return False
        await self.session.execute(_RETURN_NUMBER, {"account_id": attempt.sender_account_id, "number": attempt.number})
        return True

    async def find_open(self, batch_id: uuid.UUID) -> Attempt | None:
        """Return the attempt of a batch that could still pay, if there is one; there is never more than one."""
        query = select(Attempt).where(
            Attempt.batch_payout_id == batch_id, text("attempt.status IN ('RESERVED', 'SIGNED', 'SUBMITTED')")
        )
        return await self.session.scalar(query)

    async def has_sent(self, distribution_id: uuid.UUID) -> bool:
        """Return True if a distribution has a signed or sent transaction without a stored outcome."""
        query = (
            select(Attempt.id)
            .join(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(
                BatchPayout.distribution_id == distribution_id,
                text("batch_payout.status IN ('PENDING', 'PROCESSING')"),
                text("attempt.status IN ('SIGNED', 'SUBMITTED')"),
            )
            .limit(1)
        )
        return await self.session.scalar(query) is not None

    async def has_open(self, distribution_id: uuid.UUID) -> bool:
        """Return True if a distribution has a transaction that could still pay somebody, signed or not."""
        query = (
            select(Attempt.id)
            .join(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(
                BatchPayout.distribution_id == distribution_id,
                text("batch_payout.status = 'PROCESSING'"),
                text("attempt.status IN ('RESERVED', 'SIGNED', 'SUBMITTED')"),
            )
            .limit(1)
        )
        return await self.session.scalar(query) is not None

    async def mark_submitted(self, attempt_id: uuid.UUID) -> bool:
        """SIGNED → SUBMITTED, for an attempt of an earlier version: from now on only the ledger knows the outcome."""
        return await self._changed(_MARK_SUBMITTED, {"id": attempt_id}) == 1

    async def mark_settled(self, attempt_id: uuid.UUID, code: str) -> bool:
        """Open → SETTLED. False when somebody else was first; then nothing else may be written."""
        return await self._close(attempt_id, AttemptStatus.SETTLED, code=code)

    async def mark_dead(self, attempt_id: uuid.UUID, proof: str) -> bool:
        """Open → DEAD. False when somebody else was first."""
        return await self._close(attempt_id, AttemptStatus.DEAD, detail=proof)

    async def record_poll(self, attempt_id: uuid.UUID, detail: str) -> None:
        """Count a poll without an outcome, with the reason."""
        await self._move(
            attempt_id,
            {AttemptStatus.SIGNED, AttemptStatus.SUBMITTED},
            polls=Attempt.polls + 1,
            outcome_detail=detail,
        )

    async def note_wait(self, attempt_id: uuid.UUID, reason: str) -> None:
        """Store the reason why a reserved attempt is not signed now."""
        await self._move(attempt_id, {AttemptStatus.RESERVED}, outcome_detail=reason)

    async def find_wait(self, distribution_id: uuid.UUID) -> str | None:
        """Return the reason why the oldest open attempt of a distribution is not decided; None without any."""
        query = (
            select(Attempt.outcome_detail)
            .join(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(
                BatchPayout.distribution_id == distribution_id,
                BatchPayout.status == BatchStatus.PROCESSING,
                Attempt.status.in_([status for status in AttemptStatus if status.is_open]),
                Attempt.outcome_detail.is_not(None),
            )
            .order_by(Attempt.created_at)
            .limit(1)
        )
        return await self.session.scalar(query)

    async def note_rejection(self, attempt_id: uuid.UUID, code: str) -> None:
        """Store the code with which the ledger first refused an attempt on arrival.

        The same bytes may be sent again, and then be refused only because they have expired.
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

    async def find_holders(self, distribution_id: uuid.UUID, first: int, last: int) -> Sequence[Entitlement]:
        """Return the entitlements of the batches with these numbers."""
        query = (
            select(Entitlement)
            .where(Entitlement.distribution_id == distribution_id, Entitlement.batch_number.between(first, last))
            .order_by(Entitlement.batch_number, Entitlement.account_id)
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


def handing_out(sender: Sender) -> dict[str, Any]:
    """Return the parameters of ``HAND_OUT``."""
    return {
        "sequence_id": uuid7(),
        "account_id": sender.account_id,
        "floor": sender.number_floor,
        "ceiling": sender.number_ceiling,
    }
