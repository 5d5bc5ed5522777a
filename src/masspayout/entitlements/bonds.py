"""Bonds: assets with terms, from which the schedule of their payments follows."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from masspayout import audit
from masspayout.db.entities import Asset, Bond
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.entitlements import calendars
from masspayout.entitlements.bond_terms import BondTerms
from masspayout.entitlements.calendars import HolidayCalendar
from masspayout.entitlements.schedules import FactorChange, ScheduledPayment, schedule_of
from masspayout.kernel.business_days import DaysBefore
from masspayout.kernel.errors import Conflict, NotFound
from masspayout.kernel.next_steps import Action

_TERMS = [field.name for field in fields(BondTerms)]


@dataclass(frozen=True, slots=True)
class BondDetail:
    """A bond with its schedule.

    Attributes:
        asset: The asset that is the bond.
        bond: The stored row.
        terms: The terms.
        factors: The changes of the factor.
        calendar: The calendar as it is now.
        schedule: All payments, the first one first.
    """

    asset: Asset
    bond: Bond
    terms: BondTerms
    factors: Sequence[FactorChange]
    calendar: HolidayCalendar
    schedule: Sequence[ScheduledPayment]

    @property
    def calendar_changed(self) -> bool:
        """True if the calendar has other days than when the terms were set."""
        return self.calendar.version != self.bond.calendar_version


async def set_terms(work: UnitOfWork, asset: Asset, terms: BondTerms) -> BondDetail:
    """Write the terms of a bond, in place of those that were there. Changes of the factor stay.

    Raises:
        Conflict: The asset has no payment token.
        Invalid: The terms contradict each other, the calendar, or the changes of the factor.
        NotFound: There is no such calendar.
    """
    if asset.payment_token_id is None:
        raise Conflict(
            f"Asset {asset.token_id} has no payment token, so its par has no currency.",
            "Name one with: ",
            Action.NAME_PAYMENT_TOKEN.on(asset.token_id),
        )
    terms.check()
    before = await work.bonds.find_of_asset(asset.id, lock=True)
    factors = [] if before is None else await _factors(work, before)
    calendar = await _calendar_of(work, terms)
    schedule = schedule_of(terms, calendar.business_days, factors)
    written = _columns(terms, calendar)
    recorded = None if before is None else {name: getattr(before, name) for name in written}
    bond = await work.bonds.set_terms(asset.id, written)
    if recorded is None:
        audit.record(work, "bond.created", bond.id, after={"asset_id": asset.id, **written})
    else:
        audit.record_change(work, "bond.changed", bond.id, recorded, written)
    return BondDetail(asset, bond, terms, factors, calendar, schedule)


async def set_factor(work: UnitOfWork, asset: Asset, effective_date: date, factor: Decimal) -> BondDetail:
    """Write the part of a bond's par that is outstanding from a coupon date on; the difference is repaid on it.

    Raises:
        Invalid: The date is no coupon date before maturity, or the factor is above the one before.
        NotFound: The asset is no bond.
    """
    bond = await _bond_of(work, asset, lock=True)
    before = dict(await _factors(work, bond))
    await work.bonds.set_factor(bond.id, effective_date, factor)
    audit.record(
        work,
        "bond.factor_set",
        bond.id,
        before={"effective_date": effective_date, "factor": before.get(effective_date)},
        after={"effective_date": effective_date, "factor": factor},
    )
    return await read(work, asset)


async def read(work: UnitOfWork, asset: Asset) -> BondDetail:
    """Return the bond of an asset with its schedule.

    Raises:
        Invalid: The calendar has changed, so that the schedule is not possible any more.
        NotFound: The asset is no bond.
    """
    bond = await _bond_of(work, asset)
    terms, factors = _terms_of(bond), await _factors(work, bond)
    calendar = await _calendar_of(work, terms)
    return BondDetail(asset, bond, terms, factors, calendar, schedule_of(terms, calendar.business_days, factors))


async def _bond_of(work: UnitOfWork, asset: Asset, *, lock: bool = False) -> Bond:
    bond = await work.bonds.find_of_asset(asset.id, lock=lock)
    if bond is None:
        raise NotFound(
            f"Asset {asset.token_id} has no terms of a bond.", "Set them with: ", Action.SET_BOND.on(asset.token_id)
        )
    return bond


async def _factors(work: UnitOfWork, bond: Bond) -> Sequence[FactorChange]:
    return [FactorChange(each.effective_date, each.factor) for each in await work.bonds.find_factors(bond.id)]


async def _calendar_of(work: UnitOfWork, terms: BondTerms) -> HolidayCalendar:
    """Return the calendar of all years of a bond. A date near a new year may move beyond it."""
    return await calendars.read(work, terms.calendar, terms.issue_date.year, terms.maturity_date.year, years_around=1)


def _columns(terms: BondTerms, calendar: HolidayCalendar) -> dict[str, object]:
    columns = {name: getattr(terms, name) for name in _TERMS}
    name = None if terms.calendar is None else calendar.name
    return {**columns, "calendar": name, "record_rule": str(terms.record_rule), "calendar_version": calendar.version}


def _terms_of(bond: Bond) -> BondTerms:
    columns = {name: getattr(bond, name) for name in _TERMS}
    return BondTerms(**{**columns, "record_rule": DaysBefore.parse(bond.record_rule)})
