"""Checks of the terms of a payout, before anything is written, and the distribution that they describe."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from masspayout.db.entities import Asset, Distribution, ExecutionType
from masspayout.db.types import uuid7
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import to_units
from masspayout.kernel.next_steps import Field
from masspayout.kernel.payout_terms import DISTRIBUTION_TERMS, TERMS, PayoutTerms
from masspayout.kernel.types import PaymentToken

_FARTHEST_AHEAD = timedelta(days=36_525)


def from_terms(asset: Asset, terms: PayoutTerms, token: PaymentToken, *, amount_required: bool = True) -> Distribution:
    """Return the distribution that terms describe, not written yet.

    Raises:
        Invalid: The payout type or the amount is missing, or the amount or an account has the wrong form.
    """
    if terms.payout_type is None:
        raise Invalid(
            "The payout type is missing.",
            "Add ",
            Field.PAYOUT_TYPE,
            " PERCENTAGE (pro rata to balances) or ",
            Field.PAYOUT_TYPE,
            " FIXED (equal amounts).",
        )
    if terms.amount is None and amount_required:
        raise Invalid("The amount is missing.", "Add ", Field.AMOUNT, " with a number above 0.")
    if terms.amount is not None:
        if not terms.amount.is_finite() or terms.amount <= 0:
            raise Invalid(
                f"{terms.amount} is not an amount that can be paid out.",
                "Add ",
                Field.AMOUNT,
                " with a number above 0.",
            )
        to_units(terms.amount, token.decimals)
    return Distribution(id=terms.id or uuid7(), asset_id=asset.id, **columns(terms, DISTRIBUTION_TERMS))


def columns(terms: PayoutTerms, names: Sequence[str]) -> dict[str, Any]:
    """Return the values of the columns that some terms fill, with account ids in their canonical form."""
    values = {name: getattr(terms, name) for name in names}
    accounts = {name: value for name, value in values.items() if TERMS[name].kind is list}
    return values | {name: [canonical_account_id(account) for account in value] for name, value in accounts.items()}


def check_schedule(terms: PayoutTerms, now: datetime) -> None:
    """Refuse a time without SCHEDULED, SCHEDULED without a time, and times that cannot be met.

    Raises:
        Invalid: The terms are of that kind.
    """
    if terms.execution_type not in (ExecutionType.MANUAL, ExecutionType.SCHEDULED):
        raise Invalid(f"A single payout cannot be {terms.execution_type}: a series creates those.", "Create a series.")
    if terms.execution_type is ExecutionType.MANUAL:
        if terms.scheduled_time is not None:
            raise Invalid(
                "A MANUAL payout has no time: you start it yourself.", "Add ", Field.EXECUTION_TYPE, " SCHEDULED."
            )
        return
    if terms.scheduled_time is None:
        raise Invalid(
            "The payment time is missing.",
            "Add ",
            Field.SCHEDULED_TIME,
            ", such as ",
            Field.SCHEDULED_TIME,
            " 2030-03-31T09:00.",
        )
    require_ahead(terms.scheduled_time, now, what="time")
    if terms.record_time is not None and terms.record_time > terms.scheduled_time:
        raise Invalid(
            f"The record time {terms.record_time:%Y-%m-%d %H:%M:%S %Z} lies after the payout.",
            "Choose a record time up to the time of the payout, or leave it out.",
        )


def require_ahead(time: datetime, now: datetime, *, what: str) -> None:
    """Refuse a time that has passed, or that no calendar is made for.

    Raises:
        Invalid: It does not lie ahead, or more than a century.
    """
    if time <= now:
        raise Invalid(
            f"The {what} {time:%Y-%m-%d %H:%M:%S %Z} has passed: it is {now:%Y-%m-%d %H:%M:%S %Z}.",
            "Choose a time that lies ahead.",
        )
    if time > now + _FARTHEST_AHEAD:
        raise Invalid(f"The {what} {time:%Y-%m-%d %H:%M:%S %Z} lies more than a century ahead.", "Check the year.")
