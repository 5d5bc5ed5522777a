"""Use cases of servicing: the terms from which it follows what is owed, and the calendars that move its dates."""

from datetime import date
from decimal import Decimal

from masspayout.context import Context
from masspayout.db.entities import CalendarDay
from masspayout.entitlements import BondDetail, BondTerms, HolidayCalendar, bonds, calendars


class Servicing:
    """Use cases of bonds and calendars. An asset is named by its token id or its UUID.

    Args:
        context: The database and the settings.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def set_bond(self, asset: str, terms: BondTerms) -> BondDetail:
        """Write the terms of a bond, as ``bonds.set_terms`` does."""
        async with self._context.database.unit_of_work() as work:
            return await bonds.set_terms(work, await work.assets.get_by_reference(asset), terms)

    async def set_bond_factor(self, asset: str, effective_date: date, factor: Decimal) -> BondDetail:
        """Write the part of par that is outstanding from a coupon date on, as ``bonds.set_factor`` does."""
        async with self._context.database.unit_of_work() as work:
            return await bonds.set_factor(work, await work.assets.get_by_reference(asset), effective_date, factor)

    async def read_bond(self, asset: str) -> BondDetail:
        """Return a bond with its schedule, as ``bonds.read`` does."""
        async with self._context.database.unit_of_work() as work:
            return await bonds.read(work, await work.assets.get_by_reference(asset))

    async def read_calendar(self, name: str, year: int) -> HolidayCalendar:
        """Return a year of a calendar, as ``calendars.read`` does."""
        async with self._context.database.unit_of_work() as work:
            return await calendars.read(work, name, year, year)

    async def add_calendar_day(self, name: str, day: date, text: str) -> CalendarDay:
        """Add a day without business to a calendar, as ``calendars.add_day`` does."""
        async with self._context.database.unit_of_work() as work:
            return await calendars.add_day(work, name, day, text)

    async def remove_calendar_day(self, name: str, day: date) -> str:
        """Remove a day that the operator added, as ``calendars.remove_day`` does. Return the day's name."""
        async with self._context.database.unit_of_work() as work:
            return await calendars.remove_day(work, name, day)
