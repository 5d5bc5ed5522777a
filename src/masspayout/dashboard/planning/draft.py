"""A draft: what was filled in, turned into the terms of a payout or the plan of a series."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from masspayout.automation import DEFAULT_CATCH_UP, Calendar, Trigger, find_zone
from masspayout.db.entities import Asset, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.distributions import PayoutList, Terms
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import parse_amount, to_decimal

LIST = "LIST"


@dataclass(frozen=True, slots=True)
class Draft:
    """The form's values, as they were typed. ``source`` is a payout type, or ``LIST``."""

    asset: Asset
    decimals: int
    kind: str
    concept: str
    source: str
    amount: str
    execution: str
    at: str
    frequency: str
    start: str
    end: str
    zone: str
    minimum: str
    record: str
    excluded: str
    included: str
    payout_list: PayoutList | None

    @property
    def makes_series(self) -> bool:
        """Return whether the draft is of a series."""
        return self.execution in (ExecutionType.RECURRING, ExecutionType.AUTOMATIC)

    @property
    def distribution_type(self) -> DistributionType:
        """The type of the payout."""
        return DistributionType(self.kind)

    def terms(self) -> Terms:
        """Return the terms of a payout that is divided among holders.

        Raises:
            Invalid: Something is missing or has the wrong form.
        """
        is_scheduled = self.execution == ExecutionType.SCHEDULED
        return Terms(
            type=self.distribution_type,
            payout_type=PayoutType(self.source),
            amount=self._decimal(self.amount),
            execution_type=ExecutionType(self.execution),
            concept=self.concept.strip() or None,
            record_time=None if self.makes_series else self._time(self.record),
            scheduled_time=self._time(self.at) if is_scheduled else None,
            excluded_accounts=self.excluded.replace(",", " ").split(),
            included_accounts=self.included.replace(",", " ").split(),
        )

    def plan(self) -> Calendar | Trigger:
        """Return what makes the payouts of a series.

        Raises:
            Invalid: Something is missing or has the wrong form.
        """
        if self.execution == ExecutionType.AUTOMATIC:
            return Trigger(self._decimal(self.minimum))
        start = self._time(self.start)
        if start is None:
            raise Invalid("The first payment time is missing.", "Fill in “First payment”.")
        return Calendar(Frequency(self.frequency), start, self._time(self.end), self.zone, DEFAULT_CATCH_UP)

    def _decimal(self, text: str) -> Decimal | None:
        if not text.strip():
            return None
        return to_decimal(parse_amount(text, self.decimals), self.decimals)

    def _time(self, text: str) -> datetime | None:
        """Read a date and time of the draft's zone."""
        if not text.strip():
            return None
        try:
            return datetime.fromisoformat(text.strip()).replace(tzinfo=find_zone(self.zone))
        except ValueError:
            raise Invalid(f"{text!r} is not a date and time.", "Write it as 2030-03-31T09:00.") from None
