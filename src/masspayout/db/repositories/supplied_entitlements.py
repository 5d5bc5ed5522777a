"""Queries on supplied entitlements: rows that another program wrote beside a distribution that is not frozen."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution

_COUNTS = text("""
    SELECT (SELECT count(*) FROM holder WHERE distribution_id = :id) AS holders,
           (SELECT count(*) FROM holder WHERE distribution_id = :id AND asset_id <> :asset_id) AS of_other_assets,
           (SELECT count(*) FROM batch_payout WHERE distribution_id = :id) AS batches
""")

# Locked, so that the checked rows are the paid ones.
_GIVEN = text("""
    SELECT account_id, balance, payment_amount, paid FROM holder
     WHERE asset_id = :asset_id AND distribution_id = :id
     ORDER BY account_id COLLATE "C"
       FOR UPDATE
""")

_STRANGERS = text("""
    SELECT account_id FROM holder AS given
     WHERE asset_id = :asset_id AND distribution_id = :id AND payment_amount > 0
       AND NOT EXISTS (SELECT FROM holder AS entry
                        WHERE entry.asset_id = given.asset_id AND entry.distribution_id IS NULL
                          AND entry.account_id = given.account_id AND entry.balance > 0)
     ORDER BY account_id COLLATE "C" LIMIT :limit
""")

_ROWS_AT_ONCE = 20_000


class SuppliedEntitlement(NamedTuple):
    """A supplied entitlement as it was written: ``balance`` in smallest units, ``payment_amount`` in whole tokens."""

    account_id: str
    balance: int
    payment_amount: Decimal | None
    paid: bool | None


class SuppliedRows(NamedTuple):
    """The number of supplied rows in each table."""

    holders: int
    of_other_assets: int
    batches: int


class SuppliedEntitlements:
    """The supplied rows of one distribution that is not frozen."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self._parameters = {"id": distribution.id, "asset_id": distribution.asset_id}

    async def count(self) -> SuppliedRows:
        """Return the number of rows."""
        return SuppliedRows(*(await self.session.execute(_COUNTS, self._parameters)).one())

    async def blocks(self) -> AsyncIterator[Sequence[SuppliedEntitlement]]:
        """Stream the entitlements in order of account ids, in blocks."""
        rows = await self.session.stream(_GIVEN, self._parameters, execution_options={"yield_per": _ROWS_AT_ONCE})
        async for block in rows.partitions():
            yield [SuppliedEntitlement(*row) for row in block]

    async def find_strangers(self, limit: int) -> Sequence[str]:
        """Return accounts that are owed something and are not in the register of the asset."""
        return (await self.session.scalars(_STRANGERS, {**self._parameters, "limit": limit})).all()
