"""A calendar of a month or two: what is due on which day."""

import calendar
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from masspayout.dashboard.markup import Html, h

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is due on a day; what does not exist yet, but will, is projected."""

    day: date
    label: str
    title: str
    path: str
    is_projected: bool = False


def month_calendar(first: date, today: date, entries: Iterable[Entry]) -> Html:
    """Return the calendar of the month that a day lies in."""
    by_day: dict[date, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_day[entry.day].append(entry)
    days = calendar.Calendar().itermonthdates(first.year, first.month)
    cells = [_day(day, by_day[day], is_other=day.month != first.month, is_today=day == today) for day in days]
    return h("div", (h("span", name, class_="weekday") for name in _WEEKDAYS), cells, class_="calendar")


def _day(day: date, entries: list[Entry], *, is_other: bool, is_today: bool) -> Html:
    classes = " ".join(("day", *(("other",) if is_other else ()), *(("today",) if is_today else ())))
    shown = [
        h(
            "a",
            entry.label,
            href=entry.path,
            title=entry.title,
            class_="event projected" if entry.is_projected else "event",
        )
        for entry in entries[:_MOST_SHOWN]
    ]
    more = len(entries) - len(shown)
    return h("div", h("b", day.day), shown, h("span", f"+{more}", class_="faint") if more else None, class_=classes)
