"""Queries on ``calendar_day``."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import CalendarDay
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7


class CalendarDays(Repository[CalendarDay]):
    """The operator's own days without business."""

    entity = CalendarDay
    noun = "calendar day"

    async def find(self, calendars: Collection[str]) -> Sequence[CalendarDay]:
        """Return all days of some calendars, in their order."""
        query = select(CalendarDay).where(CalendarDay.calendar.in_(calendars))
        return (await self.session.scalars(query.order_by(CalendarDay.day, CalendarDay.calendar))).all()

    async def add(self, calendar: str, day: date, description: str) -> CalendarDay | None:
        """Write a day. None when the calendar has it already."""
        statement = (
            insert(CalendarDay)
            .values(id=uuid7(), calendar=calendar, day=day, description=description)
            .on_conflict_do_nothing(index_elements=[CalendarDay.calendar, CalendarDay.day])
            .returning(CalendarDay)
        )
        return (await self.session.scalars(statement)).one_or_none()

    async def remove(self, calendar: str, day: date) -> str | None:
        """Delete a day and return its description. None when the calendar has no such day of the operator's."""
        statement = (
            delete(CalendarDay)
            .where(CalendarDay.calendar == calendar, CalendarDay.day == day)
            .returning(CalendarDay.description)
        )
        return await self.session.scalar(statement)
