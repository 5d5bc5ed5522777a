"""Queries on ``batch_payout``, and on the holders of one batch."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text

from masspayout.db import advisory_locks
from masspayout.db.entities import BatchPayout, BatchStatus
from masspayout.db.repositories.base import Repository
from masspayout.kernel.payout_status import Progress

_MARK_PAID = text("""
    UPDATE holder SET paid = true, updated_at = now()
     WHERE distribution_id = :distribution_id AND batch_number = :batch_number AND attempt_id = :attempt_id
       AND NOT paid AND account_id <> ALL(CAST(:failed AS VARCHAR[]))
""")

_MARK_FAILED = text("""
    UPDATE holder SET attempt_id = NULL, failure_code = failure.code, updated_at = now()
      FROM unnest(CAST(:accounts AS VARCHAR[]), CAST(:codes AS VARCHAR[])) AS failure(account_id, code)
     WHERE distribution_id = :distribution_id AND batch_number = :batch_number AND attempt_id = :attempt_id
       AND NOT paid AND holder.account_id = failure.account_id
""")

# The batch is locked first, as in every settlement. A worker that finds the attempt settled changes nothing.
# `status || ''` because an index over states looks cheap to the planner when it was last analysed, and then holds an
# entry of every batch since. The key leads to the row.
_COMPLETE = text("""
    WITH batch AS (
        SELECT id, distribution_id, batch_number, total_holders
          FROM batch_payout WHERE id = :id AND status || '' = 'PROCESSING' FOR UPDATE
    ), settled AS (
        UPDATE attempt SET status = 'SETTLED', settled_at = now(), outcome_code = :code, updated_at = now()
          FROM batch
         WHERE attempt.id = :attempt_id AND attempt.status || '' IN ('SIGNED', 'SUBMITTED')
           AND attempt.recipient_count = batch.total_holders
        RETURNING attempt.id
    ), paid AS (
        UPDATE holder SET paid = true, updated_at = now()
          FROM batch, settled
         WHERE holder.distribution_id = batch.distribution_id AND holder.batch_number = batch.batch_number
           AND holder.attempt_id = settled.id AND NOT paid
        RETURNING holder.payment_amount
    )
    UPDATE batch_payout
       SET status = 'COMPLETED', successful_payments = batch.total_holders, failed_payments = 0, slices = NULL,
           paid_amount = (SELECT sum(payment_amount) FROM paid), error_message = NULL, updated_at = now()
      FROM batch, settled
     WHERE batch_payout.id = batch.id AND (SELECT count(*) FROM paid) = batch.total_holders
""")

_RELEASE = text("""
    UPDATE holder SET attempt_id = NULL, updated_at = now()
     WHERE distribution_id = :distribution_id AND batch_number = :batch_number AND attempt_id = :attempt_id AND NOT paid
""")

_TALLY = text("""
    SELECT count(*) FILTER (WHERE paid) AS paid,
           count(*) FILTER (WHERE NOT paid AND failure_code IS NOT NULL) AS failed,
           count(*) FILTER (WHERE NOT paid AND failure_code IS NULL) AS waiting,
           coalesce(sum(payment_amount) FILTER (WHERE paid), 0) AS paid_amount,
           coalesce(array_agg(DISTINCT failure_code) FILTER (WHERE failure_code IS NOT NULL), '{}') AS codes
      FROM holder
     WHERE distribution_id = :distribution_id AND batch_number = :batch_number
""")

_WRITE_TALLY = text("""
    UPDATE batch_payout
       SET status = :status, successful_payments = :paid, failed_payments = :failed, paid_amount = :paid_amount,
           slices = CAST(:slices AS INT[]), error_message = :error_message, transient_failures = 0,
           updated_at = now()
     WHERE id = :id AND status || '' = 'PROCESSING'
""")

# Between half of the pause and all of it: batches that failed together do not come back together.
_HOLD_AFTER_FAILURE = text("""
    UPDATE batch_payout
       SET transient_failures = CAST(:failures AS INT), updated_at = now(),
           claimed_until = now() + make_interval(
               secs => least(:shortest_seconds * power(2, CAST(:failures AS INT) - 1), :longest_seconds)
                       * (1 + random()) / 2)
     WHERE id = :id
""")

_REOPEN = text("""
    WITH reopened AS (
        UPDATE batch_payout
           SET status = 'PENDING', failed_payments = 0, slices = NULL, claimed_until = NULL, error_message = NULL,
               updated_at = now()
         WHERE distribution_id = :distribution_id AND status = 'FAILED'
        RETURNING batch_number
    )
    UPDATE holder SET failure_code = NULL, updated_at = now()
      FROM reopened
     WHERE holder.distribution_id = :distribution_id AND holder.batch_number = reopened.batch_number
       AND NOT holder.paid AND holder.failure_code IS NOT NULL
""")

# Only selected holders who are unpaid for a reason: one who is in an attempt, or waits for one, is left alone.
_REOPEN_SOME = text("""
    WITH chosen AS (
        UPDATE holder SET failure_code = NULL, updated_at = now()
          FROM batch_payout AS b
         WHERE holder.distribution_id = :distribution_id AND holder.failure_code IS NOT NULL
           AND holder.failure_code = coalesce(CAST(:failure_code AS VARCHAR), holder.failure_code)
           AND (CAST(:accounts AS VARCHAR[]) IS NULL OR holder.account_id = ANY(CAST(:accounts AS VARCHAR[])))
           AND NOT holder.paid AND holder.attempt_id IS NULL
           AND b.distribution_id = :distribution_id AND b.batch_number = holder.batch_number AND b.status = 'FAILED'
        RETURNING holder.batch_number
    ), counted AS (
        SELECT batch_number, count(*) AS holders FROM chosen GROUP BY batch_number
    ), reopened AS (
        UPDATE batch_payout AS b
           SET status = 'PENDING', failed_payments = b.failed_payments - counted.holders, slices = NULL,
               claimed_until = NULL, error_message = NULL, updated_at = now()
          FROM counted
         WHERE b.distribution_id = :distribution_id AND b.batch_number = counted.batch_number AND b.status = 'FAILED'
        RETURNING counted.holders
    )
    SELECT coalesce(sum(holders), 0) FROM reopened
""")

_PROGRESS = text("""
    SELECT count(*) AS batch_count,
           count(*) FILTER (WHERE status IN ('COMPLETED', 'FAILED')) AS done_batch_count,
           coalesce(sum(total_holders), 0) AS holder_count,
           coalesce(sum(successful_payments), 0) AS paid_count,
           coalesce(sum(failed_payments), 0) AS failed_count,
           coalesce(sum(total_amount), 0) AS total_amount,
           coalesce(sum(paid_amount), 0) AS paid_amount
      FROM batch_payout
     WHERE distribution_id = :distribution_id
""")


# Started batches are left out: the ledger may have paid them already.
_PROMISED = text("""
    SELECT sum(b.total_amount - b.paid_amount)
      FROM batch_payout AS b JOIN distribution AS d ON d.id = b.distribution_id
     WHERE b.status = 'PENDING' AND d.status = 'PROCESSING' AND d.failure_code IS NULL
       AND d.payer_account_id = :payer_account_id AND d.payment_token_id = :token_id
""")


@dataclass(frozen=True, slots=True)
class Tally:
    """The holders of one batch, counted by state."""

    paid: int
    failed: int
    waiting: int
    paid_amount: Decimal
    codes: Sequence[str]


class BatchPayouts(Repository[BatchPayout]):
    """The batches of distributions."""

    entity = BatchPayout
    noun = "batch"

    async def seconds_until_claimable(self, distribution_id: uuid.UUID) -> float | None:
        """Return the seconds until an open batch can be claimed; None when no batch is open."""
        wait = func.min(func.coalesce(BatchPayout.claimed_until, func.now())) - func.now()
        query = select(func.extract("epoch", wait)).where(
            BatchPayout.distribution_id == distribution_id, text("status IN ('PENDING', 'PROCESSING')")
        )
        seconds = await self.session.scalar(query)
        return None if seconds is None else max(0.0, float(seconds))

    async def lock(self, batch_id: uuid.UUID) -> BatchPayout:
        """Lock and read one batch, so that the next decision is made on its present state.

        Raises:
            DatabaseForgot: The batch is gone.
        """
        return await self._lock_by_id(batch_id)

    async def hold_after_failure(
        self, batch_id: uuid.UUID, *, failures: int, shortest_seconds: float, longest_seconds: float
    ) -> None:
        """Write the number of failures in a row of a locked batch that no holder caused, and put it off for a while.

        The pause doubles with each failure, up to the longest, and is shortened at random by up to a half.
        """
        parameters = {
            "id": batch_id,
            "failures": failures,
            "shortest_seconds": shortest_seconds,
            "longest_seconds": longest_seconds,
        }
        await self.session.execute(_HOLD_AFTER_FAILURE, parameters)

    async def mark_paid(self, batch: BatchPayout, attempt_id: uuid.UUID, failed: Sequence[str]) -> int:
        """Mark the holders of an attempt paid, but for the failed ones. Return the number of paid ones."""
        return await self._changed(_MARK_PAID, {**self._key(batch), "attempt_id": attempt_id, "failed": list(failed)})

    async def mark_failed(self, batch: BatchPayout, attempt_id: uuid.UUID, failures: dict[str, str]) -> int:
        """Write the failures of an attempt's holders, who leave the attempt. Return their number."""
        return await self._changed(
            _MARK_FAILED,
            {
                **self._key(batch),
                "attempt_id": attempt_id,
                "accounts": list(failures),
                "codes": list(failures.values()),
            },
        )

    async def release(self, batch: BatchPayout, attempt_id: uuid.UUID) -> int:
        """Release the unpaid holders of an attempt that did not pay them, for another attempt."""
        return await self._changed(_RELEASE, {**self._key(batch), "attempt_id": attempt_id})

    async def tally(self, batch: BatchPayout) -> Tally:
        """Count the holders of a batch by state."""
        row = (await self.session.execute(_TALLY, self._key(batch))).one()
        return Tally(**row._asdict())

    async def complete(self, batch_id: uuid.UUID, attempt_id: uuid.UUID, code: str) -> bool:
        """Settle an attempt that paid everybody of a batch, and close the batch: the usual case in one statement.

        False when the attempt was for a part of the batch, or somebody else was first; then nothing is written.
        """
        return await self._changed(_COMPLETE, {"id": batch_id, "attempt_id": attempt_id, "code": code}) == 1

    async def write_tally(
        self,
        batch: BatchPayout,
        tally: Tally,
        *,
        status: BatchStatus,
        slices: list[int] | None,
        error_message: str | None,
    ) -> None:
        """Write the counts of an open batch's holders. COMPLETED or FAILED closes the batch."""
        await self.session.execute(
            _WRITE_TALLY,
            {
                "id": batch.id,
                "status": status,
                "paid": tally.paid,
                "failed": tally.failed,
                "paid_amount": tally.paid_amount,
                "slices": slices,
                "error_message": error_message,
            },
        )

    async def reopen_failed(self, distribution_id: uuid.UUID) -> None:
        """FAILED → PENDING for all batches; the reasons of their unpaid holders are cleared."""
        await self.session.execute(_REOPEN, {"distribution_id": distribution_id})

    async def reopen_some(
        self, distribution_id: uuid.UUID, accounts: Sequence[str] | None, failure_code: str | None
    ) -> int:
        """Reopen failed batches for their unpaid holders with these accounts, or this failure code, and no others.

        The other holders of these batches keep their reason, and so stay out of every attempt. Return the number of
        selected holders.
        """
        parameters = {
            "distribution_id": distribution_id,
            "accounts": None if accounts is None else list(accounts),
            "failure_code": failure_code,
        }
        return int(await self.session.scalar(_REOPEN_SOME, parameters) or 0)

    async def progress(self, distribution_id: uuid.UUID) -> Progress:
        """Return the progress of a distribution."""
        row = (await self.session.execute(_PROGRESS, {"distribution_id": distribution_id})).one()
        return Progress(**row._asdict())

    async def promised_amount(self, payer_account_id: str, token_id: str) -> Decimal:
        """Return the amount that a payer still needs in a token for the batches under way that have not started.

        Until the transaction ends, nobody else gets an answer for this payer and token.
        """
        key = func.hashtextextended(f"{payer_account_id} {token_id}", advisory_locks.PROMISED_FUNDS_SEED)
        await self.session.execute(select(func.pg_advisory_xact_lock(key)))
        parameters = {"payer_account_id": payer_account_id, "token_id": token_id}
        return Decimal(await self.session.scalar(_PROMISED, parameters) or 0)

    async def find_of_distribution(
        self, distribution_id: uuid.UUID, *, after: int = 0, limit: int = 1000
    ) -> Sequence[BatchPayout]:
        """Return the batches that follow a number."""
        query = (
            select(BatchPayout)
            .where(BatchPayout.distribution_id == distribution_id, BatchPayout.batch_number > after)
            .order_by(BatchPayout.batch_number)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    @staticmethod
    def _key(batch: BatchPayout) -> dict[str, Any]:
        return {"distribution_id": batch.distribution_id, "batch_number": batch.batch_number}
