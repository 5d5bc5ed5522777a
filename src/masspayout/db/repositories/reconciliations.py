"""Queries that compare the entitlements of a distribution with its payer's statement."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution, Payer

# The amount owed and paid to each account, beside the amount that the transactions of our attempts moved to it.
_COMPARED = """
    WITH moved AS (
        SELECT received.account_id, sum(received.units) AS units
          FROM batch_payout AS b
          JOIN attempt AS a ON a.batch_payout_id = b.id
          JOIN payer_entry AS e ON e.attempt_id = a.id AND e.token_id = :token_id,
               unnest(e.accounts, e.units) AS received(account_id, units)
         WHERE b.distribution_id = :distribution_id
         GROUP BY received.account_id
    ), due AS (
        SELECT h.account_id, h.payment_amount * power(CAST(10 AS NUMERIC), :decimals) AS units, h.paid,
               h.paid AND a.settled_at > now() - make_interval(secs => :delay_seconds)
               AND NOT EXISTS (SELECT FROM payer_entry AS e WHERE e.attempt_id = a.id) AS unseen
          FROM holder AS h LEFT JOIN attempt AS a ON a.id = h.attempt_id
         WHERE h.asset_id = :asset_id AND h.distribution_id = :distribution_id AND h.batch_number IS NOT NULL
    ), compared AS (
        SELECT account_id, due.units AS due_units, coalesce(due.paid, false) AS paid,
               CASE WHEN due.paid THEN due.units ELSE 0 END AS paid_units, coalesce(moved.units, 0) AS ledger_units,
               coalesce(due.unseen, false) AND moved.units IS NULL AS unseen
          FROM due FULL JOIN moved USING (account_id)
    )
"""

_TOTALS = text(f"""
    {_COMPARED}
    SELECT count(due_units) AS due_count, coalesce(sum(due_units), 0) AS due_units,
           count(*) FILTER (WHERE paid) AS paid_count, coalesce(sum(paid_units), 0) AS paid_units,
           count(*) FILTER (WHERE ledger_units > 0) AS ledger_count, coalesce(sum(ledger_units), 0) AS ledger_units,
           count(*) FILTER (WHERE unseen) AS unseen_count,
           count(*) FILTER (WHERE paid_units <> ledger_units AND NOT unseen) AS difference_count
      FROM compared
""")  # noqa: S608 - the piece is a constant

_DIFFERENCES = text(f"""
    {_COMPARED}
    SELECT account_id, due_units IS NOT NULL AS is_owed, paid_units, ledger_units
      FROM compared
     WHERE paid_units <> ledger_units AND NOT unseen
     ORDER BY account_id COLLATE "C" LIMIT :limit
""")  # noqa: S608 - the piece is a constant

_UNKNOWN = text("""
    SELECT e.transaction_id, received.account_id, received.units
      FROM payer_entry AS e, unnest(e.accounts, e.units) AS received(account_id, units)
     WHERE e.payer_id = :payer_id AND e.attempt_id IS NULL AND e.answer IS NULL AND e.token_id = :token_id
     ORDER BY e.position, received.account_id COLLATE "C" LIMIT :limit
""")

_WINDOW = text("""
    SELECT min(e.position) AS first, max(e.position) AS last
      FROM batch_payout AS b
      JOIN attempt AS a ON a.batch_payout_id = b.id
      JOIN payer_entry AS e ON e.attempt_id = a.id
     WHERE b.distribution_id = :distribution_id AND e.payer_id = :payer_id
""")


@dataclass(frozen=True, slots=True)
class ComparedTotals:
    """The totals of a distribution and of its payer's statement. Amounts are in smallest units."""

    due_count: int
    due_units: Decimal
    paid_count: int
    paid_units: Decimal
    ledger_count: int
    ledger_units: Decimal
    unseen_count: int
    difference_count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """An account on which database and statement differ. Amounts are in smallest units."""

    account_id: str
    is_owed: bool
    paid_units: Decimal
    ledger_units: Decimal


@dataclass(frozen=True, slots=True)
class UnknownPayment:
    """The amount that an unexplained entry, neither matched nor answered, moved to one account."""

    transaction_id: str
    account_id: str
    units: Decimal


class Reconciliations:
    """One frozen distribution compared with the statement of its payer, inside one unit of work."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self.distribution = distribution

    async def window(self, payer: Payer) -> tuple[int, int] | None:
        """Return the first and the last position of the distribution's entries in the statement; None without any."""
        parameters = {"distribution_id": self.distribution.id, "payer_id": payer.id}
        row = (await self.session.execute(_WINDOW, parameters)).one()
        return None if row.first is None else (row.first, row.last)

    async def totals(self, delay_seconds: int) -> ComparedTotals:
        """Return the totals of both sides. Payments that settled within the delay may be missing from the statement."""
        row = (await self.session.execute(_TOTALS, self._parameters(delay_seconds))).one()
        return ComparedTotals(**row._asdict())

    async def differences(self, delay_seconds: int, limit: int) -> Sequence[Difference]:
        """Return the first accounts on which both sides differ."""
        rows = await self.session.execute(_DIFFERENCES, {**self._parameters(delay_seconds), "limit": limit})
        return [Difference(**row._asdict()) for row in rows]

    async def unknown_payments(self, payer_id: uuid.UUID, limit: int) -> Sequence[UnknownPayment]:
        """Return the unexplained payments of the payer in the distribution's token."""
        parameters = {"payer_id": payer_id, "token_id": self.distribution.payment_token_id, "limit": limit}
        return [UnknownPayment(**row._asdict()) for row in await self.session.execute(_UNKNOWN, parameters)]

    def _parameters(self, delay_seconds: int) -> dict[str, object]:
        return {
            "asset_id": self.distribution.asset_id,
            "distribution_id": self.distribution.id,
            "token_id": self.distribution.payment_token_id,
            "decimals": self.distribution.payment_token_decimals or 0,
            "delay_seconds": delay_seconds,
        }
