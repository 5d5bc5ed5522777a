"""Trigger conditions of AUTOMATIC series: ``ON_DEPOSIT``, or ``ON_DEPOSIT >= AMOUNT``. Pure, no I/O."""

import re
from dataclasses import dataclass
from decimal import Decimal

from masspayout.kernel.errors import Invalid

_FORM = re.compile(r"ON_DEPOSIT(?:\s*>=\s*(?P<amount>[0-9]+(?:\.[0-9]+)?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The deposits that start a payout: all, or those of a ``minimum_amount``, in whole payment tokens."""

    minimum_amount: Decimal | None = None

    def matches(self, amount: Decimal) -> bool:
        """Return whether a deposit of ``amount`` whole payment tokens starts a payout."""
        return amount > 0 and (self.minimum_amount is None or amount >= self.minimum_amount)

    def __str__(self) -> str:
        """Return the condition as it is stored."""
        return "ON_DEPOSIT" if self.minimum_amount is None else f"ON_DEPOSIT >= {self.minimum_amount:f}"


def parse_trigger(text: str) -> Trigger:
    """Read a trigger condition.

    Raises:
        Invalid: It is none.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise Invalid(f"{text!r} is not a trigger.", "Use ON_DEPOSIT, or with a minimum deposit: 'ON_DEPOSIT >= 1000'.")
    return Trigger(None if found["amount"] is None else Decimal(found["amount"]))
