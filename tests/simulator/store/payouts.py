"""The questions of the store port, and of starts, about distributions, answered from dictionaries."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from masspayout.db.entities import Asset, BatchStatus, Distribution, DistributionStatus, Policy
from masspayout.db.repositories import DueStart, Unfinished
from masspayout.kernel.errors import MassPayoutError, NotFound
from masspayout.kernel.next_steps import NextStep
from masspayout.kernel.payout_status import ApprovalCount
from masspayout.kernel.types import Due, Totals
from simulator.store.attempts import Attempts
from simulator.store.pauses import find_pause
from simulator.store.rows import Row, Transaction

_NO_REASON: dict[str, Any] = {"failure_message": None, "failure_next_step": None}
_APPROVED = ("register_hash", "payment_token_id", "payer_account_id", "total_amount")


class DistributionRow(Row):
    """A row of ``distribution``, which answers what the entity does."""

    is_frozen = Distribution.is_frozen


class Distributions:
    """Distributions, all of them frozen."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def get(self, entity_id: uuid.UUID) -> Distribution:
        row = self._t.find("distribution", entity_id)
        if row is None:
            raise NotFound(f"There is no payout {entity_id}.")
        return cast("Distribution", row.changed())

    async def find_unfinished(self) -> Sequence[uuid.UUID]:
        return [
            row.id
            for row in self._t.all("distribution")
            if row.status is DistributionStatus.PROCESSING
            and (find_pause(self._t, row.id) is None or await Attempts(self._t).has_open(row.id))
        ]

    async def find_due(self, now: datetime, *, after: DueStart | None = None, limit: int) -> Sequence[DueStart]:
        due = [
            DueStart(row.id, None, row.scheduled_time, row.ledger_identity)
            for row in self._t.all("distribution")
            if self._is_due(row, now)
        ]
        due.sort(key=_by_time)
        return [each for each in due if after is None or _by_time(each) > _by_time(after)][:limit]

    async def claim_due(self, due: DueStart, now: datetime) -> Distribution | None:
        t = self._t
        if t.is_locked("scheduler", due.id):
            return None
        await t.lock("scheduler", due.id)
        row = t.find("distribution", due.id)
        return cast("Distribution", row.changed()) if row is not None and self._is_due(row, now) else None

    async def fail_missed(self, now: datetime, code: str, message: str, next_step: NextStep) -> Sequence[uuid.UUID]:
        return []

    async def fail_to_start(
        self, distribution_id: uuid.UUID, code: str, message: str, next_step: NextStep | None = None
    ) -> bool:
        return await self._move(
            distribution_id,
            DistributionStatus.PENDING,
            status=DistributionStatus.FAILED,
            failure_code=code,
            failure_message=message,
            failure_next_step=next_step,
        )

    async def reopen_unfrozen(self, distribution_id: uuid.UUID) -> bool:
        return False

    async def begin(self, distribution_id: uuid.UUID, now: datetime) -> bool:
        row = self._t.find("distribution", distribution_id)
        if row is None or (row.scheduled_time is not None and row.scheduled_time > now):
            return False
        begun = {"status": DistributionStatus.PROCESSING, "executed_at": now, **_NO_REASON}
        return await self._move(distribution_id, DistributionStatus.PENDING, needs_approvals=True, **begun)

    async def begin_retry(self, distribution_id: uuid.UUID, now: datetime) -> bool:
        row = self._t.find("distribution", distribution_id)
        if row is None:
            return False
        begun = {"status": DistributionStatus.PROCESSING, "executed_at": row.executed_at or now, "failure_code": None}
        return await self._move(distribution_id, DistributionStatus.FAILED, needs_approvals=True, **begun, **_NO_REASON)

    async def cancel(self, distribution_id: uuid.UUID) -> bool:
        if any((row.successful_payments or 0) > 0 for row in self._t.find_by("batch_payout:of", distribution_id)):
            return False
        pending, cancelled = DistributionStatus.PENDING, DistributionStatus.CANCELLED
        return await self._move(distribution_id, pending, status=cancelled, obligation_key=None)

    async def stop(self, distribution_id: uuid.UUID, code: str, message: str, next_step: NextStep) -> bool:
        t = self._t
        stopped = await t.change(
            "distribution",
            distribution_id,
            lambda row: row.status is DistributionStatus.PROCESSING and row.failure_code is None,
            failure_code=code,
            failure_message=message,
            failure_next_step=next_step,
        )
        if stopped is None:
            return False
        for batch in t.find_by("batch_payout:of", distribution_id):
            if batch.status is BatchStatus.PENDING and not t.is_locked("batch_payout", batch.id):
                failed = batch.changed(status=BatchStatus.FAILED, error_message=message, updated_at=t.now)
                t.put("batch_payout", batch.id, failed)
        return True

    async def finish(self, distribution_id: uuid.UUID) -> DistributionStatus | None:
        t = self._t
        await t.lock("distribution", distribution_id)
        row = t.find("distribution", distribution_id)
        batches = t.find_by("batch_payout:of", distribution_id)
        if row is None or row.status is not DistributionStatus.PROCESSING or not row.batch_count:
            return None
        if any(batch.status.is_open for batch in batches):
            return None
        completed = sum(batch.status is BatchStatus.COMPLETED for batch in batches)
        status = DistributionStatus.COMPLETED if completed == row.batch_count else DistributionStatus.FAILED
        t.put("distribution", distribution_id, row.changed(status=status, updated_at=t.now))
        if status is DistributionStatus.FAILED and row.failure_code is not None:
            await self._explain_unreached(row)
        return status

    async def _explain_unreached(self, distribution: Row) -> None:
        """Whoever was not reached when the distribution stopped has the reason that stopped it."""
        t = self._t

        def is_unreached(row: Row) -> bool:
            return not row.paid and row.attempt_id is None and row.failure_code is None

        for batch in t.find_by("batch_payout:of", distribution.id):
            count = 0
            for row in t.find_by("holder:batch", (distribution.id, batch.batch_number)):
                changed = await t.change("holder", row.key, is_unreached, failure_code=distribution.failure_code)
                count += changed is not None
            if count:
                failed = (batch.failed_payments or 0) + count
                await t.change("batch_payout", batch.id, lambda _: True, failed_payments=failed)

    def _is_due(self, row: Row, now: datetime) -> bool:
        return (
            row.status is DistributionStatus.PENDING
            and row.scheduled_time is not None
            and row.scheduled_time <= now
            and given_approvals(self._t, row) >= row.approvals_required
        )

    async def _move(
        self, distribution_id: uuid.UUID, state: DistributionStatus, *, needs_approvals: bool = False, **columns: Any
    ) -> bool:
        def is_to_move(row: Row) -> bool:
            return row.status is state and (
                not needs_approvals or given_approvals(self._t, row) >= row.approvals_required
            )

        return await self._t.change("distribution", distribution_id, is_to_move, **columns) is not None


def _by_time(due: DueStart) -> tuple[datetime, uuid.UUID]:
    return due.scheduled_time, due.id


class Approvals:
    """Who approved what."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

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
        t = self._t
        await t.lock("distribution", distribution_id)
        row = t.find("distribution", distribution_id)
        if (
            row is None
            or row.status not in (DistributionStatus.PENDING, DistributionStatus.FAILED)
            or row.register_hash != register_hash
            or row.created_by in guises
            or t.find("approval", (distribution_id, person)) is not None
        ):
            return False
        approved = {name: getattr(row, name) for name in _APPROVED}
        approval = Row(distribution_id=distribution_id, person=person, **approved)
        t.put("approval", (distribution_id, person), approval, ("approval:of", distribution_id))
        return True

    async def counts(self, distribution_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, ApprovalCount]:
        rows = [self._t.get("distribution", each) for each in distribution_ids]
        return {row.id: ApprovalCount(given_approvals(self._t, row), row.approvals_required) for row in rows}

    async def require(
        self, distribution_id: uuid.UUID, places: Mapping[str, int], policy_number: int | None
    ) -> ApprovalCount:
        t = self._t
        await t.lock("distribution", distribution_id)
        row = t.get("distribution", distribution_id)
        required = max(row.approvals_required, sum(places.values()))
        t.put("distribution", distribution_id, row.changed(approvals_required=required, updated_at=t.now))
        return ApprovalCount(given_approvals(t, row), required)


def given_approvals(t: Transaction, distribution: Row) -> int:
    """Count the approvals that count: of exactly that, and not the creator's."""
    return sum(
        approval.person != distribution.created_by
        and all(getattr(approval, name) == getattr(distribution, name) for name in _APPROVED)
        for approval in t.find_by("approval:of", distribution.id)
    )


class Entitlements:
    """What the holders of one distribution are owed."""

    def __init__(self, transaction: Transaction, distribution: Distribution) -> None:
        self._distribution = distribution
        self._rows = transaction.find_by("holder:of", distribution.id)

    async def unpaid(self) -> Due:
        return _due([row for row in self._rows if not row.paid])

    async def failed(self, accounts: Sequence[str] | None, failure_code: str | None) -> Due:
        return _due([row for row in self._failed(accounts) if failure_code in (None, row.failure_code)])

    async def find_not_failed(self, accounts: Sequence[str]) -> Sequence[str]:
        found = {row.account_id for row in self._failed(accounts)}
        return [account for account in accounts if account not in found]

    async def totals(self) -> Totals:
        row = self._distribution
        count, batches = len(self._rows), row.batch_count or 0
        return Totals(count, count, batches, row.total_amount or Decimal(0), row.register_hash or "")

    def _failed(self, accounts: Sequence[str] | None) -> list[Row]:
        return [
            row
            for row in self._rows
            if row.failure_code is not None and not row.paid and (accounts is None or row.account_id in accounts)
        ]


def _due(rows: Sequence[Row]) -> Due:
    return Due(len(rows), sum((row.payment_amount for row in rows), Decimal(0)))


class DueStarts:
    """The reasons that keep distributions."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def note_failure(self, distribution_id: uuid.UUID, message: str, next_step: NextStep | None) -> None:
        await self._note(distribution_id, DistributionStatus.PENDING, message, next_step)

    async def note_wait(self, distribution_id: uuid.UUID, reason: MassPayoutError | None) -> None:
        message, next_step = (None, None) if reason is None else (reason.message, reason.next_step)
        await self._note(distribution_id, DistributionStatus.PROCESSING, message, next_step)

    async def _note(
        self, distribution_id: uuid.UUID, status: DistributionStatus, message: str | None, next_step: NextStep | None
    ) -> None:
        await self._t.change(
            "distribution",
            distribution_id,
            lambda row: row.status is status and row.failure_code is None and row.failure_message != message,
            failure_message=message,
            failure_next_step=next_step,
        )


class PayoutStarts:
    """What was begun."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def add(self, distribution_id: uuid.UUID, token_id: str, amount: Decimal, now: datetime) -> None:
        self._t.put("payout_start", (distribution_id, now), Row(payment_token_id=token_id, amount=amount))


class Assets:
    """The one asset that everything is paid on: its contract is never paused."""

    async def get(self, entity_id: uuid.UUID) -> Asset:
        return cast("Asset", SimpleNamespace(id=entity_id, contract_paused=False))


class Series:
    """No series: every distribution stands for itself."""

    async def find_without_next(self, now: datetime) -> Sequence[uuid.UUID]:
        return []


class Policies:
    """No policy in the database: the environment alone asks for approvals."""

    async def in_force(self, asset_id: uuid.UUID | None = None) -> Sequence[Policy]:
        return []


class LedgerBindings:
    """On which ledger distributions began."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def note(self, thing: Distribution, identity: str) -> None:
        await self._t.change(
            "distribution", thing.id, lambda row: row.ledger_identity is None, ledger_identity=identity
        )

    async def find_unfinished(self) -> Sequence[Unfinished]:
        open_states = (DistributionStatus.PENDING, DistributionStatus.PROCESSING)
        return [
            Unfinished(row.id, row.status, row.ledger_identity)
            for row in self._t.all("distribution")
            if row.status in open_states and row.ledger_identity is not None
        ]
