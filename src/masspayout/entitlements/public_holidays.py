"""Public holidays and days off of exchanges and central banks, from the package ``holidays``.

The package takes long to load, so this module is imported with ``kernel/deferred.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import holidays


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The calendar of a place, as the package has it.

    Attributes:
        first_year: The first year that the package knows.
        last_year: The last one.
        weekend: The days of the week without business, Monday being 0.
        days: The holidays of the years that were asked for, with their names.
    """

    first_year: int
    last_year: int
    weekend: frozenset[int]
    days: Mapping[date, str]


def find(name: str, years: range) -> PublicHolidays | None:
    """Return a calendar for some years; None if the package has none of this name.

    A name is the code of an exchange or a central bank (``XNYS``, ``XECB``), of a country (``US``), or of a country
    with a part of it (``DE-BY``).
    """
    country, _, subdivision = name.partition("-")
    try:
        if name in holidays.list_supported_financial():
            found = holidays.financial_holidays(name, years=years, language="en_US")
        else:
            found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language="en_US")
    except NotImplementedError:
        return None
    return PublicHolidays(found.start_year, found.end_year, frozenset(found.weekend), dict(sorted(found.items())))
