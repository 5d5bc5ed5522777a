"""SQL for shares that do not divide a total: by a rate for each unit, or the same amount for each holder.

Each is a common table expression ``share`` over ``eligible``, as in ``freezes.py``: balances above zero of accounts
that are not excluded. A rate is ``:numerator`` payment units for ``:denominator`` units of the asset; the product is
exact, and is rounded once for each holder.
"""

from collections.abc import Mapping

from masspayout.kernel.states import Rounding

_PRODUCT = "(CAST(balance AS NUMERIC) * CAST(:numerator AS NUMERIC))"
_DENOMINATOR = "CAST(:denominator AS NUMERIC)"

_SHARE = """, share AS (
        SELECT account_id, balance, {units} AS units FROM eligible
    )"""

_ROUNDED = {
    Rounding.DOWN: f"div({_PRODUCT}, {_DENOMINATOR})",
    Rounding.HALF_UP: f"div(2 * {_PRODUCT} + {_DENOMINATOR}, 2 * {_DENOMINATOR})",
    # A tie is rounded up if the whole units below are odd: then the bound is less by one, and remainders are integers.
    Rounding.HALF_EVEN: f"""div({_PRODUCT}, {_DENOMINATOR})
               + CASE WHEN 2 * mod({_PRODUCT}, {_DENOMINATOR})
                           > {_DENOMINATOR} - mod(div({_PRODUCT}, {_DENOMINATOR}), 2) THEN 1 ELSE 0 END""",
}

BY_RATE: Mapping[Rounding, str] = {rounding: _SHARE.format(units=units) for rounding, units in _ROUNDED.items()}

TO_EACH = _SHARE.format(units="CAST(:each_units AS NUMERIC)")
