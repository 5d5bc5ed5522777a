"""Queries on ``distribution``."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, text, update
from sqlalchemy.orm import selectinload

from masspayout.db.entities import (
    Asset,
    BatchPayout,
    BatchStatus,
    Distribution,
    DistributionStatus,
    Series,
    SeriesStatus,
)
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.repositories.due import DueStart, claim_due, find_due, in_catch_up_window, is_due
from masspayout.db.repositories.freezes import Freeze
from masspayout.db.repositories.pauses import has_something_to_do, is_paused
from masspayout.db.types import UtcTimestamp
from masspayout.kernel.next_steps import Action, NextStep
from masspayout.kernel.payout_terms import OWN_WORDS
from masspayout.kernel.types import Share, Totals

# Finished when no batch is open any more; completed only when every planned batch exists and is completed.
_FINISH = text("""
    UPDATE distribution AS d
       SET status = CASE WHEN d.batch_count = (SELECT count(*) FROM batch_payout AS b
                                                WHERE b.distribution_id = d.id AND b.status = 'COMPLETED')
                         THEN 'COMPLETED' ELSE 'FAILED' END,
           updated_at = now()
     WHERE d.id = :id AND d.status = 'PROCESSING' AND d.batch_count > 0
       AND NOT EXISTS (SELECT FROM batch_payout AS b
                        WHERE b.distribution_id = d.id AND b.status IN ('PENDING', 'PROCESSING'))
    RETURNING d.status
""")

# Holders that were not paid when the distribution stopped get the reason of the stop, and count as failed.
_EXPLAIN_UNREACHED = text("""
    WITH unreached AS (
        UPDATE holder AS h SET failure_code = d.failure_code, updated_at = now()
          FROM distribution AS d
         WHERE d.id = :id AND d.failure_code IS NOT NULL AND h.distribution_id = d.id AND h.batch_number IS NOT NULL
           AND NOT h.paid AND h.attempt_id IS NULL AND h.failure_code IS NULL
        RETURNING h.batch_number
    ), counted AS (
        SELECT batch_number, count(*) AS holders FROM unreached GROUP BY batch_number
    )
    UPDATE batch_payout AS b SET failed_payments = b.failed_payments + counted.holders, updated_at = now()
      FROM counted
     WHERE b.distribution_id = :id AND b.batch_number = counted.batch_number
""")

# In the statement that finds the distributions: what starts meanwhile comes with its jobs. The subquery is run once.
_HAS_NO_JOB = text("""
    CAST(distribution.id AS TEXT) NOT IN (
        SELECT args->>'distribution_id' FROM procrastinate_jobs
         WHERE task_name = :task AND status IN ('todo', 'doing') AND args->>'distribution_id' IS NOT NULL)
""")

# Clears the reason of a distribution that did not go on.
_NO_REASON: Mapping[str, None] = {"failure_message": None, "failure_next_step": None}


class Distributions(Repository[Distribution]):
    """The distributions."""

    entity = Distribution
    noun = "payout"
    listed_by = Action.LIST_DISTRIBUTIONS

    async def find_by_id(
        self,
        entity_id: uuid.UUID,
        *,
        with_asset: bool = False,
        with_holders: bool = False,
        with_batches: bool = False,
    ) -> Distribution | None:
        """Return one distribution, with its asset, holders and batches where asked for."""
        wanted = {
            Distribution.asset: with_asset,
            Distribution.holders: with_holders,
            Distribution.batches: with_batches,
        }
        options = [selectinload(relation) for relation, asked in wanted.items() if asked]
        return await self.session.get(Distribution, entity_id, options=options, populate_existing=True)

    async def find_pending_scheduled(self, now: datetime) -> Sequence[Distribution]:
        """Return the due distributions, the longest overdue first (by ``idx_distribution_scheduled``).

        Occurrences of a paused series wait, and missed ones are not due any more.
        """
        query = (
            select(Distribution)
            .outerjoin(Series, Series.id == Distribution.series_id)
            .where(*is_due(now))
            .order_by(Distribution.scheduled_time, Distribution.id)
        )
        return (await self.session.scalars(query)).all()

    async def find_due(self, now: datetime, *, after: DueStart | None = None, limit: int) -> Sequence[DueStart]:
        """Return of what is due as much as tells it apart: ``limit`` of them, in order, that follow one of them.

        Rows are read no further, so that one which cannot be read keeps no other from being found.
        """
        return await find_due(self.session, now, after, limit)

    async def claim_due(self, due: DueStart | Distribution, now: datetime) -> Distribution | None:
        """Claim a due distribution until the transaction ends, and read it again.

        None when another scheduler has it, or when it is not due any more. An occurrence also waits for those before
        it, so that the occurrences of a series are frozen in order.
        """
        return await claim_due(self.session, due, now)

    async def fail_missed(self, now: datetime, code: str, message: str, next_step: NextStep) -> Sequence[uuid.UUID]:
        """PENDING → FAILED for occurrences that are overdue by more than their series' catch-up window."""
        statement = (
            update(Distribution)
            .where(
                Distribution.status == text("'PENDING'"),
                Distribution.scheduled_time <= now,
                Distribution.series_id == Series.id,
                Series.status != SeriesStatus.PAUSED,
                ~is_paused(),
                ~in_catch_up_window(now),
            )
            .values(
                status=DistributionStatus.FAILED,
                failure_code=code,
                failure_message=message,
                failure_next_step=next_step,
            )
            .returning(Distribution.id)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.scalars(statement)).all()

    async def fail_to_start(
        self, distribution_id: uuid.UUID, code: str, message: str, next_step: NextStep | None = None
    ) -> bool:
        """PENDING → FAILED, when nothing was sent. False when somebody else started or cancelled it."""
        return await self._move(
            distribution_id,
            {DistributionStatus.PENDING},
            status=DistributionStatus.FAILED,
            failure_code=code,
            failure_message=message,
            failure_next_step=next_step,
        )

    async def reopen_unfrozen(self, distribution_id: uuid.UUID) -> bool:
        """FAILED → PENDING for a distribution that was never frozen."""
        return await self._move(
            distribution_id,
            {DistributionStatus.FAILED},
            Distribution.frozen_at.is_(None),
            status=DistributionStatus.PENDING,
            failure_code=None,
            **_NO_REASON,
        )

    async def cancel_pending_of_series(self, series_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """PENDING → CANCELLED for every distribution of a series that has not started. Return their ids."""
        statement = (
            update(Distribution)
            .where(Distribution.series_id == series_id, Distribution.status == DistributionStatus.PENDING)
            .values(status=DistributionStatus.CANCELLED)
            .returning(Distribution.id)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.scalars(statement)).all()

    async def find_by_obligation(self, *obligation_keys: str) -> Distribution | None:
        """Return the distribution that pays an obligation, by its key or by those of earlier rules, if there is one."""
        query = select(Distribution).where(Distribution.obligation_key.in_(obligation_keys))
        return await self.session.scalar(query.order_by(Distribution.created_at).limit(1))

    async def find_of_asset(
        self, asset_id: uuid.UUID | None, status: DistributionStatus | None, page: int = 1, limit: int = 20
    ) -> Page[Distribution]:
        """Return one page of distributions, newest first, of one asset and in one state if asked."""
        conditions: list[ColumnElement[bool]] = []
        if asset_id is not None:
            conditions.append(Distribution.asset_id == asset_id)
        if status is not None:
            conditions.append(Distribution.status == status)
        rows = self._newest_first().where(*conditions).options(selectinload(Distribution.asset))
        return await read_page(self.session, rows, page, limit)

    async def find_in_states(
        self, states: Sequence[DistributionStatus], *, contains: str = "", page: int = 1, limit: int = 25
    ) -> Page[Distribution]:
        """Return one page of distributions in some states, newest first, with their assets.

        With ``contains``, only those whose concept or reference, or whose asset's name, symbol or token id, contains
        that text.
        """
        conditions: list[ColumnElement[bool]] = [Distribution.status.in_(states)]
        if contains:
            columns = (*(getattr(Distribution, name) for name in OWN_WORDS), Asset.name, Asset.symbol, Asset.token_id)
            conditions.append(or_(*(column.icontains(contains, autoescape=True) for column in columns)))
        rows = (
            self._newest_first()
            .join(Asset, Asset.id == Distribution.asset_id)
            .where(*conditions)
            .options(selectinload(Distribution.asset))
        )
        return await read_page(self.session, rows, page, limit)

    async def find_last_begun(self, asset_id: uuid.UUID) -> Distribution | None:
        """Return the distribution of an asset that started last."""
        query = (
            select(Distribution)
            .where(Distribution.asset_id == asset_id, Distribution.executed_at.is_not(None))
            .order_by(Distribution.executed_at.desc(), Distribution.id.desc())
            .limit(1)
        )
        return await self.session.scalar(query)

    async def find_of_series(self, series_id: uuid.UUID, limit: int) -> Sequence[Distribution]:
        """Return the latest distributions of a series, the latest first."""
        query = (
            select(Distribution)
            .where(Distribution.series_id == series_id)
            .order_by(Distribution.scheduled_time.desc(), Distribution.id.desc())
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def count_by_status(self) -> dict[DistributionStatus, int]:
        """Return the number of distributions by state; states without any are absent."""
        query = select(Distribution.status, func.count()).group_by(Distribution.status)
        return {DistributionStatus(status): count for status, count in (await self.session.execute(query)).all()}

    async def find_unfinished(self, *, without_job: str | None = None) -> Sequence[uuid.UUID]:
        """Return the distributions that are being paid. A PROCESSING row that was never frozen is not one.

        A paused one is there only while a transaction of it is to be settled.

        Args:
            without_job: Only those that no job of this kind is about, whether it waits or is being done.
        """
        query = select(Distribution.id).where(
            Distribution.status == DistributionStatus.PROCESSING,
            Distribution.frozen_at.is_not(None),
            has_something_to_do(),
        )
        if without_job is not None:
            query = query.where(_HAS_NO_JOB.bindparams(task=without_job))
        return (await self.session.scalars(query)).all()

    async def find_running_though_paused(self) -> Sequence[uuid.UUID]:
        """Return the distributions that are being paid and not stopped yet, although the asset's contract is paused."""
        query = (
            select(Distribution.id)
            .join(Asset, Asset.id == Distribution.asset_id)
            .where(
                Distribution.status == DistributionStatus.PROCESSING,
                Distribution.failure_code.is_(None),
                Asset.contract_paused,
            )
        )
        return (await self.session.scalars(query)).all()

    async def find_stopped_by_pause(self, code: str) -> Sequence[uuid.UUID]:
        """Return the distributions that failed with the code of a pause, and whose contract is not paused any more."""
        query = (
            select(Distribution.id)
            .join(Asset, Asset.id == Distribution.asset_id)
            .where(
                Distribution.status == DistributionStatus.FAILED,
                Distribution.failure_code == code,
                ~Asset.contract_paused,
            )
            .order_by(Distribution.scheduled_time, Distribution.id)
        )
        return (await self.session.scalars(query)).all()

    async def create_distribution_with_holders(
        self, distribution: Distribution, shares: Iterable[Share], *, decimals: int, batch_size: int
    ) -> Totals:
        """Write a distribution, its entitlements (ordered by account id, by COPY, any number) and its batches."""
        await self.save(distribution)
        return await Freeze(self.session, distribution).write_shares(shares, decimals, batch_size)

    async def mark_frozen(self, distribution_id: uuid.UUID, **facts: Any) -> bool:
        """Write the result of a freeze. False when the distribution was frozen before, or is not pending."""
        return await self._move(
            distribution_id,
            {DistributionStatus.PENDING},
            Distribution.frozen_at.is_(None),
            frozen_at=func.now(),
            **_NO_REASON,
            **facts,
        )

    async def begin(self, distribution_id: uuid.UUID, now: datetime) -> bool:
        """PENDING, frozen, due and approved → PROCESSING."""
        return await self._move(
            distribution_id,
            {DistributionStatus.PENDING},
            Distribution.frozen_at.is_not(None),
            or_(Distribution.scheduled_time.is_(None), Distribution.scheduled_time <= now),
            func.masspayout_may_begin(Distribution.id),
            Distribution.sent_back_at.is_(None),
            status=DistributionStatus.PROCESSING,
            executed_at=now,
            **_NO_REASON,
        )

    async def cancel(self, distribution_id: uuid.UUID) -> bool:
        """PENDING → CANCELLED, unless the ledger showed a payment of it before."""
        is_paid = exists().where(BatchPayout.distribution_id == distribution_id, BatchPayout.successful_payments > 0)
        return await self._move(
            distribution_id,
            {DistributionStatus.PENDING},
            ~is_paid,
            status=DistributionStatus.CANCELLED,
            obligation_key=None,
        )

    async def begin_retry(self, distribution_id: uuid.UUID, now: datetime) -> bool:
        """FAILED and approved → PROCESSING."""
        return await self._move(
            distribution_id,
            {DistributionStatus.FAILED},
            func.masspayout_may_begin(Distribution.id),
            status=DistributionStatus.PROCESSING,
            executed_at=func.coalesce(Distribution.executed_at, literal(now, UtcTimestamp())),
            failure_code=None,
            **_NO_REASON,
        )

    async def stop(self, distribution_id: uuid.UUID, code: str, message: str, next_step: NextStep) -> bool:
        """Write a failure that concerns all holders, also on batches that did not start. False when it was stopped."""
        stopped = await self._move(
            distribution_id,
            {DistributionStatus.PROCESSING},
            Distribution.failure_code.is_(None),
            failure_code=code,
            failure_message=message,
            failure_next_step=next_step,
        )
        if stopped:
            # A batch that another worker has just claimed is started: waiting for its row here could deadlock.
            not_begun = (
                select(BatchPayout.id)
                .where(BatchPayout.distribution_id == distribution_id, BatchPayout.status == BatchStatus.PENDING)
                .with_for_update(skip_locked=True)
            )
            await self.session.execute(
                update(BatchPayout)
                .where(BatchPayout.id.in_(not_begun))
                .values(status=BatchStatus.FAILED, error_message=message)
            )
        return stopped

    async def finish(self, distribution_id: uuid.UUID) -> DistributionStatus | None:
        """PROCESSING → COMPLETED or FAILED, once no batch is open any more; before that, None."""
        status = await self.session.scalar(_FINISH, {"id": distribution_id})
        if status == DistributionStatus.FAILED:
            await self.session.execute(_EXPLAIN_UNREACHED, {"id": distribution_id})
        return None if status is None else DistributionStatus(status)

    async def _move(
        self,
        distribution_id: uuid.UUID,
        from_states: set[DistributionStatus],
        *conditions: ColumnElement[bool],
        **columns: Any,
    ) -> bool:
        statement = (
            update(Distribution)
            .where(Distribution.id == distribution_id, Distribution.status.in_(from_states), *conditions)
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1
