"""The questions of the store port about batches, and the holders of one, answered from dictionaries."""

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from masspayout.db.entities import AttemptStatus, BatchPayout, BatchStatus, DistributionStatus
from masspayout.db.repositories.batch_payouts import Tally
from masspayout.kernel.errors import DatabaseForgot
from simulator.store.attempts import SENT, always, holders_of
from simulator.store.rows import Row, Transaction


class BatchPayouts:
    """Batches, and the holders of one batch."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def lock(self, batch_id: uuid.UUID) -> BatchPayout:
        await self._t.lock("batch_payout", batch_id)
        row = self._t.find("batch_payout", batch_id)
        if row is None:
            raise DatabaseForgot(f"The database does not know batch {batch_id} any more.")
        return cast("BatchPayout", row)

    async def seconds_until_claimable(self, distribution_id: uuid.UUID) -> float | None:
        t = self._t
        free = [
            row.claimed_until or t.now for row in t.find_by("batch_payout:of", distribution_id) if row.status.is_open
        ]
        return max(0.0, (min(free) - t.now).total_seconds()) if free else None

    async def complete(self, batch_id: uuid.UUID, attempt_id: uuid.UUID, code: str) -> bool:
        t = self._t
        await t.lock("batch_payout", batch_id)
        batch = t.find("batch_payout", batch_id)
        if batch is None or batch.status is not BatchStatus.PROCESSING:
            return False
        settled = await t.change(
            "attempt",
            attempt_id,
            lambda row: row.status in SENT and row.recipient_count == batch.total_holders,
            status=AttemptStatus.SETTLED,
            settled_at=t.now,
            outcome_code=code,
        )
        if settled is None:
            return False
        paid_amount, count = Decimal(0), 0
        for row in holders_of(t, batch):
            if await t.change("holder", row.key, _is_unpaid_in(attempt_id), paid=True):
                paid_amount, count = paid_amount + row.payment_amount, count + 1
        if count != batch.total_holders:
            return False
        changed = {"status": BatchStatus.COMPLETED, "successful_payments": count, "failed_payments": 0, "slices": None}
        changed |= {"paid_amount": paid_amount, "error_message": None}
        return await t.change("batch_payout", batch_id, always, **changed) is not None

    async def mark_paid(self, batch: BatchPayout, attempt_id: uuid.UUID, failed: Sequence[str]) -> int:
        rows = [row for row in holders_of(self._t, batch) if row.account_id not in failed]
        return await self._change_all(rows, _is_unpaid_in(attempt_id), paid=True)

    async def mark_failed(self, batch: BatchPayout, attempt_id: uuid.UUID, failures: dict[str, str]) -> int:
        count = 0
        for row in holders_of(self._t, batch):
            if row.account_id in failures:
                changed = {"attempt_id": None, "failure_code": failures[row.account_id]}
                count += await self._change_all([row], _is_unpaid_in(attempt_id), **changed)
        return count

    async def release(self, batch: BatchPayout, attempt_id: uuid.UUID) -> int:
        return await self._change_all(holders_of(self._t, batch), _is_unpaid_in(attempt_id), attempt_id=None)

    async def tally(self, batch: BatchPayout) -> Tally:
        rows = holders_of(self._t, batch)
        return Tally(
            paid=sum(row.paid for row in rows),
            failed=sum(not row.paid and row.failure_code is not None for row in rows),
            waiting=sum(not row.paid and row.failure_code is None for row in rows),
            paid_amount=sum((row.payment_amount for row in rows if row.paid), Decimal(0)),
            codes=sorted({row.failure_code for row in rows if row.failure_code is not None}),
        )

    async def write_tally(
        self,
        batch: BatchPayout,
        tally: Tally,
        *,
        status: BatchStatus,
        slices: list[int] | None,
        error_message: str | None,
    ) -> None:
        await self._t.change(
            "batch_payout",
            batch.id,
            lambda row: row.status is BatchStatus.PROCESSING,
            status=status,
            successful_payments=tally.paid,
            failed_payments=tally.failed,
            paid_amount=tally.paid_amount,
            slices=slices,
            error_message=error_message,
            transient_failures=0,
        )

    async def hold_after_failure(
        self, batch_id: uuid.UUID, *, failures: int, shortest_seconds: float, longest_seconds: float
    ) -> None:
        pause = min(shortest_seconds * 2 ** (failures - 1), longest_seconds)
        until = self._t.now + timedelta(seconds=pause)
        await self._t.change("batch_payout", batch_id, always, transient_failures=failures, claimed_until=until)

    async def promised_amount(self, payer_account_id: str, token_id: str) -> Decimal:
        t = self._t
        await t.lock("funds", (payer_account_id, token_id))
        promised = Decimal(0)
        for distribution in t.all("distribution"):
            if (
                distribution.status is DistributionStatus.PROCESSING
                and distribution.failure_code is None
                and distribution.payer_account_id == payer_account_id
                and distribution.payment_token_id == token_id
            ):
                for batch in t.find_by("batch_payout:of", distribution.id):
                    if batch.status is BatchStatus.PENDING:
                        promised += batch.total_amount - batch.paid_amount
        return promised

    async def reopen_failed(self, distribution_id: uuid.UUID) -> None:
        await self._reopen(distribution_id, lambda _: True)

    async def reopen_some(
        self, distribution_id: uuid.UUID, accounts: Sequence[str] | None, failure_code: str | None
    ) -> int:
        def is_chosen(row: Row) -> bool:
            return (accounts is None or row.account_id in accounts) and failure_code in (None, row.failure_code)

        return await self._reopen(distribution_id, is_chosen, only_with_chosen=True)

    async def _reopen(
        self, distribution_id: uuid.UUID, is_chosen: Callable[[Row], bool], *, only_with_chosen: bool = False
    ) -> int:
        t, count = self._t, 0

        def is_unpaid(row: Row) -> bool:
            return not row.paid and row.failure_code is not None and row.attempt_id is None and is_chosen(row)

        for batch in t.find_by("batch_payout:of", distribution_id):
            chosen = [row for row in holders_of(t, batch) if is_unpaid(row)]
            if batch.status is not BatchStatus.FAILED or (only_with_chosen and not chosen):
                continue
            reopened: dict[str, Any] = {
                "status": BatchStatus.PENDING,
                "slices": None,
                "claimed_until": None,
                "error_message": None,
            }
            reopened["failed_payments"] = (batch.failed_payments or 0) - len(chosen) if only_with_chosen else 0
            if await t.change("batch_payout", batch.id, lambda row: row.status is BatchStatus.FAILED, **reopened):
                count += await self._change_all(chosen, is_unpaid, failure_code=None)
        return count

    async def _change_all(self, rows: Sequence[Row], condition: Callable[[Row], bool], **columns: Any) -> int:
        count = 0
        for row in rows:
            count += await self._t.change("holder", row.key, condition, **columns) is not None
        return count


def _is_unpaid_in(attempt_id: uuid.UUID) -> Callable[[Row], bool]:
    return lambda row: row.attempt_id == attempt_id and not row.paid
