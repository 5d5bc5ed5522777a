"""Exact amounts: integers of a token's smallest unit inside, ``Decimal`` at the edges, never a binary fraction.

Two forms of the same money are kept apart by their names: ``amount`` is a ``Decimal`` of whole tokens, as people and
the database's ``DECIMAL`` columns have it; ``…_units`` is an ``int`` of the smallest unit, as the ledger has it. All
conversions between the two, and all sums of amounts, are made here.
"""

import re
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from functools import reduce

from masspayout.kernel.errors import Invalid

# No ledger counts beyond 256 bits; a bound keeps a hostile number from occupying the machine.
MAX_UNITS = 2**256 - 1
_MAX_DIGITS = len(str(MAX_UNITS))
# Twice the digits of the largest amount hold any sum of ours. The usual context rounds to 28 digits, which a token
# with 18 decimals exceeds at ten thousand million; this one raises rather than rounds.
_EXACT = Context(prec=2 * _MAX_DIGITS, traps=[Inexact])
_PLAIN_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


def parse_amount(text: str, decimals: int) -> int:
    """Return the smallest units that a written amount stands for.

    Args:
        text: A plain decimal number such as ``12`` or ``12.50``; white space around it is dropped. Zeros beyond the
            token's decimals change nothing and are accepted.
        decimals: The number of the token's decimals.

    Raises:
        Invalid: The text is not a plain number, is not above zero, or has more decimals than the token.
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


def parse_decimal(text: str) -> Decimal:
    """Return a written number, such as a rate, with all its decimals. It may be zero or negative.

    Raises:
        Invalid: The text is not a plain number.
    """
    written = text.strip()
    if _PLAIN_NUMBER.fullmatch(written) is None or len(written) > _EXACT.prec:
        raise Invalid(
            f"{text!r} is not a number.", "Write digits, with a point before the decimals: 4.25. No per cent sign."
        )
    return Decimal(written)


def to_units(amount: Decimal, decimals: int) -> int:
    """Return an amount of whole tokens in smallest units. It may be zero or negative.

    Raises:
        Invalid: The amount is infinite, not a number, or has more decimals than the token.
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
