"""Due starts: the conditions on distributions, and the query by which the scheduler finds its work."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from masspayout.db import advisory_locks
from masspayout.db.entities import Asset, Distribution, DistributionStatus, ExecutionType, Series, SeriesStatus
from masspayout.db.repositories.approvals import given_approvals
from masspayout.db.repositories.pauses import is_paused
from masspayout.db.types import UtcTimestamp


class DueStart(NamedTuple):
    """A distribution that is due to start.

    Attributes:
        id: Its id.
        series_id: The series that it is of, if it is of one.
        scheduled_time: Since when it is due.
        ledger_identity: The ledger that it belongs to, where that is known.
    """

    id: uuid.UUID
    series_id: uuid.UUID | None
    scheduled_time: datetime
    ledger_identity: str | None


def is_due(now: datetime | ColumnElement[datetime]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a distribution, joined with its series if it has one, is to be started."""
    return (
        Distribution.status == text("'PENDING'"),
        Distribution.scheduled_time <= now,
        or_(Series.id.is_(None), and_(Series.status != SeriesStatus.PAUSED, in_catch_up_window(now))),
        or_(Distribution.frozen_at.is_(None), given_approvals() >= Distribution.approvals_required),
        Distribution.sent_back_at.is_(None),
        ~is_paused(),
    )


def in_catch_up_window(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return whether one of a series may be as much overdue as it is. Only a calendar misses anything."""
    window = func.make_interval(0, 0, 0, 0, 0, 0, Series.catch_up_seconds)
    since = (literal(now, UtcTimestamp()) if isinstance(now, datetime) else now) - window
    return or_(
        Series.execution_type != ExecutionType.RECURRING,
        Distribution.scheduled_time >= since,
        # It was frozen in time, and waits for people since.
        Distribution.frozen_at.is_not(None),
    )


# Built once: a scheduler asks for every distribution that it starts.
_NOW = bindparam("now", type_=UtcTimestamp())
_EARLIER = aliased(Distribution)
_IS_PRECEDED = exists().where(
    _EARLIER.series_id == Distribution.series_id,
    _EARLIER.status == DistributionStatus.PENDING,
    _EARLIER.frozen_at.is_(None),
    _EARLIER.scheduled_time < Distribution.scheduled_time,
)
_CLAIMED = (
    select(Distribution)
    .outerjoin(Series, Series.id == Distribution.series_id)
    .where(Distribution.id == bindparam("id"), *is_due(_NOW), ~_IS_PRECEDED)
    .execution_options(populate_existing=True)
)

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, :locks))")

_DUE = (
    select(
        Distribution.id,
        Distribution.series_id,
        Distribution.scheduled_time,
        func.coalesce(Distribution.ledger_identity, Asset.ledger_identity),
    )
    .join(Asset, Asset.id == Distribution.asset_id)
    .outerjoin(Series, Series.id == Distribution.series_id)
    .where(*is_due(_NOW))
    .order_by(Distribution.scheduled_time, Distribution.id)
)


async def claim_due(session: AsyncSession, due: DueStart | Distribution, now: datetime) -> Distribution | None:
    """Keep other schedulers away from what is due until the transaction ends, and read it again."""
    key = str(due.series_id or due.id)
    if not await session.scalar(_TRY_LOCK, {"key": key, "locks": advisory_locks.DUE_START_SEED}):
        return None
    claimed: Distribution | None = await session.scalar(_CLAIMED, {"id": due.id, "now": now})
    return claimed


async def find_due(session: AsyncSession, now: datetime, after: DueStart | None, limit: int) -> Sequence[DueStart]:
    """Return what is due, the longest overdue first: so many, that follow one."""
    query = _DUE.limit(limit)
    if after is not None:
        last = tuple_(literal(after.scheduled_time, UtcTimestamp()), literal(after.id))
        query = query.where(tuple_(Distribution.scheduled_time, Distribution.id) > last)
    rows = await session.execute(query, {"now": now})
    return [
        DueStart(found_id, series_id, time, identity)
        for found_id, series_id, time, identity in rows
        if time is not None
    ]
