"""The terms of a payout, as somebody wants it: checked before anything is written."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType, PayoutType
from masspayout.db.types import uuid7
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import to_units
from masspayout.kernel.next_steps import Field
from masspayout.kernel.types import PaymentToken

_FARTHEST_AHEAD = timedelta(days=36_525)

# What each kind of execution must be told about when to pay, and what it may be told besides.
_TIMING_NEEDED: dict[ExecutionType, tuple[str, ...]] = {
    ExecutionType.MANUAL: (),
    ExecutionType.SCHEDULED: ("scheduled_time",),
    ExecutionType.RECURRING: ("frequency", "start_time"),
    ExecutionType.AUTOMATIC: ("trigger_condition",),
}
_TIMING_ALLOWED: dict[ExecutionType, tuple[str, ...]] = {
    ExecutionType.RECURRING: ("end_time", "time_zone", "catch_up_seconds"),
}
TIMING = frozenset(name for names in (*_TIMING_NEEDED.values(), *_TIMING_ALLOWED.values()) for name in names)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a payout. ``amount`` is in whole payment tokens.

    ``id`` is its id, given where the same request may arrive twice.
    """

    type: DistributionType
    payout_type: PayoutType | None
    amount: Decimal | None
    execution_type: ExecutionType = ExecutionType.MANUAL
    concept: str | None = None
    record_time: datetime | None = None
    scheduled_time: datetime | None = None
    excluded_accounts: Sequence[str] = field(default=())
    included_accounts: Sequence[str] = field(default=())
    id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class ListTerms:
    """The terms of a payout list, beside the list itself.

    Attributes:
        type: The type of the payout.
        concept: The name of the payout. The same list is paid once for the same concept.
        again: How many times it is to be paid for the same concept: 2 makes the second payout.
        allow_unpayable: Take it although some of its accounts cannot receive the token.
        id: The id of the payout; it is given where the same request may arrive twice.
    """

    type: DistributionType = DistributionType.SNAPSHOT
    concept: str | None = None
    again: int = 1
    allow_unpayable: bool = False
    id: uuid.UUID | None = None


def from_terms(asset: Asset, terms: Terms, token: PaymentToken, *, amount_required: bool = True) -> Distribution:
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
    return Distribution(
        id=terms.id or uuid7(),
        asset_id=asset.id,
        type=terms.type,
        execution_type=terms.execution_type,
        payout_type=terms.payout_type,
        amount=terms.amount,
        concept=terms.concept,
        record_time=terms.record_time,
        scheduled_time=terms.scheduled_time,
        excluded_accounts=[canonical_account_id(account) for account in terms.excluded_accounts],
        included_accounts=[canonical_account_id(account) for account in terms.included_accounts],
    )


def timing_misfits(execution: ExecutionType, given: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the fields that a kind of execution needs and lacks, and those that make no sense with it.

    Args:
        execution: The kind of execution.
        given: Those of ``TIMING`` that are given.
    """
    needed = _TIMING_NEEDED[execution]
    missing = [name for name in needed if name not in given]
    return missing, sorted(set(given) - {*needed, *_TIMING_ALLOWED.get(execution, ())})


def check_schedule(terms: Terms, now: datetime) -> None:
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
