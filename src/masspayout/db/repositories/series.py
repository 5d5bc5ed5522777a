"""Queries on ``series``, and on the distributions that they create."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Uuid, bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import selectinload

from masspayout.db.entities import (
    TERM_COLUMNS,
    Distribution,
    DistributionStatus,
    ExecutionType,
    Series,
    SeriesStatus,
)
from masspayout.db.repositories.base import Page, Repository, read_page
from masspayout.db.types import UtcTimestamp
from masspayout.kernel.next_steps import Action

# The columns of a series' distribution, each with the expression that fills it: the terms are the series' own, and the
# rest follows from the occurrence or the event.
_MADE_OF = {name: f"s.{name}" for name in TERM_COLUMNS} | {
    "id": "masspayout_uuid7()",
    "amount": "coalesce(s.amount, CAST(:deposit_amount AS NUMERIC))",
    "series_id": "s.id",
    "trigger_event_id": "CAST(:trigger_event_id AS UUID)",
    "scheduled_time": "due.scheduled_time",
    "status": "'PENDING'",
}

# An occurrence, and a payout for an event, is created once.
_ADD_DISTRIBUTIONS = text(f"""
    INSERT INTO distribution ({", ".join(_MADE_OF)})
    SELECT {", ".join(_MADE_OF.values())}
      FROM series AS s, unnest(CAST(:scheduled_times AS TIMESTAMP[])) AS due(scheduled_time)
     WHERE s.id = :series_id
     ORDER BY due.scheduled_time
    ON CONFLICT DO NOTHING
    RETURNING id, scheduled_time
""").bindparams(bindparam("scheduled_times", type_=ARRAY(UtcTimestamp())))  # noqa: S608 - the pieces are constants
_ADDED_DISTRIBUTIONS = _ADD_DISTRIBUTIONS.columns(id=Uuid(), scheduled_time=UtcTimestamp())


class SeriesRepository(Repository[Series]):
    """The series, which create distributions."""

    entity = Series
    noun = "series"
    listed_by = Action.LIST_SERIES

    async def find_of_asset(
        self, asset_id: uuid.UUID | None, status: SeriesStatus | None, page: int = 1, limit: int = 20
    ) -> Page[Series]:
        """Return one page of series, newest first, of one asset and in one state if asked, with their assets."""
        wanted: dict[Any, Any] = {Series.asset_id: asset_id, Series.status: status}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        rows = self._newest_first().where(*conditions).options(selectinload(Series.asset))
        return await read_page(self.session, rows, page, limit)

    async def find_next_times(self, series_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
        """Return the due time of each series' next distribution; series without one are absent.

        A distribution that was due and waits for approvals is not the next.
        """
        query = (
            select(Distribution.series_id, func.min(Distribution.scheduled_time))
            .where(
                Distribution.series_id.in_(series_ids),
                Distribution.status == DistributionStatus.PENDING,
                Distribution.frozen_at.is_(None),
            )
            .group_by(Distribution.series_id)
        )
        rows = (await self.session.execute(query)).all()
        return {series_id: time for series_id, time in rows if series_id and time}

    async def find_without_next(self, now: datetime) -> Sequence[uuid.UUID]:
        """Return the active recurring series without an occurrence in the future."""
        query = select(Series.id).where(
            Series.execution_type == ExecutionType.RECURRING,
            Series.status == text("'ACTIVE'"),
            ~exists().where(Distribution.series_id == Series.id, *_lies_ahead(now)),
        )
        return (await self.session.scalars(query)).all()

    async def has_next(self, series_id: uuid.UUID, now: datetime) -> bool:
        """Return True if a series has an occurrence in the future."""
        query = select(exists().where(Distribution.series_id == series_id, *_lies_ahead(now)))
        return bool(await self.session.scalar(query))

    async def lock_active(self, series_id: uuid.UUID) -> Series | None:
        """Lock an active series, and read it again: nobody else creates its occurrences meanwhile."""
        query = (
            select(Series)
            .where(Series.id == series_id, Series.status == SeriesStatus.ACTIVE)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self.session.scalar(query)

    async def hold_unpaused(self, series_id: uuid.UUID) -> bool:
        """Lock a series against pause and cancellation until the transaction ends.

        False when it is paused or over already.
        """
        query = select(Series.status).where(Series.id == series_id).with_for_update(read=True)
        return await self.session.scalar(query) in (SeriesStatus.ACTIVE, SeriesStatus.ENDED)

    async def add_distributions(
        self,
        series_id: uuid.UUID,
        scheduled_times: Sequence[datetime],
        *,
        trigger_event_id: uuid.UUID | None = None,
        deposit_amount: Decimal | None = None,
    ) -> Sequence[tuple[uuid.UUID, datetime]]:
        """Create distributions of a series for these times, each once. Return the new ones.

        Args:
            series_id: The series, which has the terms.
            scheduled_times: The due times; a distribution that exists already stays as it is.
            trigger_event_id: The event that triggered it.
            deposit_amount: The amount for a series without one of its own, in whole payment tokens.
        """
        parameters = {
            "series_id": series_id,
            "scheduled_times": list(scheduled_times),
            "trigger_event_id": trigger_event_id,
            "deposit_amount": deposit_amount,
        }
        rows = await self.session.execute(_ADDED_DISTRIBUTIONS, parameters)
        return [(distribution_id, time) for distribution_id, time in rows]

    async def advance(self, series_id: uuid.UUID, next_number: int) -> None:
        """Write the number of the next occurrence to create."""
        await self.session.execute(update(Series).where(Series.id == series_id).values(next_number=next_number))

    async def move(self, series_id: uuid.UUID, from_states: set[SeriesStatus], to_state: SeriesStatus) -> bool:
        """Change the state of a series. False when its state is not one of ``from_states``."""
        statement = (
            update(Series)
            .where(Series.id == series_id, Series.status.in_(from_states))
            .values(status=to_state)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1


def _lies_ahead(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Distribution.status == DistributionStatus.PENDING, Distribution.scheduled_time > now
