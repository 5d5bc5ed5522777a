"""Supplied entitlements: another program computed and wrote them beside its distribution; they are checked and kept.

The schema is an interface: a program that writes holders with an amount beside a distribution means to have them paid.
"""

from collections.abc import AsyncIterator, Sequence

from masspayout.db.entities import Distribution, PayoutType
from masspayout.db.repositories import SuppliedEntitlement, SuppliedEntitlements
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.money import to_units
from masspayout.kernel.next_steps import Action
from masspayout.kernel.types import PaymentToken, Share, Totals

# The accounts that an error names, of any number.
_NAMED = 20


async def are_supplied(work: UnitOfWork, distribution: Distribution) -> bool:
    """Return True if another program wrote entitlements of a distribution that is not frozen.

    Raises:
        Conflict: The other program wrote batches as well, which are planned here; or holders of another asset.
    """
    rows = await work.supplied_entitlements(distribution).count()
    if rows.batches:
        raise _refusal(
            distribution,
            f"is not frozen, and has {rows.batches:,} rows in batch_payout that another program wrote: batches are "
            "planned when it starts",
            "Delete them from batch_payout",
        )
    if rows.of_other_assets:
        raise _refusal(
            distribution,
            f"has {rows.of_other_assets:,} rows in holder that name another asset",
            "Correct their asset_id where they were written",
        )
    return bool(rows.holders)


def beside_an_offer(distribution: Distribution) -> Conflict:
    """Return the error of supplied entitlements where a contract computes the amounts."""
    return _refusal(
        distribution,
        "pays what its contract works out, and has rows in holder that another program wrote",
        "Delete them from holder",
    )


async def write_supplied(work: UnitOfWork, distribution: Distribution, token: PaymentToken, batch_size: int) -> Totals:
    """Plan the batches of supplied entitlements, in the caller's transaction.

    Raises:
        Conflict: Some entitlements cannot be paid, or their sum is not the distribution's amount.
    """
    checked = _Checked(work.supplied_entitlements(distribution), distribution, token)
    totals = await work.freeze(distribution).take_over(checked.blocks(), token.decimals, batch_size)
    checked.require_amount(totals)
    return totals


async def strangers(work: UnitOfWork, distribution: Distribution) -> Sequence[str]:
    """Return the accounts that are paid and not in the register: the first twenty, by id."""
    return await work.supplied_entitlements(distribution).find_strangers(_NAMED)


class _Checked:
    """Supplied entitlements as shares, each of which was checked."""

    def __init__(self, supplied: SuppliedEntitlements, distribution: Distribution, token: PaymentToken) -> None:
        self._supplied = supplied
        self._distribution = distribution
        self._token = token

    async def blocks(self) -> AsyncIterator[Sequence[Share]]:
        """Stream the shares.

        Raises:
            Conflict: One cannot be paid.
        """
        async for block in self._supplied.blocks():
            yield [self._share(row) for row in block]

    def require_amount(self, totals: Totals) -> None:
        """Refuse entitlements whose sum is more than the distribution's amount, or, for PERCENTAGE, less.

        Raises:
            Conflict: The sum is wrong.
        """
        amount, kind = self._distribution.amount, self._distribution.payout_type
        if amount is None:
            raise self._refusal(f"has no amount, and its rows in holder come to {totals.total_amount:f}")
        total_units, units = (to_units(each, self._token.decimals) for each in (totals.total_amount, amount))
        if total_units > units or (kind is PayoutType.PERCENTAGE and total_units < units):
            raise self._refusal(f"has an amount of {amount:f}, and its rows in holder come to {totals.total_amount:f}")

    def _share(self, row: SuppliedEntitlement) -> Share:
        amount = row.payment_amount
        if amount is None:
            raise self._refusal(f"has a row in holder without payment_amount, of {row.account_id}")
        if row.paid:
            raise self._refusal(f"has a row in holder that is paid already, of {row.account_id}")
        if row.account_id == self._token.payer_account_id:
            raise self._refusal(f"has a row in holder of {row.account_id}, which is the payer")
        try:
            units = to_units(amount, self._token.decimals)
            canonical = canonical_account_id(row.account_id)
        except Invalid as error:
            raise self._refusal(
                f"has a row in holder of {row.account_id} that cannot be paid: {error.message.removesuffix('.')}"
            ) from error
        if canonical != row.account_id:
            raise self._refusal(f"has a row in holder of {row.account_id!r}, which has to be written {canonical!r}")
        return Share(row.account_id, row.balance, units)

    def _refusal(self, what: str) -> Conflict:
        return _refusal(
            self._distribution,
            what,
            "Correct it where it was written, or delete all of its rows in holder to have the amount divided among the "
            "register",
        )


def _refusal(distribution: Distribution, what: str, fix: str) -> Conflict:
    """Return the error of supplied entitlements that cannot be paid, with their fix."""
    return Conflict(
        f"Payout {distribution.id} {what}.",
        f"{fix}, then: ",
        Action.RETRY_DISTRIBUTION.on(distribution.id),
        " (execute, while it is PENDING).",
    )
