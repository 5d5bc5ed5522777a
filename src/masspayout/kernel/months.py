"""Months of the calendar: dates a number of months apart, each counted from an anchor, so that nothing drifts."""

import calendar
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

MONTHS_PER_YEAR = 12

AnyDate = TypeVar("AnyDate", bound=date)


def months_later(day: AnyDate, months: int) -> AnyDate:
    """Return the same day some months later, or the month's last day where the month has no such day."""
    year, month_index = divmod(day.year * MONTHS_PER_YEAR + day.month - 1 + months, MONTHS_PER_YEAR)
    last_day = calendar.monthrange(year, month_index + 1)[1]
    return day.replace(year=year, month=month_index + 1, day=min(day.day, last_day))


@dataclass(frozen=True, slots=True)
class RegularDates:
    """Regular dates: an anchor, number 0, and all dates a whole number of intervals before and after it."""

    anchor: date
    interval_months: int

    def nth(self, number: int) -> date:
        """Return a date by its number."""
        return months_later(self.anchor, number * self.interval_months)

    def number_at(self, day: date) -> int:
        """Return the number of the last of the dates that is not after a day."""
        months = (day.year - self.anchor.year) * MONTHS_PER_YEAR + day.month - self.anchor.month
        number = months // self.interval_months
        return number if self.nth(number) <= day else number - 1

    def __contains__(self, day: date) -> bool:
        """Return True if a day is one of the dates."""
        return self.nth(self.number_at(day)) == day
