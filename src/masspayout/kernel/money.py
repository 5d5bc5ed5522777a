"""Exact amounts: integers of a token's smallest unit inside, ``Decimal`` at the edges, never a binary fraction.

Two forms of the same money are kept apart by their names: ``amount`` is a ``Decimal`` of whole tokens, as people and
the database's ``DECIMAL`` columns have it; ``…_units`` is an ``int`` of the smallest unit, as the ledger has it.
Whoever turns one into the other does it here. The two ways of dividing a total are the reference that the freeze's SQL
is tested against.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Context, Decimal, Inexact
from functools import reduce
from operator import itemgetter

from masspayout.kernel.errors import Invalid

# No ledger counts beyond 256 bits; a bound keeps a hostile number from occupying the machine.
MAX_UNITS = 2**256 - 1
_MAX_DIGITS = len(str(MAX_UNITS))
# The usual context rounds to 28 digits, which a token with 18 decimals exceeds at ten thousand million.
_EXACT = Context(prec=2 * _MAX_DIGITS, traps=[Inexact])
_PLAIN_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


def parse_amount(text: str, decimals: int) -> int:
    """Return the smallest units that a written amount stands for.

    Args:
        text: A plain decimal number such as ``12`` or ``12.50``; white space around it is dropped. Zeros beyond the
            token's decimals change nothing and are accepted.
        decimals: How many decimals the token has.

    Raises:
        Invalid: It is not a plain number, is not above zero, or has more decimals than the token.
    """
    written = text.strip()
    number = _PLAIN_NUMBER.fullmatch(written)
    if number is None:
        raise Invalid(
            f"{text!r} is not an amount.",
            "Write digits, with a point before the decimals: 1250.75. No separators, plus sign, exponent or currency.",
        )
    minus, whole, fraction = number.groups(default="")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise _over_precise(written, decimals)
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("0")
    if not digits:
        raise Invalid(f"The amount {written} is zero.", "Write an amount above zero, or leave the payment out.")
    if minus:
        raise Invalid(f"The amount {written} is negative.", "Write an amount above zero.")
    if len(digits) > _MAX_DIGITS or (units := int(digits)) > MAX_UNITS:
        raise _too_large(written)
    return units


def to_units(amount: Decimal, decimals: int) -> int:
    """Return an amount of whole tokens in smallest units. It may be zero or negative.

    Raises:
        Invalid: It is infinite, not a number, or has more decimals than the token.
    """
    if not amount.is_finite():
        raise Invalid(f"{amount} is not an amount.", "Give a finite number.")
    if not amount:
        return 0
    # The exponent is looked at first: the ratio of 1E+999999999 would be written out in full.
    if amount.adjusted() + decimals >= _MAX_DIGITS:
        raise _too_large(str(amount))
    if amount.adjusted() + decimals < 0:
        raise _over_precise(_written(amount), decimals)
    numerator, denominator = amount.as_integer_ratio()
    units_per_token: int = 10**decimals
    units, beyond = divmod(numerator * units_per_token, denominator)
    if beyond:
        raise _over_precise(_written(amount), decimals)
    return units


def to_decimal(units: int, decimals: int) -> Decimal:
    """Return smallest units as an amount of whole tokens with all the token's decimals written out.

    The point is moved in a context of our own, which raises rather than rounds; the caller's has no say.
    """
    return _EXACT.scaleb(Decimal(units), -decimals)


def add(augend: Decimal, addend: Decimal) -> Decimal:
    """Return the exact sum of two amounts; ``+`` would round it to the caller's context."""
    return _EXACT.add(augend, addend)


def subtract(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Return the exact difference of two amounts; ``-`` would round it to the caller's context."""
    return _EXACT.subtract(minuend, subtrahend)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of any number of amounts; that of none is 0."""
    return reduce(add, amounts, Decimal(0))


def smallest_unit(decimals: int) -> Decimal:
    """Return the smallest amount above zero that a token can express: 0.01 for two decimals."""
    return to_decimal(1, decimals)


def split_pro_rata(total_units: int, balances: Mapping[str, int]) -> dict[str, int]:
    """Divide a total in proportion to balances, to the unit, by the largest remainder.

    Everybody first gets the whole units of their ideal share; the units left over go one each to those whose share was
    cut most. Equal cuts are settled by account id in byte order, so the result does not depend on the order of rows.

    Args:
        total_units: What is divided, above zero.
        balances: What each account holds, in the asset's smallest units. Only accounts above zero are eligible.

    Returns:
        What each eligible account gets; it sums to ``total_units``, and shares may be 0.

    Raises:
        Invalid: The total is not above zero, or nobody is eligible.
    """
    _require_positive_total(total_units)
    eligible = {account_id: balance for account_id, balance in balances.items() if balance > 0}
    _require_somebody(eligible)
    all_balances = sum(eligible.values())

    shares: dict[str, int] = {}
    ranking: list[tuple[int, bytes, str]] = []
    for account_id, balance in eligible.items():
        shares[account_id], cut = divmod(total_units * balance, all_balances)
        ranking.append((-cut, account_id.encode(), account_id))
    left_over = total_units - sum(shares.values())
    ranking.sort(key=itemgetter(0, 1))
    for _, _, account_id in ranking[:left_over]:
        shares[account_id] += 1
    return shares


def split_equal(total_units: int, account_ids: Collection[str]) -> tuple[int, int]:
    """Divide a total into equal shares of whole units.

    Returns:
        What every account gets, and the remainder that stays with the payer (less than one unit each).

    Raises:
        Invalid: The total is not above zero, or nobody is eligible.
    """
    _require_positive_total(total_units)
    _require_somebody(account_ids)
    return divmod(total_units, len(account_ids))


def _require_positive_total(total_units: int) -> None:
    if total_units <= 0:
        raise Invalid(
            f"The total to divide is {total_units} smallest units.", "Give the distribution an amount above zero."
        )


def _require_somebody(eligible: Collection[str]) -> None:
    if not eligible:
        raise Invalid(
            "Nobody is eligible for the payout.",
            "Eligible is who holds a balance above zero and is not excluded: check the register and the exclusions.",
        )


def _written(amount: Decimal) -> str:
    """Write an amount as people do, unless its exponent would make it a page of zeros."""
    return f"{amount:f}" if abs(amount.adjusted()) < _MAX_DIGITS else str(amount)


def _over_precise(written: str, decimals: int) -> Invalid:
    return Invalid(
        f"The amount {written} has more decimals than the payment token, which has {decimals}.",
        f"Round it to {decimals} decimals." if decimals else "Write it without decimals.",
    )


def _too_large(written: str) -> Invalid:
    return Invalid(f"The amount {written} is larger than any ledger can hold.", "Check the number of digits.")
