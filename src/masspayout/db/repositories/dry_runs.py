"""Dry runs: the totals that a freeze would write, computed by the freeze's own statements without writing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution, PayoutType
from masspayout.db.repositories.freezes import shares_statement

_TOTALS = """
    SELECT count(*) AS entitlement_count, count(*) FILTER (WHERE units > 0) AS payable_count,
           coalesce(sum(units), 0) AS total_units, coalesce(max(units), 0) AS largest_units,
           coalesce(min(units) FILTER (WHERE units > 0), 0) AS smallest_units
      FROM share
"""

_ACCOUNTS = "SELECT account_id FROM share WHERE units > 0"


@dataclass(frozen=True, slots=True)
class DryRunTotals:
    """The totals of a dry run, in smallest units."""

    entitlement_count: int
    payable_count: int
    total_units: int
    largest_units: int
    smallest_units: int


class DryRun:
    """A dry run: the shares that the holders of an asset would have of a total, by the register or staged balances."""

    def __init__(
        self,
        session: AsyncSession,
        distribution: Distribution,
        total_units: int,
        excluded: Sequence[str],
        *,
        staged: bool,
    ) -> None:
        self.session = session
        self._shares = shares_statement(pro_rata=distribution.payout_type is PayoutType.PERCENTAGE, staged=staged)
        self._parameters: dict[str, Any] = {
            "asset_id": distribution.asset_id,
            "total_units": total_units,
            "excluded": list(excluded),
        }

    async def totals(self) -> DryRunTotals:
        """Return the totals."""
        row = (await self.session.execute(text(self._shares + _TOTALS), self._parameters)).one()
        return DryRunTotals(**{name: int(value) for name, value in row._asdict().items()})

    async def account_chunks(self, size: int) -> AsyncIterator[Sequence[str]]:
        """Stream the accounts that would be paid, in chunks, from a cursor of the server."""
        rows = await self.session.stream_scalars(
            text(self._shares + _ACCOUNTS), self._parameters, execution_options={"yield_per": size}
        )
        async for chunk in rows.partitions(size):
            yield chunk
