"""The questions of the store port about adoption, answered from dictionaries."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, cast

from masspayout.db.entities import AttemptStatus, BatchPayout, BatchStatus, Distribution, DistributionStatus, PayerEntry
from masspayout.db.repositories import AttachedRow
from simulator.store.attempts import AttemptRow, put_attempt
from simulator.store.payers import note_attempt
from simulator.store.rows import Row, Transaction, number_id


class Adoptions:
    """What an entry of a statement may have paid."""

    def __init__(self, transaction: Transaction, ids: "count[int]") -> None:
        self._t = transaction
        self._ids = ids

    async def find_marked(
        self, payer: str, token_id: str, obligation: str | None, distribution_id: uuid.UUID | None
    ) -> Sequence[Distribution]:
        frozen = self._frozen(payer, token_id)
        if distribution_id is not None:
            return cast("list[Distribution]", [row for row in frozen if row.id == distribution_id])
        return cast("list[Distribution]", [row for row in frozen if row.obligation_key == obligation])

    async def find_by_ledger_key(
        self, payer: str, token_id: str, ledger_key: str, account: str
    ) -> Sequence[tuple[Distribution, int]]:
        frozen = [row for row in self._frozen(payer, token_id) if row.ledger_key == ledger_key]
        return [
            (cast("Distribution", row), holder.batch_number)
            for row in frozen
            if (holder := self._t.find("holder", (row.id, account))) is not None
        ]

    async def find_owing(
        self, payer: str, token_id: str, account: str, amount_units: int
    ) -> Sequence[tuple[Distribution, int]]:
        found = []
        for row in self._frozen(payer, token_id):
            holder = self._t.find("holder", (row.id, account))
            units = None if holder is None else holder.payment_amount.scaleb(row.payment_token_decimals)
            if holder is not None and units == amount_units and not holder.paid and row.contract_terms is None:
                found.append((cast("Distribution", row), int(holder.batch_number)))
        return found

    async def lock_batch(self, distribution_id: uuid.UUID, batch_number: int) -> BatchPayout | None:
        for row in self._t.find_by("batch_payout:of", distribution_id):
            if row.batch_number == batch_number:
                await self._t.lock("batch_payout", row.id)
                return cast("BatchPayout", self._t.get("batch_payout", row.id))
        return None

    async def rows(
        self, distribution_id: uuid.UUID, batch_number: int, accounts: Sequence[str]
    ) -> Mapping[str, AttachedRow]:
        t = self._t
        found = {}
        for row in t.find_by("holder:batch", (distribution_id, batch_number)):
            if row.account_id not in accounts:
                continue
            attempt = None if row.attempt_id is None else t.find("attempt", row.attempt_id)
            is_shown = row.paid and any(
                entry.attempt_id == row.attempt_id and row.account_id in entry.accounts
                for entry in t.find_by("payer_entry:attempt", row.attempt_id)
            )
            status = None if attempt is None else attempt.status
            found[row.account_id] = AttachedRow(row.payment_amount, row.paid, row.attempt_id, status, is_shown)
        return found

    async def adopt(self, entry: PayerEntry, batch: BatchPayout, total_amount: Decimal) -> None:
        t = self._t
        attempt = AttemptRow(
            id=number_id(next(self._ids)),
            batch_payout_id=batch.id,
            sender_account_id=None,
            number=None,
            transaction_id=entry.transaction_id,
            signed_bytes=None,
            expires_at=None,
            status=AttemptStatus.SETTLED,
            recipient_count=len(entry.accounts),
            total_amount=total_amount,
            polls=0,
            outcome_code="SUCCESS",
            outcome_detail="Found on the ledger; the database had lost it.",
            submitted_at=entry.occurred_at,
            settled_at=t.now,
        )
        put_attempt(t, attempt)
        await t.change("payer_entry", entry.id, lambda _: True, attempt_id=attempt.id)
        note_attempt(t, entry.id, attempt.id)
        for row in t.find_by("holder:batch", (batch.distribution_id, batch.batch_number)):
            if row.account_id in entry.accounts:
                changed: dict[str, Any] = {"paid": True, "attempt_id": attempt.id, "failure_code": None}
                await t.change("holder", row.key, lambda _: True, **changed)
        await self._recount(batch, entry.transaction_id)
        await self._complete_failed(batch.distribution_id)

    async def _recount(self, batch: BatchPayout, transaction_id: str) -> None:
        t = self._t
        rows = t.find_by("holder:batch", (batch.distribution_id, batch.batch_number))
        paid = [row for row in rows if row.paid]
        failed = sum(not row.paid and row.failure_code is not None for row in rows)
        waiting = len(rows) - len(paid) - failed
        before = t.get("batch_payout", batch.id)
        status = BatchStatus.PROCESSING
        if not waiting + failed:
            status = BatchStatus.COMPLETED
        elif not waiting or before.status is BatchStatus.FAILED:
            status = BatchStatus.FAILED
        counted = before.changed(
            successful_payments=len(paid),
            failed_payments=failed,
            paid_amount=sum((row.payment_amount for row in paid), Decimal(0)),
            slices=None,
            transaction_id=transaction_id,
            claimed_until=None,
            executed_at=before.executed_at or t.now,
            status=status,
            error_message=before.error_message if waiting + failed else None,
            updated_at=t.now,
        )
        t.put("batch_payout", batch.id, counted)

    async def _complete_failed(self, distribution_id: uuid.UUID) -> None:
        t = self._t
        batches = t.find_by("batch_payout:of", distribution_id)
        completed = sum(row.status is BatchStatus.COMPLETED for row in batches)
        await t.change(
            "distribution",
            distribution_id,
            lambda row: row.status is DistributionStatus.FAILED and 0 < row.batch_count == completed,
            status=DistributionStatus.COMPLETED,
            failure_code=None,
            failure_message=None,
            failure_next_step=None,
        )

    def _frozen(self, payer: str, token_id: str) -> list[Row]:
        return [
            row
            for row in self._t.find_by("distribution:payer", payer)
            if row.frozen_at is not None
            and row.status is not DistributionStatus.CANCELLED
            and row.payment_token_id == token_id
        ]
