"""Queries on what a deposit starts: which series it concerns, and when their payouts are due."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from masspayout.db.entities import (
    Asset,
    Attempt,
    Distribution,
    ExecutionType,
    Series,
    SeriesStatus,
)

_MICROSECOND = timedelta(microseconds=1)


class AutomaticPayouts:
    """What happens in the tables when money arrives, inside one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def is_ours(self, transaction_id: str) -> bool:
        """Say whether a ledger transaction is one of our own attempts."""
        query = select(Attempt.id).where(Attempt.transaction_id == transaction_id)
        return await self.session.scalar(query) is not None

    async def lock_armed(
        self, *, token_id: str, receiver_account_id: str, sender_account_id: str, payer_account_id: str, at: datetime
    ) -> Sequence[Series]:
        """Lock and return the active AUTOMATIC series, with their assets, that a deposit of a token at a time concerns.

        It does if it reached the paying account of a series' asset (its contract, or the payer) from outside: what
        moves between contract and payer is neither income nor a reason to pay. A series that is younger than the
        deposit was not armed then.
        """
        query = (
            select(Series)
            .join(Series.asset)
            .options(contains_eager(Series.asset))
            .where(
                Series.execution_type == ExecutionType.AUTOMATIC,
                Series.status == SeriesStatus.ACTIVE,
                Series.created_at <= at,
                Asset.payment_token_id == token_id,
                Asset.lifecycle_contract_id.is_distinct_from(sender_account_id),
            )
            .order_by(Series.id)
            .with_for_update(key_share=True, of=Series)
        )
        if sender_account_id == payer_account_id:
            return []
        if receiver_account_id != payer_account_id:
            query = query.where(Asset.lifecycle_contract_id == receiver_account_id)
        return (await self.session.scalars(query)).all()

    async def next_due_time(self, series_id: uuid.UUID, now: datetime) -> datetime:
        """Return ``now``, or a time just after the last one of a locked series: no two of its payouts share one."""
        last = await self.session.scalar(
            select(func.max(Distribution.scheduled_time)).where(Distribution.series_id == series_id)
        )
        return now if last is None else max(now, last + _MICROSECOND)
