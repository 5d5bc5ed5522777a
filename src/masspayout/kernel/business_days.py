"""Business days: calendars as data, the conventions that move a date to one of them, and counting in them.

The conventions are those of ISDA's definitions and FpML. The days of a calendar come from the caller.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from masspayout.kernel.errors import Invalid

SATURDAY_AND_SUNDAY = frozenset({5, 6})

_ONE_DAY = timedelta(days=1)
_OFFSET = re.compile(r"-?(?P<count>[0-9]{1,3})(?P<unit>bd|d)", re.ASCII)


class BusinessDayConvention(StrEnum):
    """The move of a date that is no business day."""

    FOLLOWING = "FOLLOWING"
    MODIFIED_FOLLOWING = "MODIFIED_FOLLOWING"
    PRECEDING = "PRECEDING"
    MODIFIED_PRECEDING = "MODIFIED_PRECEDING"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The days on which a place does no business, from a first to a last day.

    Attributes:
        name: The name of the calendar.
        first: The first day that the calendar knows about.
        last: The last one.
        holidays: The days without business besides weekends.
        weekend: The days of the week without business, Monday being 0.
    """

    name: str
    first: date
    last: date
    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY

    def is_business_day(self, day: date) -> bool:
        """Return True if there is business on a day.

        Raises:
            Invalid: The calendar does not reach so far.
        """
        if not self.first <= day <= self.last:
            raise Invalid(
                f"The calendar {self.name} says nothing of {day}: it is known from {self.first} to {self.last}.",
                "Choose another calendar, or other dates.",
            )
        return day.weekday() not in self.weekend and day not in self.holidays

    def adjust(self, day: date, convention: BusinessDayConvention) -> date:
        """Return a day as a convention moves it to a business day."""
        match convention:
            case BusinessDayConvention.NONE:
                return day
            case BusinessDayConvention.FOLLOWING:
                return self._next(day, _ONE_DAY)
            case BusinessDayConvention.PRECEDING:
                return self._next(day, -_ONE_DAY)
            case BusinessDayConvention.MODIFIED_FOLLOWING:
                moved = self._next(day, _ONE_DAY)
                return moved if moved.month == day.month else self._next(day, -_ONE_DAY)
            case BusinessDayConvention.MODIFIED_PRECEDING:
                moved = self._next(day, -_ONE_DAY)
                return moved if moved.month == day.month else self._next(day, _ONE_DAY)

    def business_days_before(self, day: date, count: int) -> date:
        """Return the business day that is so many of them before a day; for 0 the day itself."""
        for _ in range(count):
            day = self._next(day - _ONE_DAY, -_ONE_DAY)
        return day

    def _next(self, day: date, step: timedelta) -> date:
        """Return the first business day from a day on, in the direction of a step."""
        while not self.is_business_day(day):
            day += step
        return day


@dataclass(frozen=True, slots=True)
class DaysBefore:
    """A rule for a date before another one: ``-1bd`` is one business day before, ``-15d`` are fifteen days before."""

    count: int
    is_in_business_days: bool = True

    @classmethod
    def parse(cls, text: str) -> "DaysBefore":
        """Return the rule that a text says.

        Raises:
            Invalid: The text is no such rule.
        """
        found = _OFFSET.fullmatch(text.strip())
        if found is None or (int(found["count"]) and not text.strip().startswith("-")):
            raise Invalid(
                f"{text!r} is not a rule for a record date.",
                "Write -1bd for one business day before the payment, -15d for fifteen days, 0d for the same day.",
            )
        return cls(int(found["count"]), found["unit"] == "bd")

    def __str__(self) -> str:
        """Return the rule as it is written."""
        return f"{-self.count}{'bd' if self.is_in_business_days else 'd'}"

    def of(self, day: date, calendar: BusinessCalendar) -> date:
        """Return the date that the rule gives for a day."""
        if self.is_in_business_days:
            return calendar.business_days_before(day, self.count)
        return day - timedelta(days=self.count)
