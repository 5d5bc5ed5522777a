"""The writes of a freeze: the entitlements, their batches, and their totals.

The database computes the shares, for any number of holders. They pass through here in order of account ids, from a
cursor into COPY, which writes rows faster than any statement could; batches and the register hash are computed on the
way, and no table is read back. A test compares the shares with those computed in Python; account ids are compared byte
by byte (``COLLATE "C"``) in both.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import islice

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.connections import driver_connection
from masspayout.db.entities import Distribution, PayoutType
from masspayout.db.statistics import refresh_statistics
from masspayout.db.types import uuid7_series
from masspayout.kernel.errors import Conflict
from masspayout.kernel.money import to_decimal
from masspayout.kernel.types import Share, Totals

_REGISTER = "(SELECT account_id, balance FROM holder WHERE asset_id = :asset_id AND distribution_id IS NULL)"
_STAGED = "incoming_holder"

_ELIGIBLE = """
    WITH eligible AS MATERIALIZED (
        SELECT account_id, balance FROM {balances} AS balances
         WHERE balance > 0 AND account_id <> ALL(CAST(:excluded AS VARCHAR[]))
    )"""

# The missing units go to the largest remainders. Only the last remainder that gets one has to be found, by counting:
# the number of remainders in each thousandth of a unit shows which thousandth it lies in, and its rank there. Sorting
# all holders would take three times as long.
_PRO_RATA = (
    _ELIGIBLE
    + """, whole AS (
        SELECT sum(balance) AS balance, CAST(:total_units AS NUMERIC) AS units FROM eligible
    ), floored AS (
        SELECT account_id, eligible.balance,
               div(whole.units * eligible.balance, whole.balance) AS units,
               mod(whole.units * eligible.balance, whole.balance) AS remainder,
               CAST(div(1000 * mod(whole.units * eligible.balance, whole.balance), whole.balance) AS INTEGER)
                   AS thousandth
          FROM eligible, whole
    ), missing AS (
        SELECT whole.units - (SELECT sum(units) FROM floored) AS units FROM whole
    ), counted AS (
        SELECT thousandth, count(*) AS accounts, sum(count(*)) OVER (ORDER BY thousandth DESC) AS so_far
          FROM floored GROUP BY thousandth
    ), last_thousandth AS (
        SELECT thousandth, CAST(missing.units - (so_far - accounts) AS BIGINT) AS raised
          FROM counted, missing
         WHERE missing.units > so_far - accounts AND missing.units <= so_far
    ), last_raised AS (
        SELECT remainder, account_id FROM floored
         WHERE thousandth = (SELECT thousandth FROM last_thousandth)
         ORDER BY remainder DESC, account_id COLLATE "C"
        OFFSET (SELECT raised - 1 FROM last_thousandth) LIMIT 1
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


# The lines of one inner hash of the register hash, which fixes this number for ever; COPY sends as many at once.
_LINES_AT_ONCE = 1000

# The shares that are fetched from the cursor at once: while a block is being written, the next is not read.
_SHARES_AT_ONCE = 20_000

# With statistics older than a distribution, the planner reads all of it for each of its batches, by
# idx_holder_distribution. From this many rows read on, that takes longer than the ANALYZE that prevents it.
_MANY_ROWS_READ = 500_000


def register_digest(rows: str) -> str:
    """Return a subquery for the ``register_hash`` of some rows and their number, ``entitlement_count``.

    The digest has two levels, so that the memory it takes does not grow with the number of rows.
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


_IN_ORDER = """
    SELECT account_id, balance, units FROM share ORDER BY account_id COLLATE "C"
"""

_COPY_ENTITLEMENTS = """
    COPY holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number) FROM STDIN
"""

_COPY_BATCHES = """
    COPY batch_payout (id, distribution_id, batch_number, total_holders, total_amount, status) FROM STDIN
"""


# The amounts get the form that a freeze writes: the register hash is over text.
_TAKE_OVER = text("""
    WITH planned AS (
        SELECT id, (row_number() OVER (PARTITION BY payment_amount > 0 ORDER BY account_id COLLATE "C") - 1)
                   / :batch_size + 1 AS batch_number
          FROM holder WHERE asset_id = :asset_id AND distribution_id = :id
    ), taken AS (
        UPDATE holder
           SET batch_number = CASE WHEN payment_amount > 0 THEN planned.batch_number END,
               payment_amount = round(payment_amount, :decimals), paid = false, attempt_id = NULL,
               failure_code = NULL, updated_at = now()
          FROM planned
         WHERE holder.id = planned.id
        RETURNING holder.id
    )
    SELECT count(*) FROM taken
""")


def shares_statement(*, pro_rata: bool, staged: bool) -> str:
    """Return the common table expressions that compute ``share``: the units of ``:total_units`` for each account.

    The balances are the register's, or the staged ones.
    """
    return (_PRO_RATA if pro_rata else _EQUAL).format(balances=_STAGED if staged else _REGISTER)


class _RegisterDigest:
    """The register hash over lines as they pass, as ``Entitlements.register_hash`` defines it."""

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


def register_hash_of(entitlements: Iterable[tuple[str, int, Decimal]]) -> str:
    """Return the register hash over accounts, balances and amounts in the order in which they come."""
    digest = _RegisterDigest()
    for account_id, balance_units, amount in entitlements:
        digest.add(f"{account_id},{balance_units},{amount:f}")
    return digest.hexdigest()


@dataclass(slots=True)
class _PlannedBatch:
    holders: int = 0
    units: int = 0


class _ShareRows:
    """Shares and their batches in COPY's text form, counted and hashed on the way: nothing has to be read back.

    The register hash is over lines in order of account ids, so shares in any other order are refused.
    """

    def __init__(self, distribution: Distribution, decimals: int, batch_size: int) -> None:
        self._distribution = distribution
        self._decimals = decimals
        self._batch_size = batch_size
        self._keys = uuid7_series()
        self._count = 0
        self._last_account_id = ""
        self._batches: list[_PlannedBatch] = []
        self._digest = _RegisterDigest()

    def lines(self, shares: Iterable[Share]) -> Iterator[str]:
        """Yield a line for each share. Canonical account ids have no characters that need escaping.

        Raises:
            ValueError: An account id does not come after the one before it.
        """
        parents = f"{self._distribution.asset_id}\t{self._distribution.id}"
        for account_id, balance_units, amount_units in shares:
            # Canonical account ids are ASCII, where Python compares as COLLATE "C" does.
            if account_id <= self._last_account_id:
                raise ValueError(
                    f"shares are not in strict order of account ids: {account_id} after {self._last_account_id}"
                )
            self._last_account_id = account_id
            batch_number = str(self._batch_of(amount_units)) if amount_units else r"\N"
            self._count += 1
            amount = f"{to_decimal(amount_units, self._decimals):f}"
            self._digest.add(f"{account_id},{balance_units},{amount}")
            yield f"{next(self._keys)}\t{parents}\t{account_id}\t{balance_units}\t{amount}\t{batch_number}\n"

    def batch_lines(self) -> Iterator[str]:
        """Yield a line for each batch of the shares that passed."""
        for number, batch in enumerate(self._batches, 1):
            amount = f"{to_decimal(batch.units, self._decimals):f}"
            yield f"{next(self._keys)}\t{self._distribution.id}\t{number}\t{batch.holders}\t{amount}\tPENDING\n"

    def totals(self) -> Totals:
        """Return the totals of the lines."""
        return Totals(
            entitlement_count=self._count,
            payable_count=sum(batch.holders for batch in self._batches),
            batch_count=len(self._batches),
            total_amount=to_decimal(sum(batch.units for batch in self._batches), self._decimals),
            register_hash=self._digest.hexdigest(),
        )

    def _batch_of(self, amount_units: int) -> int:
        """Count a payment into the last batch, or into a new one when that is full, and return the batch's number."""
        if not self._batches or self._batches[-1].holders == self._batch_size:
            self._batches.append(_PlannedBatch())
        batch = self._batches[-1]
        batch.holders += 1
        batch.units += amount_units
        return len(self._batches)


class Freeze:
    """The entitlements and batches of one distribution, being written."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self.distribution = distribution

    async def write_division(
        self, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int, *, staged: bool = False
    ) -> Totals:
        """Divide a total among the register's balances, or the staged ones, by the distribution's payout type.

        PERCENTAGE is pro rata to balances, by largest remainder, ties to the lower account id; FIXED gives everybody
        the same, rounded down.
        """
        rows = _ShareRows(self.distribution, decimals, batch_size)
        async for shares in self._divided(total_units, excluded, staged=staged):
            await self._copy(_COPY_ENTITLEMENTS, rows.lines(shares))
        return await self._end(rows)

    async def write_shares(self, shares: Iterable[Share], decimals: int, batch_size: int) -> Totals:
        """Write given entitlements by COPY, any number of them.

        Args:
            shares: The shares in order of account ids, each account once.
            decimals: The decimals of the payment token.
            batch_size: The most holders of a batch.

        Raises:
            ValueError: The shares are in another order. The caller's transaction cannot go on.
        """
        rows = _ShareRows(self.distribution, decimals, batch_size)
        await self._copy(_COPY_ENTITLEMENTS, rows.lines(shares))
        return await self._end(rows)

    async def take_over(self, shares: AsyncIterator[Sequence[Share]], decimals: int, batch_size: int) -> Totals:
        """Plan the batches of entitlements that another program wrote, whose rows stay.

        Args:
            shares: The shares in the rows, in order of account ids.
            decimals: The decimals of the payment token.
            batch_size: The most holders of a batch.
        """
        rows = _ShareRows(self.distribution, decimals, batch_size)
        async for block in shares:
            for _ in rows.lines(block):  # counted and hashed; the rows are there
                pass
        parameters = {"id": self.distribution.id, "asset_id": self.distribution.asset_id}
        taken = await self.session.scalars(_TAKE_OVER, {**parameters, "decimals": decimals, "batch_size": batch_size})
        totals = await self._end(rows)
        if taken.one() != totals.entitlement_count:
            raise Conflict(
                f"The rows in holder of payout {self.distribution.id} were changed while they were read: nothing "
                "was written.",
                "Try again.",
            )
        return totals

    async def _divided(
        self, total_units: int, excluded: Sequence[str], *, staged: bool
    ) -> AsyncIterator[Iterator[Share]]:
        """Stream the shares in blocks, from a cursor of the server."""
        pro_rata = self.distribution.payout_type is PayoutType.PERCENTAGE
        query = text(shares_statement(pro_rata=pro_rata, staged=staged) + _IN_ORDER)
        parameters = {
            "asset_id": self.distribution.asset_id,
            "total_units": total_units,
            "excluded": list(excluded),
        }
        connection = await driver_connection(self.session)
        # The driver's own cursor: SQLAlchemy's takes as long again for rows that need nothing of it.
        async with connection.cursor("shares") as cursor:
            await cursor.execute(str(query.compile(dialect=self.session.get_bind().dialect)).encode(), parameters)
            while block := await cursor.fetchmany(_SHARES_AT_ONCE):
                yield (Share(account_id, balance_units, int(units)) for account_id, balance_units, units in block)

    async def _end(self, rows: _ShareRows) -> Totals:
        await self._copy(_COPY_BATCHES, rows.batch_lines())
        return rows.totals()

    async def _copy(self, statement: str, lines: Iterator[str]) -> None:
        connection = await driver_connection(self.session)
        async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            while block := "".join(islice(lines, _LINES_AT_ONCE)):
                await copy.write(block)


async def analyse_large(session: AsyncSession, totals: Totals) -> None:
    """Refresh the planner's statistics, in the transaction of a freeze, where the freeze wrote enough to need it."""
    if totals.entitlement_count * totals.batch_count >= _MANY_ROWS_READ:
        await refresh_statistics(session, "holder", "batch_payout")
