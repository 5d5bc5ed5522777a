"""Entitlements: the amount that each holder is owed, and the freeze that writes it."""

from masspayout.entitlements import bonds, calendars, freezing, register_hashes
from masspayout.entitlements.bond_terms import BondTerms
from masspayout.entitlements.bonds import BondDetail
from masspayout.entitlements.calendars import HolidayCalendar
from masspayout.entitlements.freezing import (
    FreezeReading,
    excluded_accounts,
    freeze,
    freeze_offer,
    nobody_holds,
    nothing_to_pay,
    payment_token_of,
    record_freeze,
    require_explicit_amounts,
    stage_balances,
)
from masspayout.entitlements.register_hashes import HashCheck, HashState
from masspayout.entitlements.schedules import FactorChange, ScheduledPayment

__all__ = [
    "BondDetail",
    "BondTerms",
    "FactorChange",
    "FreezeReading",
    "HashCheck",
    "HashState",
    "HolidayCalendar",
    "ScheduledPayment",
    "bonds",
    "calendars",
    "excluded_accounts",
    "freeze",
    "freeze_offer",
    "freezing",
    "nobody_holds",
    "nothing_to_pay",
    "payment_token_of",
    "record_freeze",
    "register_hashes",
    "require_explicit_amounts",
    "stage_balances",
]
