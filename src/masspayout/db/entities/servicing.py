"""Servicing: the terms of bonds, and the operator's own days of calendars."""

import uuid
from datetime import date
from decimal import Decimal

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from masspayout.db.entities.base import Base, one_of
from masspayout.db.types import OneOf
from masspayout.kernel.business_days import BusinessDayConvention
from masspayout.kernel.day_counts import DayCount


class CalendarDay(Base):
    """A day without business that the operator added to a calendar: one of the library's, or one of their own."""

    __tablename__ = "calendar_day"
    __table_args__ = (UniqueConstraint("calendar", "day", name="idx_calendar_day"),)

    calendar: Mapped[str]
    day: Mapped[date]
    description: Mapped[str]


class Bond(Base):
    """The terms of an asset that is a bond. ``par`` is in whole payment tokens, ``rate`` in per cent a year.

    ``factor`` is the part of par that was outstanding at issue; its changes are in ``bond_factor``.
    ``calendar_version`` is the hash of the calendar's days when the terms were set.
    """

    __tablename__ = "bond"
    __table_args__ = (
        UniqueConstraint("asset_id", name="idx_bond_asset"),
        one_of("day_count", DayCount, "bond"),
        one_of("convention", BusinessDayConvention, "bond"),
        CheckConstraint("par > 0 AND rate >= 0 AND factor > 0 AND factor <= 1", name="bond_amounts_check"),
        CheckConstraint("coupons_a_year IN (1, 2, 4, 12)", name="bond_coupons_a_year_check"),
        CheckConstraint(
            "issue_date < first_coupon_date AND first_coupon_date <= maturity_date", name="bond_dates_check"
        ),
    )

    asset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("asset.id"))
    par: Mapped[Decimal]
    rate: Mapped[Decimal]
    day_count: Mapped[DayCount] = mapped_column(OneOf(DayCount))
    coupons_a_year: Mapped[int] = mapped_column(Integer)
    issue_date: Mapped[date]
    first_coupon_date: Mapped[date]
    last_coupon_date: Mapped[date | None]
    maturity_date: Mapped[date]
    calendar: Mapped[str | None]
    calendar_version: Mapped[str]
    convention: Mapped[BusinessDayConvention] = mapped_column(OneOf(BusinessDayConvention))
    adjusted: Mapped[bool] = mapped_column(Boolean)
    record_rule: Mapped[str]
    time_zone: Mapped[str]
    factor: Mapped[Decimal]


class BondFactor(Base):
    """The part of par that is outstanding from a coupon date on; the difference to the part before is repaid on it."""

    __tablename__ = "bond_factor"
    __table_args__ = (
        UniqueConstraint("bond_id", "effective_date", name="idx_bond_factor_date"),
        CheckConstraint("factor >= 0 AND factor <= 1", name="bond_factor_check"),
    )

    bond_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bond.id"))
    effective_date: Mapped[date]
    factor: Mapped[Decimal]
