"""The two ways of dividing a total, in Python: the reference that the freeze's SQL is tested against."""

from collections.abc import Collection, Mapping
from operator import itemgetter

from masspayout.kernel.errors import Invalid


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
            "No holder is eligible for the payout.",
            "Eligible is who holds a balance above zero and is not excluded: check the register and the exclusions.",
        )
