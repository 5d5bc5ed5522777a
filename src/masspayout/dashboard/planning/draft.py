"""A draft: the values of the form as they were typed, and the terms that they give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from masspayout.automation import Trigger, find_zone
from masspayout.db.entities import Asset, ExecutionType
from masspayout.distributions import PayoutList
from masspayout.kernel.durations import parse_duration
from masspayout.kernel.errors import Invalid
from masspayout.kernel.money import parse_amount, to_decimal
from masspayout.kernel.payout_terms import TERMS, PayoutTerms
from masspayout.kernel.terms import Term, Unit

LIST = "LIST"


@dataclass(frozen=True, slots=True)
class Draft:
    """The values of the form, as they were typed.

    Attributes:
        asset: The asset whose holders are paid.
        typed: Texts by the names of terms. The payout type may be ``LIST``; the trigger is its least deposit.
        payout_list: The list that was uploaded, where one is to be paid.
    """

    asset: Asset
    typed: Mapping[str, str]
    payout_list: PayoutList | None

    @property
    def is_list(self) -> bool:
        """True if a payout list is to be paid."""
        return self.typed["payout_type"] == LIST

    @property
    def makes_series(self) -> bool:
        """True for payouts that come again and again."""
        return self.execution_type in (ExecutionType.RECURRING, ExecutionType.AUTOMATIC)

    @property
    def execution_type(self) -> ExecutionType:
        """The start of the payout."""
        return ExecutionType(self.typed["execution_type"])

    def terms(self) -> PayoutTerms:
        """Return the terms: those that payouts of this kind have, as far as they were filled in.

        Raises:
            Invalid: A value has the wrong form.
        """
        asked = [term for term in TERMS.values() if is_asked(term, self.execution_type, is_list=self.is_list)]
        values = {term.name: self._read(term, self.typed[term.name].strip()) for term in asked}
        return PayoutTerms(**{name: value for name, value in values.items() if value is not None})

    def _read(self, term: Term, text: str) -> Any:
        """Read the text of a term; None where it was left empty."""
        if term.name == "trigger_condition":
            return str(Trigger(self._decimal(text) if text else None))
        if not text:
            return None
        readers: Mapping[type, Callable[[str], Any]] = {
            Decimal: self._decimal,
            datetime: self._time,
            list: lambda accounts: accounts.replace(",", " ").split(),
            int: lambda number: _number(term, number),
        }
        return readers.get(term.kind, term.kind)(text)

    def _decimal(self, text: str) -> Decimal:
        decimals = self.asset.payment_token_decimals or 0
        return to_decimal(parse_amount(text, decimals), decimals)

    def _time(self, text: str) -> datetime:
        """Read a date and time of the draft's zone."""
        try:
            return datetime.fromisoformat(text).replace(tzinfo=find_zone(self.typed["time_zone"].strip() or "UTC"))
        except ValueError:
            raise Invalid(f"{text!r} is not a date and time.", "Write it as 2030-03-31T09:00.") from None


def is_asked(term: Term, execution: ExecutionType, *, is_list: bool) -> bool:
    """Return True if a form asks for a term: payouts of its kind have it."""
    return execution in term.executions and (term.is_listed if is_list else term.is_divided)


def _number(term: Term, text: str) -> int:
    if term.unit is Unit.SECONDS:
        return int(parse_duration(text).total_seconds())
    least, most = term.bounds or (0, 0)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise Invalid(f"{text!r} is not a number from {least:,} to {most:,}.", f"Fill in “{term.label}” with one.")
    return int(text)
