"""Gross amounts by a rate for each unit, or the same amount for each holder. Exact integers; excluding raises nobody.

The database computes the same in one statement for any number of holders (``db/repositories/rate_shares.py``); a test
compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from masspayout.kernel.errors import LimitExceeded
from masspayout.kernel.money import to_decimal
from masspayout.kernel.states import Rounding


@dataclass(frozen=True, slots=True)
class UnitRate:
    """A rate in the smallest units of both tokens, as a fraction of integers.

    Attributes:
        numerator: The payment token's units for ``denominator`` of the asset's units.
        denominator: The asset's units.
        rounding: The rounding of each holder's amount to a whole unit.
    """

    numerator: int
    denominator: int
    rounding: Rounding = Rounding.DOWN

    @classmethod
    def of(
        cls, rate: Fraction, *, asset_decimals: int, payment_decimals: int, rounding: Rounding = Rounding.DOWN
    ) -> "UnitRate":
        """Return the rate of so many whole payment tokens for a whole unit of the asset, a factor included.

        Raises:
            ValueError: The rate is below zero.
        """
        if rate < 0:
            raise ValueError(f"a rate is not below zero: {rate}")
        units = rate * Fraction(10**payment_decimals, 10**asset_decimals)
        return cls(units.numerator, units.denominator, rounding)

    def gross_units(self, balance_units: int) -> int:
        """Return the amount that a balance gives, rounded to a whole unit."""
        product = balance_units * self.numerator
        units, beyond = divmod(product, self.denominator)
        match self.rounding:
            case Rounding.DOWN:
                return units
            case Rounding.HALF_UP:
                return units + (2 * beyond >= self.denominator)
            case Rounding.HALF_EVEN:
                return units + (2 * beyond > self.denominator - units % 2)

    def rounding_units(self, balance_units: int, gross_units: int) -> Fraction:
        """Return the part of a unit that stays with the payer; below zero if the payer pays more than the rate."""
        return Fraction(balance_units * self.numerator, self.denominator) - gross_units


@dataclass(frozen=True, slots=True)
class GrossAmounts:
    """The gross amounts of all eligible holders.

    Attributes:
        units: The amount of each account, in smallest units.
        rounding_units: The declared sum less that of the amounts: it stays with the payer.
    """

    units: Mapping[str, int]
    rounding_units: Fraction

    @property
    def total_units(self) -> int:
        """The sum of the amounts."""
        return sum(self.units.values())


def by_rate(balances: Mapping[str, int], rate: UnitRate) -> GrossAmounts:
    """Return the amounts that a rate gives for balances in the asset's smallest units."""
    units = {account: rate.gross_units(balance) for account, balance in balances.items() if balance > 0}
    rounding = sum((rate.rounding_units(balances[account], gross) for account, gross in units.items()), Fraction(0))
    return GrossAmounts(units, rounding)


def to_each(balances: Mapping[str, int], each_units: int) -> GrossAmounts:
    """Return the same amount for every account with a balance."""
    return GrossAmounts({account: each_units for account, balance in balances.items() if balance > 0}, Fraction(0))


def require_within(total_units: int, most_units: int | None, decimals: int) -> None:
    """Refuse a total that is above the most that the distribution may cost.

    Raises:
        LimitExceeded: It is.
    """
    if most_units is not None and total_units > most_units:
        raise LimitExceeded(
            f"The rate comes to {to_decimal(total_units, decimals):f}, which is more than the "
            f"{to_decimal(most_units, decimals):f} that the payout may cost.",
            "Check the rate and the register, or allow a higher total.",
        )
