"""Queries of the overview: paid amounts by month, upcoming payouts, and those that need attention.

All from counters.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories.approvals import given_approvals

# A completed payout was paid as a whole; for the others, the batches have the paid amounts.
_PAID_BY_MONTH = text("""
    SELECT to_char(d.executed_at, 'YYYY-MM') AS month, a.id AS asset_id, a.symbol, d.payment_token_id,
           max(a.payment_token_symbol) FILTER (WHERE a.payment_token_id = d.payment_token_id) AS payment_token_symbol,
           sum(CASE WHEN d.status = 'COMPLETED' THEN d.total_amount ELSE batches.paid_amount END) AS amount
      FROM distribution AS d
      JOIN asset AS a ON a.id = d.asset_id
      LEFT JOIN LATERAL (SELECT sum(b.paid_amount) AS paid_amount FROM batch_payout AS b
                          WHERE b.distribution_id = d.id AND d.status <> 'COMPLETED') AS batches ON true
     WHERE d.executed_at >= :since AND d.status IN ('PROCESSING', 'COMPLETED', 'FAILED')
     GROUP BY 1, a.id, a.symbol, d.payment_token_id
    HAVING sum(CASE WHEN d.status = 'COMPLETED' THEN d.total_amount ELSE batches.paid_amount END) > 0
     ORDER BY 1, a.symbol
""")

_FAILURES = text("""
    SELECT d.id AS distribution_id, a.symbol, a.token_id, d.concept, d.type, d.failure_code, d.failure_message,
           d.failure_next_step,
           d.frozen_at IS NOT NULL AS is_frozen, d.payment_token_id,
           CASE WHEN a.payment_token_id = d.payment_token_id THEN a.payment_token_symbol END AS payment_token_symbol,
           coalesce(batches.failed, 0) AS unpaid_count,
           coalesce(d.total_amount - batches.paid_amount, d.amount, 0) AS unpaid_amount
      FROM distribution AS d
      JOIN asset AS a ON a.id = d.asset_id
      LEFT JOIN LATERAL (SELECT CAST(sum(b.failed_payments) AS BIGINT) AS failed, sum(b.paid_amount) AS paid_amount
                           FROM batch_payout AS b WHERE b.distribution_id = d.id) AS batches ON true
     WHERE d.status = 'FAILED'
     ORDER BY d.updated_at DESC, d.id DESC
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class PaidInMonth:
    """The amount paid on one asset in one token by the payouts that started in a month (``YYYY-MM``, in UTC)."""

    month: str
    asset_id: uuid.UUID
    symbol: str
    payment_token_id: str
    payment_token_symbol: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class FailedPayout:
    """A payout that needs attention: the number of its unpaid holders, or the reason why it never started."""

    distribution_id: uuid.UUID
    symbol: str
    token_id: str
    concept: str | None
    type: str
    failure_code: str | None
    failure_message: str | None
    failure_next_step: list[Any] | None
    is_frozen: bool
    payment_token_id: str | None
    payment_token_symbol: str | None
    unpaid_count: int
    unpaid_amount: Decimal


class Overview:
    """The queries of the overview, inside one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def paid_by_month(self, since: datetime) -> Sequence[PaidInMonth]:
        """Return the amounts paid by payouts that started since a time, by month and asset."""
        rows = await self.session.execute(_PAID_BY_MONTH, {"since": since.replace(tzinfo=None)})
        return [PaidInMonth(**row._asdict()) for row in rows]

    async def failures(self, limit: int = 20) -> tuple[Sequence[FailedPayout], int]:
        """Return the failed payouts, the latest first, and their number."""
        rows = await self.session.execute(_FAILURES, {"limit": limit})
        count = select(func.count()).where(Distribution.status == DistributionStatus.FAILED)
        return [FailedPayout(**row._asdict()) for row in rows], await self.session.scalar(count) or 0

    async def awaiting_approval(self, limit: int = 20) -> Sequence[Distribution]:
        """Return the payouts that wait for an approval, the oldest first, with their assets."""
        query = (
            select(Distribution)
            .where(
                Distribution.status == text("'PENDING'"),
                Distribution.frozen_at.is_not(None),
                Distribution.approvals_required > given_approvals(),
            )
            .order_by(Distribution.frozen_at, Distribution.id)
            .limit(limit)
            .options(selectinload(Distribution.asset))
        )
        return (await self.session.scalars(query)).all()

    async def upcoming(self, limit: int = 100) -> Sequence[Distribution]:
        """Return the payouts with a time that did not start yet, the next one first, with their assets."""
        query = (
            select(Distribution)
            .where(Distribution.status == text("'PENDING'"), Distribution.scheduled_time.is_not(None))
            .order_by(Distribution.scheduled_time, Distribution.id)
            .limit(limit)
            .options(selectinload(Distribution.asset))
        )
        return (await self.session.scalars(query)).all()
