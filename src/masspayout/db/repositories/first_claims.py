"""The statement that begins a batch: claimed, its holders attached and their attempt reserved, in one exchange."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Attempt, AttemptStatus
from masspayout.db.repositories.attempts import HAND_OUT, handing_out
from masspayout.db.repositories.claims import CLAIMABLE, GATE, WAITING
from masspayout.kernel.types import Sender

# What has begun once never counts as untouched again, so no other worker's attempt is overlooked. The batch comes
# first, as in every change of both. `status || ''` because an index over states looks cheap to the planner when it was
# last analysed.
_BEGIN = text(f"""
    {GATE}, next AS MATERIALIZED (
        SELECT id FROM batch_payout WHERE {CLAIMABLE} AND (SELECT is_open AND NOT is_paused FROM gate)
         ORDER BY batch_number LIMIT 1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE batch_payout AS b
           SET status = 'PROCESSING', executed_at = now(), updated_at = now(),
               claimed_until = now() + make_interval(secs => :claim_seconds)
          FROM next
         WHERE b.id = next.id AND b.status || '' = 'PENDING' AND b.executed_at IS NULL
           AND EXISTS (SELECT FROM holder WHERE {WAITING} AND batch_number = b.batch_number)
        RETURNING b.id, b.batch_number
    ), attached AS (
        UPDATE holder SET attempt_id = :attempt_id, updated_at = now()
          FROM claimed
         WHERE {WAITING} AND holder.batch_number = claimed.batch_number
        RETURNING account_id, payment_amount
    ), owed AS (
        SELECT count(*) AS recipient_count, sum(payment_amount) AS total_amount FROM attached HAVING count(*) > 0
    ), handed_out AS (
        {HAND_OUT.format(row="SELECT :sequence_id, :account_id, :floor FROM owed")}
    ), reserved AS (
        INSERT INTO attempt (id, batch_payout_id, sender_account_id, number, status, recipient_count, total_amount)
        SELECT :attempt_id, claimed.id, :account_id, last_number, 'RESERVED', recipient_count, total_amount
          FROM claimed, owed, handed_out
        RETURNING number
    )
    SELECT claimed.id, batch_number, number, recipient_count, total_amount, account_id, payment_amount
      FROM claimed, reserved, owed, attached
""")  # noqa: S608 - the pieces are constants


@dataclass(frozen=True, slots=True)
class BegunBatch:
    """A batch that was just begun, with its first attempt and the amounts in whole payment tokens."""

    batch_id: uuid.UUID
    batch_number: int
    attempt: Attempt
    holders: Mapping[str, Decimal]


class FirstClaims:
    """Batches that nobody has begun, and which begin."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def begin(
        self,
        distribution_id: uuid.UUID,
        attempt_id: uuid.UUID,
        payer_id: uuid.UUID,
        sender: Sender,
        *,
        after: int,
        claim_seconds: float,
    ) -> BegunBatch | None:
        """Claim the next batch, attach all its holders to a new attempt, and reserve that with the next number.

        None when the next batch has been begun before, when there is none, when the gate of the payer is closed, and
        while a pause lasts. A pause that begins meanwhile waits until this commits.

        Args:
            distribution_id: A frozen one.
            attempt_id: The id of the attempt.
            payer_id: The payer of the distribution.
            sender: One whose numbers are times. Numbers that others returned would be passed over.
            after: Batches up to this number are passed over.
            claim_seconds: The lease.
        """
        parameters = {
            **handing_out(sender),
            "distribution_id": distribution_id,
            "after": after,
            "claim_seconds": claim_seconds,
            "payer_id": payer_id,
            "attempt_id": attempt_id,
        }
        rows = (await self.session.execute(_BEGIN, parameters)).all()
        if not rows:
            return None
        first = rows[0]
        attempt = Attempt(
            id=attempt_id,
            status=AttemptStatus.RESERVED,
            polls=0,
            batch_payout_id=first.id,
            sender_account_id=sender.account_id,
            number=first.number,
            recipient_count=first.recipient_count,
            total_amount=first.total_amount,
        )
        return BegunBatch(first.id, first.batch_number, attempt, {row.account_id: row.payment_amount for row in rows})
