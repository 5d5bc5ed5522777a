"""Calendars: the days without business of exchanges, central banks and countries, and days of the operator's own.

A calendar is named by a code, or by several joined with ``+``: ``XECB+US`` does business where both do. A version,
which is a hash of the days, tells whether a calendar is still the same as when dates were worked out with it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from masspayout import audit
from masspayout.db.entities import CalendarDay
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.business_days import SATURDAY_AND_SUNDAY, BusinessCalendar
from masspayout.kernel.deferred import deferred
from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.kernel.next_steps import Action

if TYPE_CHECKING:
    from masspayout.entitlements import public_holidays
else:
    public_holidays = deferred("masspayout.entitlements.public_holidays")

WEEKENDS = "WEEKENDS"

_NAME = re.compile(r"[A-Z0-9]{2,12}(-[A-Z0-9]{1,6})?", re.ASCII)
_MOST_PARTS = 5
_MOST_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day without business besides weekends.

    Attributes:
        day: The day.
        text: Its name.
        calendar: The code of the calendar that has it.
        is_own: True if the operator added it.
    """

    day: date
    text: str
    calendar: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Some years of a calendar.

    Attributes:
        name: Its name, such as ``XECB+US``.
        closed: The days without business besides weekends, in their order.
        business_days: The same as data to count with.
        version: The hash of weekends and days.
    """

    name: str
    closed: Sequence[ClosedDay]
    business_days: BusinessCalendar
    version: str


async def read(
    work: UnitOfWork, name: str | None, first_year: int, last_year: int, *, years_around: int = 0
) -> HolidayCalendar:
    """Return some years of a calendar; of Saturdays and Sundays alone if there is no name.

    Args:
        work: The caller's transaction.
        name: The name.
        first_year: The first year that is needed.
        last_year: The last one.
        years_around: The number of years before and after that belong to it as well, as far as the calendar is known.

    Raises:
        Invalid: The name has the wrong form, or the calendar does not reach so far.
        NotFound: There is no calendar of this name.
    """
    years = range(first_year - years_around, last_year + years_around + 1)
    weekend = SATURDAY_AND_SUNDAY if name is None else frozenset[int]()
    closed: list[ClosedDay] = []
    codes = [] if name is None else _codes(name)
    own = await work.calendar_days.find(codes)
    for code in codes:
        own_days = [day for day in own if day.calendar == code]
        found = public_holidays.find(code, years)
        if found is None and not own_days:
            raise _unknown(code)
        if found is not None:
            _require_known(code, first_year, last_year, found)
            years = range(max(years.start, found.first_year), min(years.stop, found.last_year + 1))
            closed += [ClosedDay(day, text, code, is_own=False) for day, text in found.days.items()]
        weekend |= SATURDAY_AND_SUNDAY if found is None else found.weekend
        closed += [ClosedDay(own.day, own.description, code, is_own=True) for own in own_days]
    closed = sorted((each for each in closed if each.day.year in years), key=lambda each: (each.day, each.calendar))
    joined = "+".join(codes) or WEEKENDS
    business_days = BusinessCalendar(
        joined,
        date(years.start, 1, 1),
        date(years.stop - 1, 12, 31),
        frozenset(each.day for each in closed),
        weekend,
    )
    return HolidayCalendar(joined, closed, business_days, _version(business_days))


async def add_day(work: UnitOfWork, name: str, day: date, text: str) -> CalendarDay:
    """Add a day without business to a calendar; an unknown code becomes a calendar of the operator's own.

    Raises:
        Invalid: The name is none of a single calendar, or there is no text.
        Conflict: The calendar has the day already.
    """
    code = _single_code(name)
    text = " ".join(text.split())
    if not 0 < len(text) <= _MOST_DESCRIPTION:
        raise Invalid(
            f"A day needs a name of at most {_MOST_DESCRIPTION} characters.", "Write what day it is: Company holiday."
        )
    found = public_holidays.find(code, range(day.year, day.year + 1))
    added = None if found is not None and day in found.days else await work.calendar_days.add(code, day, text)
    if added is None:
        raise Conflict(f"{code} does no business on {day} already.", "See: ", Action.SHOW_CALENDAR.on(code, day.year))
    audit.record(work, "calendar.day_added", code, after={"day": day, "text": text})
    return added


async def remove_day(work: UnitOfWork, name: str, day: date) -> str:
    """Remove a day that the operator added to a calendar, and return the day's name.

    Raises:
        Invalid: The name is none of a single calendar.
        NotFound: The operator added no such day.
    """
    code = _single_code(name)
    text = await work.calendar_days.remove(code, day)
    if text is None:
        raise NotFound(
            f"{day} was not added to {code} by anybody, so it cannot be removed.",
            "See the days that were: ",
            Action.SHOW_CALENDAR.on(code, day.year),
        )
    audit.record(work, "calendar.day_removed", code, before={"day": day, "text": text})
    return text


def _codes(name: str) -> list[str]:
    """Return the codes of a joined name, each one once, in alphabetical order."""
    codes = sorted({code.strip() for code in name.upper().split("+")})
    if not all(map(_NAME.fullmatch, codes)) or len(codes) > _MOST_PARTS:
        raise Invalid(
            f"{name!r} is not the name of a calendar.",
            "Write a code such as XECB, US or DE-BY, or up to five of them joined with +: XECB+US.",
        )
    return codes


def _single_code(name: str) -> str:
    codes = _codes(name)
    if len(codes) > 1:
        raise Invalid(f"{name!r} joins several calendars.", f"Name one of them: {codes[0]}.")
    return codes[0]


def _require_known(code: str, first_year: int, last_year: int, found: "public_holidays.PublicHolidays") -> None:
    if first_year < found.first_year or last_year > found.last_year:
        asked = str(first_year) if first_year == last_year else f"{first_year} to {last_year}"
        raise Invalid(
            f"The calendar {code} is known from {found.first_year} to {found.last_year}, and not for {asked}.",
            "Choose another calendar, or other dates.",
        )


def _unknown(code: str) -> NotFound:
    return NotFound(
        f"There is no calendar {code!r}.",
        "Use the code of an exchange or a central bank (XNYS, XECB for TARGET) or of a country (US, DE-BY), "
        "or begin one of your own: ",
        Action.ADD_CALENDAR_DAY.on(code),
    )


def _version(calendar: BusinessCalendar) -> str:
    """Return the hash of the days of the week and of the year without business: names change nothing."""
    weekend = "".join(map(str, sorted(calendar.weekend)))
    days = sorted(day.isoformat() for day in calendar.holidays if day.weekday() not in calendar.weekend)
    return sha256("\n".join([weekend, *days]).encode()).hexdigest()
