"""The questions of the store port about claims and attempts, answered from dictionaries."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from masspayout.db.entities import Attempt, AttemptStatus, BatchPayout, BatchStatus, DistributionStatus
from masspayout.db.repositories import BegunBatch, Withheld
from masspayout.kernel.errors import NotFound
from masspayout.kernel.types import Sender, SignedTransaction
from simulator.store.pauses import hold_off_pauses
from simulator.store.rows import GuardedBySchema, Row, Transaction

_OPEN_BATCH = (BatchStatus.PENDING, BatchStatus.PROCESSING)
SENT = (AttemptStatus.SIGNED, AttemptStatus.SUBMITTED)


class BatchRow(Row):
    """A row of ``batch_payout``, which answers what the entity does."""

    is_first_claim = BatchPayout.is_first_claim


class AttemptRow(Row):
    """A row of ``attempt``."""


class HolderRow(Row):
    """A row of ``holder`` that is an entitlement."""


class Claims:
    """Batches while a worker holds them, and the holders in an attempt."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def claim(
        self, distribution_id: uuid.UUID, *, after: int, claim_seconds: float, begun_only: bool = False
    ) -> BatchPayout | None:
        batch = self.find_claimable(distribution_id, after, begun_only=begun_only)
        return None if batch is None else self.put_claim(batch, claim_seconds)

    def find_claimable(self, distribution_id: uuid.UUID, after: int, *, begun_only: bool = False) -> Row | None:
        t = self._t
        for batch in sorted(t.find_by("batch_payout:of", distribution_id), key=_number):
            if (
                batch.batch_number > after
                and batch.status in _OPEN_BATCH
                and (batch.claimed_until is None or batch.claimed_until <= t.now)
                and (batch.status is BatchStatus.PROCESSING or not begun_only)
                and not t.is_locked("batch_payout", batch.id)
            ):
                return batch
        return None

    def put_claim(self, batch: Row, claim_seconds: float) -> BatchPayout:
        t = self._t
        claimed = batch.changed(
            status=BatchStatus.PROCESSING,
            executed_at=batch.executed_at or t.now,
            updated_at=t.now,
            claimed_until=t.now + timedelta(seconds=claim_seconds),
        )
        t.put("batch_payout", batch.id, claimed)
        return cast("BatchPayout", claimed)

    def is_open(self, distribution_id: uuid.UUID, payer_id: uuid.UUID | None) -> bool:
        t = self._t
        payer = None if payer_id is None else t.find("payer", payer_id)
        return (
            payer is not None
            and payer.cleared_for == t.server.clearance
            and t.get("distribution", distribution_id).status is DistributionStatus.PROCESSING
        )

    async def claim_under_way(
        self, payer_account_id: str, ledger_identity: str, *, claim_seconds: float
    ) -> BatchPayout | None:
        t = self._t
        for distribution in sorted(t.find_by("distribution:payer", payer_account_id), key=lambda row: row.id):
            if distribution.status is not DistributionStatus.PROCESSING:
                continue
            if distribution.ledger_identity != ledger_identity:
                continue
            for batch in sorted(t.find_by("batch_payout:of", distribution.id), key=_number):
                if (
                    batch.status is BatchStatus.PROCESSING
                    and (batch.claimed_until is None or batch.claimed_until <= t.now)
                    and not t.is_locked("batch_payout", batch.id)
                    and any(row.status in SENT for row in t.find_by("attempt:batch", batch.id))
                ):
                    until = t.now + timedelta(seconds=claim_seconds)
                    claimed = batch.changed(updated_at=t.now, claimed_until=until)
                    t.put("batch_payout", batch.id, claimed)
                    return cast("BatchPayout", claimed)
        return None

    async def hold(self, batch_id: uuid.UUID, seconds: float) -> None:
        until = self._t.now + timedelta(seconds=seconds)
        await self._t.change("batch_payout", batch_id, always, claimed_until=until)

    async def attach(
        self, batch: BatchPayout, attempt_id: uuid.UUID, payer_id: uuid.UUID | None
    ) -> Mapping[str, Decimal] | Withheld:
        t = self._t
        if not self.is_open(batch.distribution_id, payer_id):
            return Withheld.BY_GATE
        if await hold_off_pauses(t, batch.distribution_id):
            return Withheld.BY_PAUSE
        waiting = [row for row in holders_of(t, batch) if self.waits(row)]
        if batch.slices:
            waiting = waiting[: batch.slices[0]]
        attached: dict[str, Decimal] = {}
        for row in waiting:
            if await t.change("holder", row.key, self.waits, attempt_id=attempt_id):
                attached[row.account_id] = row.payment_amount
        return attached

    async def attached(
        self, distribution_id: uuid.UUID, batch_number: int, attempt_id: uuid.UUID
    ) -> Mapping[str, Decimal]:
        rows = self._t.find_by("holder:batch", (distribution_id, batch_number))
        return {row.account_id: row.payment_amount for row in rows if row.attempt_id == attempt_id and not row.paid}

    def waits(self, row: Row) -> bool:
        return (
            row.attempt_id is None
            and not row.paid
            and row.failure_code is None
            and self._t.get("distribution", row.distribution_id).failure_code is None
        )


class FirstClaims:
    """Batches that nobody has begun, and which begin."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

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
        t, claims = self._t, Claims(self._t)
        if not claims.is_open(distribution_id, payer_id) or await hold_off_pauses(t, distribution_id):
            return None
        batch = claims.find_claimable(distribution_id, after)
        if batch is None or batch.status is not BatchStatus.PENDING or batch.executed_at is not None:
            return None
        if not any(claims.waits(row) for row in holders_of(t, batch)):
            return None
        claimed = claims.put_claim(batch, claim_seconds)
        holders = await claims.attach(claimed, attempt_id, payer_id)
        assert not isinstance(holders, Withheld)
        attempt = Attempt(
            id=attempt_id,
            status=AttemptStatus.RESERVED,
            polls=0,
            batch_payout_id=batch.id,
            recipient_count=len(holders),
            total_amount=sum(holders.values(), Decimal(0)),
        )
        reserved = await Attempts(t).reserve(attempt, sender)
        return BegunBatch(batch.id, batch.batch_number, reserved, holders)


class Attempts:
    """Attempts, and the numbers that make them unique."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def get(self, entity_id: uuid.UUID) -> Attempt:
        found = await self.find_by_id(entity_id)
        if found is None:
            raise NotFound(f"There is no attempt {entity_id}.")
        return found

    async def find_by_id(self, entity_id: uuid.UUID) -> Attempt | None:
        return _entity(self._t.find("attempt", entity_id))

    async def find_open(self, batch_id: uuid.UUID) -> Attempt | None:
        found = [row for row in self._t.find_by("attempt:batch", batch_id) if row.status.is_open]
        if len(found) > 1:
            raise GuardedBySchema(f"batch {batch_id} has {len(found)} open attempts")
        return _entity(found[0]) if found else None

    async def has_sent(self, distribution_id: uuid.UUID) -> bool:
        t = self._t
        return any(
            attempt.status in SENT
            for batch in t.find_by("batch_payout:of", distribution_id)
            if batch.status in _OPEN_BATCH
            for attempt in t.find_by("attempt:batch", batch.id)
        )

    async def has_open(self, distribution_id: uuid.UUID) -> bool:
        t = self._t
        return any(
            attempt.status.is_open
            for batch in t.find_by("batch_payout:of", distribution_id)
            if batch.status is BatchStatus.PROCESSING
            for attempt in t.find_by("attempt:batch", batch.id)
        )

    async def reserve(self, attempt: Attempt, sender: Sender) -> Attempt:
        t = self._t
        account, floor, ceiling = sender
        await t.lock("ledger_sequence", account)
        sequence = t.find("ledger_sequence", account)
        if sequence is None:
            number, returned = floor, []
        else:
            last = sequence.last_number
            if ceiling is not None and last + 1 >= ceiling:
                stored = (row.number for row in t.find_by("attempt:sender", account) if row.number is not None)
                last = max((each for each in stored if each < ceiling), default=-1)
            number, returned = max(floor, 1 + last), sequence.returned_numbers
        last_number = number
        usable = [each for each in returned if each >= floor]
        if returned:
            last_number = number - 1 if usable else number
            number = usable[0] if usable else number
        t.put("ledger_sequence", account, Row(last_number=last_number, returned_numbers=usable[1:]))
        if any(row.number == number for row in t.find_by("attempt:number", (account, number))):
            raise GuardedBySchema(f"number {number} of {account} was handed out twice")
        attempt.sender_account_id, attempt.number = account, number
        row = AttemptRow(
            id=attempt.id,
            batch_payout_id=attempt.batch_payout_id,
            sender_account_id=account,
            number=number,
            transaction_id=None,
            signed_bytes=None,
            expires_at=None,
            status=AttemptStatus.RESERVED,
            recipient_count=attempt.recipient_count,
            total_amount=attempt.total_amount,
            polls=0,
            outcome_code=None,
            outcome_detail=None,
            submitted_at=None,
            settled_at=None,
        )
        put_attempt(t, row)
        return cast("Attempt", row.changed())

    async def store_signed(self, attempt: Attempt, signed: SignedTransaction, *, claim_seconds: float) -> bool:
        t = self._t
        await t.lock("batch_payout", attempt.batch_payout_id)
        stored = await t.change(
            "attempt",
            attempt.id,
            lambda row: row.status is AttemptStatus.RESERVED,
            status=AttemptStatus.SUBMITTED,
            submitted_at=t.now,
            transaction_id=signed.transaction_id,
            signed_bytes=signed.signed_bytes,
            expires_at=signed.expires_at,
        )
        if stored is None:
            return False
        _find_by_transaction(t, stored)
        until = t.now + timedelta(seconds=claim_seconds)
        changed = {"transaction_id": signed.transaction_id, "claimed_until": until}
        return await t.change("batch_payout", stored.batch_payout_id, always, **changed) is not None

    async def close_unsigned(self, attempt: Attempt, code: str) -> bool:
        t = self._t
        closed = await t.change(
            "attempt",
            attempt.id,
            lambda row: row.status is AttemptStatus.RESERVED,
            status=AttemptStatus.DEAD,
            number=None,
            settled_at=t.now,
            outcome_code=code,
        )
        if closed is None:
            return False
        account = str(attempt.sender_account_id)
        await t.lock("ledger_sequence", account)
        sequence = t.get("ledger_sequence", account)
        returned = sorted([*sequence.returned_numbers, attempt.number])
        t.put("ledger_sequence", account, sequence.changed(returned_numbers=returned))
        return True

    async def mark_submitted(self, attempt_id: uuid.UUID) -> bool:
        return await self._move(attempt_id, (AttemptStatus.SIGNED,), status=AttemptStatus.SUBMITTED)

    async def mark_settled(self, attempt_id: uuid.UUID, code: str) -> bool:
        changed = {"status": AttemptStatus.SETTLED, "settled_at": self._t.now, "outcome_code": code}
        return await self._move(attempt_id, SENT, **changed)

    async def mark_dead(self, attempt_id: uuid.UUID, proof: str) -> bool:
        changed = {"status": AttemptStatus.DEAD, "settled_at": self._t.now, "outcome_detail": proof}
        return await self._move(attempt_id, SENT, **changed)

    async def record_poll(self, attempt_id: uuid.UUID, detail: str) -> None:
        row = self._t.find("attempt", attempt_id)
        if row is not None:
            await self._move(attempt_id, SENT, polls=row.polls + 1, outcome_detail=detail)

    async def note_wait(self, attempt_id: uuid.UUID, reason: str) -> None:
        await self._move(attempt_id, (AttemptStatus.RESERVED,), outcome_detail=reason)

    async def note_rejection(self, attempt_id: uuid.UUID, code: str) -> None:
        row = self._t.find("attempt", attempt_id)
        if row is not None:
            await self._move(attempt_id, (AttemptStatus.SUBMITTED,), outcome_code=row.outcome_code or code)

    async def _move(self, attempt_id: uuid.UUID, states: Sequence[AttemptStatus], **columns: Any) -> bool:
        return await self._t.change("attempt", attempt_id, lambda row: row.status in states, **columns) is not None


def put_attempt(t: Transaction, row: Row) -> None:
    """Write a new attempt; the schema keeps a batch from having two that could still pay."""
    if row.status.is_open and any(other.status.is_open for other in t.find_by("attempt:batch", row.batch_payout_id)):
        raise GuardedBySchema(f"batch {row.batch_payout_id} would have two open attempts")
    indexes = [("attempt:batch", row.batch_payout_id), ("attempt:sender", row.sender_account_id)]
    indexes.append(("attempt:number", (row.sender_account_id, row.number)))
    t.put("attempt", row.id, row, *indexes)
    if row.transaction_id is not None:
        _find_by_transaction(t, row)


def _find_by_transaction(t: Transaction, row: Row) -> None:
    t.put("attempt", row.id, row, ("attempt:transaction", row.transaction_id))


def holders_of(t: Transaction, batch: Any) -> list[Row]:
    return t.find_by("holder:batch", (batch.distribution_id, batch.batch_number))


def _entity(row: Row | None) -> Attempt | None:
    """Return a copy of a row: whoever works on an attempt notes on it how far it is."""
    return None if row is None else cast("Attempt", row.changed())


def _number(row: Row) -> int:
    return int(row.batch_number)


def always(_: Row) -> bool:
    return True
