"""What a freeze writes: who is owed what, the batches that it is paid in, and what it comes to.

It is set-based: one statement works out and writes all of it, whatever the number of holders, and no table is read
back. It gives what ``masspayout.money`` gives, which is tested; account ids are compared byte by byte (``COLLATE "C"``)
in both.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution
from masspayout.db.repositories.base import FIRST_ID, NTH_ID
from masspayout.db.session import driver_connection
from masspayout.db.types import uuid7_series
from masspayout.money import smallest_unit, to_decimal

_REGISTER = "(SELECT account_id, balance FROM holder WHERE asset_id = :asset_id AND distribution_id IS NULL)"
_STAGED = "incoming_holder"

_ELIGIBLE = f"""
    WITH {FIRST_ID}, eligible AS MATERIALIZED (
        SELECT account_id, balance FROM {{balances}} AS balances
         WHERE balance > 0 AND account_id <> ALL(CAST(:excluded AS VARCHAR[]))
    )"""

# The missing units go to the largest remainders. Only the last who gets one is looked for: numbering everybody would
# carry whole rows through a sort.
_PRO_RATA = (
    _ELIGIBLE
    + """, whole AS (
        SELECT sum(balance) AS balance, CAST(:total_units AS NUMERIC) AS units FROM eligible
    ), floored AS (
        SELECT account_id, eligible.balance,
               div(whole.units * eligible.balance, whole.balance) AS units,
               mod(whole.units * eligible.balance, whole.balance) AS remainder
          FROM eligible, whole
    ), missing AS (
        SELECT CAST(whole.units - (SELECT sum(units) FROM floored) AS BIGINT) AS units FROM whole
    ), last_raised AS (
        SELECT remainder, account_id FROM floored
         WHERE (SELECT units FROM missing) > 0
         ORDER BY remainder DESC, account_id COLLATE "C"
        OFFSET (SELECT greatest(units - 1, 0) FROM missing) LIMIT 1
    ), share AS (
        SELECT account_id, balance,
               CASE WHEN remainder > (SELECT remainder FROM last_raised)
                         OR remainder = (SELECT remainder FROM last_raised)
                            AND account_id COLLATE "C" <= (SELECT account_id FROM last_raised)
                    THEN units + 1 ELSE units END AS units
          FROM floored
    )"""
)

_EQUAL = (
    _ELIGIBLE
    + """, share AS (
        SELECT account_id, balance,
               div(CAST(:total_units AS NUMERIC), (SELECT count(*) FROM eligible)) AS units
          FROM eligible
    )"""
)


# How many lines the register hash takes together, and how many are sent at once.
_LINES_AT_ONCE = 1000


def register_digest(rows: str) -> str:
    """Return a subquery for the ``register_hash`` of some rows and their number, ``entitlement_count``.

    It has two levels, so that the memory it takes does not grow with the number of rows.
    """
    return rf"""(
        SELECT encode(sha256(convert_to(string_agg(digest, '' ORDER BY slice), 'UTF8')), 'hex') AS register_hash,
               coalesce(sum(lines), 0) AS entitlement_count
          FROM (SELECT slice, count(*) AS lines,
                       encode(sha256(convert_to(string_agg(line, E'\n' ORDER BY position), 'UTF8')), 'hex') AS digest
                  FROM (SELECT account_id || ',' || balance || ',' || payment_amount AS line,
                               row_number() OVER by_account AS position,
                               (row_number() OVER by_account - 1) / {_LINES_AT_ONCE} AS slice
                          FROM {rows} AS entitlements
                        WINDOW by_account AS (ORDER BY account_id COLLATE "C")) AS numbered
                 GROUP BY slice) AS sliced
    ) AS digested"""


_WRITE = f"""
    , written AS (
        INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number)
        SELECT {NTH_ID.format(number="row_number() OVER by_account")}, :asset_id, :distribution_id, account_id, balance,
               units * :smallest_unit,
               CASE WHEN units > 0 THEN
                   (count(*) FILTER (WHERE units > 0) OVER by_account - 1) / :batch_size + 1
               END
          FROM share, first_id
        WINDOW by_account AS (ORDER BY account_id COLLATE "C" ROWS UNBOUNDED PRECEDING)
         ORDER BY account_id COLLATE "C"
        RETURNING account_id, balance, payment_amount, batch_number
    ), planned AS (
        INSERT INTO batch_payout (id, distribution_id, batch_number, total_holders, total_amount, status)
        SELECT masspayout_uuid7(), :distribution_id, batch_number, count(*), sum(payment_amount), 'PENDING'
          FROM written
         WHERE batch_number IS NOT NULL
         GROUP BY batch_number
         ORDER BY batch_number
        RETURNING total_holders, total_amount
    ), counted AS (
        SELECT coalesce(sum(total_holders), 0) AS payable_count, count(*) AS batch_count,
               coalesce(sum(total_amount), 0) AS total_amount
          FROM planned
    )
    SELECT entitlement_count, payable_count, batch_count, total_amount, coalesce(register_hash, '') AS register_hash
      FROM counted, {register_digest("written")}
"""

_COPY_ENTITLEMENTS = """
    COPY holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number) FROM STDIN
"""

_COPY_BATCHES = """
    COPY batch_payout (id, distribution_id, batch_number, total_holders, total_amount, status) FROM STDIN
"""


def shares_statement(*, pro_rata: bool, staged: bool) -> str:
    """Return the common table expressions that work out ``share``: who gets how many units of ``:total_units``.

    The balances are the register's, or the staged ones.
    """
    return (_PRO_RATA if pro_rata else _EQUAL).format(balances=_STAGED if staged else _REGISTER)


class Share(NamedTuple):
    """What one account is owed, in smallest units, and the balance that this follows from."""

    account_id: str
    balance_units: int
    amount_units: int


@dataclass(frozen=True, slots=True)
class FrozenTotals:
    """What a freeze wrote. Amounts are in whole payment tokens."""

    entitlement_count: int
    payable_count: int
    batch_count: int
    total_amount: Decimal
    register_hash: str


class _RegisterDigest:
    """The register hash over lines as they pass; ``Entitlements.register_hash`` says how it is made."""

    def __init__(self) -> None:
        self._slice: list[str] = []
        self._digests = sha256()

    def add(self, line: str) -> None:
        self._slice.append(line)
        if len(self._slice) == _LINES_AT_ONCE:
            self._end_slice()

    def hexdigest(self) -> str:
        if self._slice:
            self._end_slice()
        return self._digests.hexdigest()

    def _end_slice(self) -> None:
        self._digests.update(sha256("\n".join(self._slice).encode()).hexdigest().encode())
        self._slice.clear()


class _ShareRows:
    """Shares and their batches in COPY's text form, counted and hashed on the way: nothing has to be read back."""

    def __init__(self, distribution: Distribution, decimals: int, batch_size: int) -> None:
        self._distribution = distribution
        self._decimals = decimals
        self._batch_size = batch_size
        self._count = 0
        # How many holders each batch has, and how many units they get.
        self._batches: list[tuple[int, int]] = []
        self._digest = _RegisterDigest()

    def lines(self, shares: Iterable[Share]) -> Iterator[str]:
        """Yield a line for each share. Canonical account ids have nothing in them that is to be escaped."""
        parents = f"{self._distribution.asset_id}\t{self._distribution.id}"
        holders = units = 0
        for key, (account_id, balance_units, amount_units) in zip(uuid7_series(), shares, strict=False):
            batch_number = r"\N"
            if amount_units:
                batch_number = str(len(self._batches) + 1)
                holders, units = holders + 1, units + amount_units
                if holders == self._batch_size:
                    self._batches.append((holders, units))
                    holders = units = 0
            self._count += 1
            amount = f"{to_decimal(amount_units, self._decimals):f}"
            self._digest.add(f"{account_id},{balance_units},{amount}")
            yield f"{key}\t{parents}\t{account_id}\t{balance_units}\t{amount}\t{batch_number}\n"
        if holders:
            self._batches.append((holders, units))

    def batch_lines(self) -> Iterator[str]:
        """Yield a line for each batch of the shares that passed."""
        for key, (number, (holders, units)) in zip(uuid7_series(), enumerate(self._batches, 1), strict=False):
            amount = f"{to_decimal(units, self._decimals):f}"
            yield f"{key}\t{self._distribution.id}\t{number}\t{holders}\t{amount}\tPENDING\n"

    def totals(self) -> FrozenTotals:
        """Say what the lines came to."""
        return FrozenTotals(
            entitlement_count=self._count,
            payable_count=sum(holders for holders, _ in self._batches),
            batch_count=len(self._batches),
            total_amount=to_decimal(sum(units for _, units in self._batches), self._decimals),
            register_hash=self._digest.hexdigest(),
        )


class Freeze:
    """Writes the entitlements of one distribution, and its batches."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self.distribution = distribution

    async def write_pro_rata(
        self, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int, *, staged: bool = False
    ) -> FrozenTotals:
        """Split a total pro rata to balances, by largest remainder; ties go to the lower account id.

        The balances are the register's, or the staged ones.
        """
        shares = shares_statement(pro_rata=True, staged=staged)
        return await self._write(shares, total_units, decimals, excluded, batch_size)

    async def write_equal(
        self, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int, *, staged: bool = False
    ) -> FrozenTotals:
        """Give everybody the same, rounded down."""
        shares = shares_statement(pro_rata=False, staged=staged)
        return await self._write(shares, total_units, decimals, excluded, batch_size)

    async def write_shares(self, shares: Iterable[Share], decimals: int, batch_size: int) -> FrozenTotals:
        """Write given entitlements by COPY, any number of them. They must come ordered by account id."""
        rows = _ShareRows(self.distribution, decimals, batch_size)
        await self._copy(_COPY_ENTITLEMENTS, rows.lines(shares))
        await self._copy(_COPY_BATCHES, rows.batch_lines())
        return rows.totals()

    async def _copy(self, statement: str, lines: Iterator[str]) -> None:
        connection = await driver_connection(self.session)
        async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            while block := "".join(islice(lines, _LINES_AT_ONCE)):
                await copy.write(block)

    async def _write(
        self, shares: str, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int
    ) -> FrozenTotals:
        result = await self.session.execute(
            text(shares + _WRITE),
            {
                "asset_id": self.distribution.asset_id,
                "distribution_id": self.distribution.id,
                "total_units": total_units,
                "smallest_unit": smallest_unit(decimals),
                "excluded": list(excluded),
                "batch_size": batch_size,
            },
        )
        row = result.one()
        return FrozenTotals(
            entitlement_count=int(row.entitlement_count),
            payable_count=int(row.payable_count),
            batch_count=row.batch_count,
            total_amount=row.total_amount,
            register_hash=row.register_hash,
        )
