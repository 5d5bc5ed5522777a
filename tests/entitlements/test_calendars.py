"""Calendars: those of the package, joined ones, the operator's own days, and what tells that one has changed."""

from datetime import date, timedelta

import pytest
import QuantLib as ql  # noqa: N813 - as its own documentation calls it

import quantlib_oracle as oracle
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.entitlements import HolidayCalendar, calendars
from masspayout.kernel.business_days import BusinessDayConvention
from masspayout.kernel.errors import Conflict, Invalid, NotFound

F, MF, P, MP, NONE = BusinessDayConvention


async def read(database: Database, name: str | None, first: int = 2026, last: int = 2027) -> HolidayCalendar:
    async with database.unit_of_work() as work:
        return await calendars.read(work, name, first, last)


@pytest.mark.parametrize(
    ("name", "day", "moved"),
    [
        ("XECB", date(2026, 4, 3), {F: date(2026, 4, 7), MF: date(2026, 4, 7), P: date(2026, 4, 2)}),
        ("XECB", date(2026, 5, 31), {F: date(2026, 6, 1), MF: date(2026, 5, 29), P: date(2026, 5, 29)}),
        ("XECB", date(2027, 1, 1), {F: date(2027, 1, 4), MF: date(2027, 1, 4), P: date(2026, 12, 31)}),
        ("XNYS", date(2026, 7, 3), {F: date(2026, 7, 6)}),
        ("XECB+US", date(2026, 7, 3), {F: date(2026, 7, 6), NONE: date(2026, 7, 3)}),
        ("XECB", date(2026, 7, 3), {F: date(2026, 7, 3)}),
    ],
)
async def test_dates_move_by_real_calendars(
    database: Database, name: str, day: date, moved: dict[BusinessDayConvention, date]
) -> None:
    calendar = (await read(database, name, 2025, 2028)).business_days
    assert {convention: calendar.adjust(day, convention) for convention in moved} == moved


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("XECB", ql.TARGET()),
        ("XNYS", ql.UnitedStates(ql.UnitedStates.NYSE)),
        ("XLON", ql.UnitedKingdom(ql.UnitedKingdom.Exchange)),
    ],
)
async def test_exchanges_are_open_when_quantlib_says_so(database: Database, name: str, expected: ql.Calendar) -> None:
    calendar = (await read(database, name, 2026, 2035)).business_days
    days = [calendar.first + timedelta(number) for number in range((calendar.last - calendar.first).days + 1)]
    differing = [day for day in days if calendar.is_business_day(day) != expected.isBusinessDay(oracle.to_ql(day))]
    assert differing == []


async def test_a_joined_calendar_does_business_where_all_do(database: Database) -> None:
    joined, first, second = [await read(database, name) for name in ("us + XECB+US", "XECB", "US")]
    assert joined.name == "US+XECB"
    assert joined.business_days.holidays == first.business_days.holidays | second.business_days.holidays
    assert {day.calendar for day in joined.closed} == {"US", "XECB"}
    assert (await read(database, "XECB+US")).version == joined.version
    assert (await read(database, "IL+US")).business_days.weekend == {4, 5, 6}


async def test_without_a_name_there_are_weekends_alone(database: Database) -> None:
    calendar = await read(database, None)
    assert (calendar.name, calendar.closed) == ("WEEKENDS", [])
    assert calendar.business_days.adjust(date(2026, 12, 26), F) == date(2026, 12, 28)


async def test_a_part_of_a_country_has_more_days(database: Database) -> None:
    bavaria, germany = [(await read(database, name)).business_days for name in ("DE-BY", "DE")]
    assert date(2026, 1, 6) in bavaria.holidays - germany.holidays


async def test_days_of_ones_own_count_in_a_calendar_and_change_its_version(database: Database) -> None:
    before = await read(database, "XECB")
    day = date(2026, 12, 24)
    async with database.unit_of_work() as work:
        added = await calendars.add_day(work, "xecb", day, "  Company \n holiday ")
    assert (added.calendar, added.description) == ("XECB", "Company holiday")
    after = await read(database, "XECB")
    assert after.business_days.holidays - before.business_days.holidays == {day}
    assert [(each.text, each.is_own) for each in after.closed if each.day == day] == [("Company holiday", True)]
    assert after.version != before.version
    # Another year is another version, and has none of it.
    assert (await read(database, "XECB", 2028, 2028)).version != after.version
    async with database.unit_of_work() as work:
        assert await calendars.remove_day(work, "XECB", day) == "Company holiday"
    assert await read(database, "XECB") == before


async def test_an_unknown_code_begins_a_calendar_of_ones_own(database: Database) -> None:
    with pytest.raises(NotFound, match="There is no calendar 'ACME'") as refusal:
        await read(database, "ACME+US")
    assert "calendar add-day ACME DATE TEXT" in refusal.value.hint
    async with database.unit_of_work() as work:
        await calendars.add_day(work, "ACME", date(2026, 3, 3), "Founding day")
    own = await read(database, "ACME")
    assert own.business_days.holidays == {date(2026, 3, 3)}
    assert own.business_days.weekend == {5, 6}


async def test_years_that_a_calendar_does_not_know_are_refused(database: Database) -> None:
    with pytest.raises(Invalid, match="The calendar XECB is known from 1999 to 2100, and not for 1990 to 2027"):
        await read(database, "XECB", 1990, 2027)
    with pytest.raises(Invalid, match="and not for 2101"):
        await read(database, "XECB", 2101, 2101)
    async with database.unit_of_work() as work:
        calendar = await calendars.read(work, "XECB+US", 1999, 2100, years_around=1)
    assert (calendar.business_days.first, calendar.business_days.last) == (date(1999, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    "name", ["", "+", "XECB+", "X", "XECB US", "DE--BY", "../US", "A+B+C+D+E+F", "AA+BB+CC+DD+EE+FF"]
)
async def test_what_is_no_name_of_a_calendar_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Invalid, match="is not the name of a calendar"):
        await read(database, name)


@pytest.mark.parametrize("name", ["DE-XX", "QQ", "QQQQ"])
async def test_a_calendar_that_does_not_exist_is_named(database: Database, name: str) -> None:
    with pytest.raises(NotFound, match=f"There is no calendar '{name}'"):
        await read(database, name)


async def refused(work: UnitOfWork, name: str, day: date, text: str = "x") -> str:
    with pytest.raises((Conflict, Invalid)) as refusal:
        await calendars.add_day(work, name, day, text)
    assert refusal.value.hint
    return refusal.value.message


async def test_a_day_that_makes_no_sense_is_not_added(database: Database) -> None:
    async with database.unit_of_work() as work:
        assert await refused(work, "XECB", date(2026, 12, 25)) == "XECB does no business on 2026-12-25 already."
        await calendars.add_day(work, "XECB", date(2026, 12, 24), "x")
        assert await refused(work, "XECB", date(2026, 12, 24)) == "XECB does no business on 2026-12-24 already."
        assert await refused(work, "XECB+US", date(2026, 12, 23)) == "'XECB+US' joins several calendars."
        for text in (" ", "x" * 201):
            assert (
                await refused(work, "XECB", date(2026, 12, 23), text) == "A day needs a name of at most 200 characters."
            )
        with pytest.raises(NotFound, match="2026-12-25 was not added to XECB by anybody"):
            await calendars.remove_day(work, "XECB", date(2026, 12, 25))
