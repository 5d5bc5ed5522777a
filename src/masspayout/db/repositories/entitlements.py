"""Queries on entitlements: ``holder`` rows that carry a distribution and a payment amount.

Freezing is set-based: one statement computes and writes what everybody is owed, whatever the number of holders. It
gives what ``masspayout.money`` gives, which is tested; account ids are compared byte by byte (``COLLATE "C"``) in both.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import BatchPayout, BatchStatus, Distribution, Holder
from masspayout.db.repositories.base import FIRST_ID, NTH_ID, Page
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
        SELECT whole.units - (SELECT sum(units) FROM floored) AS units FROM whole
    ), share AS (
        SELECT account_id, balance,
               floored.units
               + CASE WHEN row_number() OVER (ORDER BY remainder DESC, account_id COLLATE "C") <= missing.units
                      THEN 1 ELSE 0 END AS units
          FROM floored, missing
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

_WRITE = f"""
    INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number)
    SELECT {NTH_ID.format(number="row_number() OVER by_account")}, :asset_id, :distribution_id, account_id, balance,
           units * :smallest_unit,
           CASE WHEN units > 0 THEN
               (count(*) FILTER (WHERE units > 0) OVER by_account - 1) / :batch_size + 1
           END
      FROM share, first_id
    WINDOW by_account AS (ORDER BY account_id COLLATE "C" ROWS UNBOUNDED PRECEDING)
     ORDER BY account_id COLLATE "C"
"""

_COPY_IN = """
    COPY holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number) FROM STDIN
"""

# Also how many lines the register hash takes together.
_LINES_AT_ONCE = 1000

_PLAN_BATCHES = text("""
    INSERT INTO batch_payout (id, distribution_id, batch_number, total_holders, total_amount, status)
    SELECT masspayout_uuid7(), :distribution_id, batch_number, count(*), sum(payment_amount), 'PENDING'
      FROM holder
     WHERE distribution_id = :distribution_id AND batch_number IS NOT NULL
     GROUP BY batch_number
     ORDER BY batch_number
""")

_TOTALS = text("""
    SELECT count(*) AS entitlement_count,
           count(batch_number) AS payable_count,
           coalesce(max(batch_number), 0) AS batch_count,
           coalesce(sum(payment_amount), 0) AS total_amount
      FROM holder WHERE distribution_id = :distribution_id
""")

# Two levels, so that the memory it takes does not grow with the number of holders.
_REGISTER_HASH = text(r"""
    SELECT encode(sha256(convert_to(string_agg(digest, '' ORDER BY slice), 'UTF8')), 'hex')
      FROM (SELECT slice,
                   encode(sha256(convert_to(string_agg(line, E'\n' ORDER BY position), 'UTF8')), 'hex') AS digest
              FROM (SELECT account_id || ',' || balance || ',' || payment_amount AS line,
                           row_number() OVER by_account AS position,
                           (row_number() OVER by_account - 1) / 1000 AS slice
                      FROM holder
                     WHERE distribution_id = :distribution_id
                    WINDOW by_account AS (ORDER BY account_id COLLATE "C")) AS numbered
             GROUP BY slice) AS digested
""")


def shares_statement(*, pro_rata: bool, staged: bool) -> str:
    """Return the common table expressions that work out ``share``: who gets how many units of ``:total_units``.

    The balances are the register's, or the staged ones.
    """
    return (_PRO_RATA if pro_rata else _EQUAL).format(balances=_STAGED if staged else _REGISTER)


class Due(NamedTuple):
    """What is still to be paid to how many, in whole payment tokens."""

    recipient_count: int
    amount: Decimal


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
    """Shares in COPY's text form, counted and hashed on the way, so that nothing has to be read back."""

    def __init__(self, distribution: Distribution, decimals: int, batch_size: int) -> None:
        self._parents = f"{distribution.asset_id}\t{distribution.id}"
        self._decimals = decimals
        self._batch_size = batch_size
        self._count = self._payable_count = self._total_units = 0
        self._digest = _RegisterDigest()

    def lines(self, shares: Iterable[Share]) -> Iterator[str]:
        """Yield a line for each share. Canonical account ids have nothing in them that is to be escaped."""
        for key, (account_id, balance_units, amount_units) in zip(uuid7_series(), shares, strict=False):
            batch_number = r"\N"
            if amount_units:
                batch_number = str(self._payable_count // self._batch_size + 1)
                self._payable_count += 1
                self._total_units += amount_units
            self._count += 1
            amount = f"{to_decimal(amount_units, self._decimals):f}"
            self._digest.add(f"{account_id},{balance_units},{amount}")
            yield f"{key}\t{self._parents}\t{account_id}\t{balance_units}\t{amount}\t{batch_number}\n"

    def totals(self) -> FrozenTotals:
        """Say what the lines came to."""
        return FrozenTotals(
            entitlement_count=self._count,
            payable_count=self._payable_count,
            batch_count=-(-self._payable_count // self._batch_size),
            total_amount=to_decimal(self._total_units, self._decimals),
            register_hash=self._digest.hexdigest(),
        )


class Entitlements:
    """What the holders of one distribution are owed, and whether they got it."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self.distribution = distribution

    async def write_pro_rata(
        self, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int, *, staged: bool = False
    ) -> int:
        """Split a total pro rata to balances, by largest remainder; ties go to the lower account id.

        The balances are the register's, or the staged ones. Returns the number of entitlements.
        """
        shares = shares_statement(pro_rata=True, staged=staged)
        return await self._write(shares, total_units, decimals, excluded, batch_size)

    async def write_equal(
        self, total_units: int, decimals: int, excluded: Sequence[str], batch_size: int, *, staged: bool = False
    ) -> int:
        """Give everybody the same, rounded down. Returns the number of entitlements."""
        shares = shares_statement(pro_rata=False, staged=staged)
        return await self._write(shares, total_units, decimals, excluded, batch_size)

    async def write_shares(self, shares: Iterable[Share], decimals: int, batch_size: int) -> FrozenTotals:
        """Write given entitlements by COPY, any number of them, and say what they come to.

        They must come ordered by account id.
        """
        connection = await driver_connection(self.session)
        rows = _ShareRows(self.distribution, decimals, batch_size)
        lines = rows.lines(shares)
        async with (
            connection.cursor() as cursor,
            cursor.copy(_COPY_IN) as copy,
        ):
            while block := "".join(islice(lines, _LINES_AT_ONCE)):
                await copy.write(block)
        return rows.totals()

    async def plan_batches(self) -> None:
        """Write the batches of the entitlements that are there."""
        await self.session.execute(_PLAN_BATCHES, {"distribution_id": self.distribution.id})

    async def totals(self) -> FrozenTotals:
        """Say what the entitlements come to."""
        row = (await self.session.execute(_TOTALS, {"distribution_id": self.distribution.id})).one()
        return FrozenTotals(**row._asdict(), register_hash=await self.register_hash() or "")

    async def register_hash(self) -> str | None:
        """Compute the hash of who is owed what: SHA-256 over the SHA-256 of each thousand lines.

        A line is ``account_id,balance,payment_amount``; lines are ordered by account id and joined by newlines, digests
        are in lower-case hexadecimal and joined by nothing. None when there are no entitlements.
        """
        found: str | None = await self.session.scalar(_REGISTER_HASH, {"distribution_id": self.distribution.id})
        return found

    async def unpaid(self) -> Due:
        """Return what is still to be paid, and to how many."""
        return await self._due(self._mine(), ~Holder.paid)

    async def failed(self, accounts: Sequence[str] | None, failure_code: str | None) -> Due:
        """Return what those are owed who are unpaid for a reason: of these accounts, for this reason."""
        return await self._due(*self._failed(accounts, failure_code))

    async def find_not_failed(self, accounts: Sequence[str]) -> Sequence[str]:
        """Return those of some accounts that are not unpaid for a reason: nothing of theirs can be tried again."""
        found = set((await self.session.scalars(select(Holder.account_id).where(*self._failed(accounts, None)))).all())
        return [account for account in accounts if account not in found]

    async def find(
        self, page: int = 1, limit: int = 20, *, paid: bool | None = None, failed: bool = False
    ) -> Page[Holder]:
        """Return one page of the entitlements, by account id: all of them, the (un)paid ones, or those that failed."""
        condition = self._mine()
        if paid is not None:
            condition = and_(condition, Holder.paid == paid)
        if failed:
            condition = and_(condition, Holder.failure_code.is_not(None))
        query = select(Holder).where(condition).order_by(Holder.account_id).offset((page - 1) * limit).limit(limit)
        total = await self.session.scalar(select(func.count()).where(condition))
        return Page((await self.session.scalars(query)).all(), total or 0)

    async def find_paid(self, limit: int, offset: int = 0, *, paid: bool) -> Sequence[Holder]:
        """Return the entitlements that are paid, or that are due and not paid, batch by batch.

        Batches of which nobody is such a one are passed over by their counters.
        """
        counts = BatchPayout.successful_payments > 0 if paid else BatchPayout.status != BatchStatus.COMPLETED
        query = (
            select(Holder)
            .join(
                BatchPayout,
                and_(
                    BatchPayout.distribution_id == self.distribution.id,
                    BatchPayout.batch_number == Holder.batch_number,
                ),
            )
            .where(Holder.distribution_id == self.distribution.id, Holder.batch_number.is_not(None), counts)
            .where(Holder.paid.is_(paid))
            .order_by(Holder.batch_number, Holder.account_id)
            .offset(offset)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def find_failed(self, failure_code: str | None, limit: int, offset: int = 0) -> Sequence[Holder]:
        """Return the entitlements that are unpaid for a reason, or for any, by reason and account id."""
        query = (
            select(Holder)
            .where(Holder.distribution_id == self.distribution.id, Holder.failure_code.is_not(None))
            .order_by(Holder.failure_code, Holder.account_id)
            .offset(offset)
            .limit(limit)
        )
        if failure_code is not None:
            query = query.where(Holder.failure_code == failure_code)
        return (await self.session.scalars(query)).all()

    async def find_by_prefix(self, prefix: str, limit: int) -> Sequence[Holder]:
        """Return the first entitlements whose account id begins with some text."""
        query = select(Holder).where(self._mine(), Holder.account_id.startswith(prefix, autoescape=True))
        return (await self.session.scalars(query.order_by(Holder.account_id).limit(limit))).all()

    async def find_after(self, account_id: str, limit: int) -> Sequence[Holder]:
        """Return the entitlements that follow an account id; its cost does not grow with the depth."""
        query = select(Holder).where(self._mine(), Holder.account_id > account_id)
        return (await self.session.scalars(query.order_by(Holder.account_id).limit(limit))).all()

    async def stream(self, chunk: int = 2000) -> AsyncIterator[Holder]:
        """Read all entitlements by account id, a chunk at a time."""
        last = ""
        while rows := await self.find_after(last, chunk):
            for holder in rows:
                yield holder
            last = rows[-1].account_id
            self.session.expunge_all()

    async def failure_counts(self) -> dict[str, int]:
        """Return how many holders failed for which reason."""
        query = (
            select(Holder.failure_code, func.count())
            .where(self._mine(), Holder.failure_code.is_not(None))
            .group_by(Holder.failure_code)
            .order_by(func.count().desc())
        )
        return {code: count for code, count in (await self.session.execute(query)).all() if code}

    async def _due(self, *conditions: ColumnElement[Any]) -> Due:
        owed = Holder.payment_amount > 0
        query = select(func.count().filter(owed), func.sum(Holder.payment_amount)).where(*conditions)
        recipient_count, amount = (await self.session.execute(query)).one()
        return Due(recipient_count, amount or Decimal(0))

    def _failed(self, accounts: Sequence[str] | None, failure_code: str | None) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [
            self._mine(),
            Holder.failure_code.is_not(None),
            Holder.paid.is_not(True),
        ]
        if accounts is not None:
            conditions.append(Holder.account_id.in_(accounts))
        if failure_code is not None:
            conditions.append(Holder.failure_code == failure_code)
        return conditions

    def _mine(self) -> ColumnElement[bool]:
        return and_(Holder.asset_id == self.distribution.asset_id, Holder.distribution_id == self.distribution.id)

    async def _write(
        self,
        shares: str,
        total_units: int,
        decimals: int,
        excluded: Sequence[str],
        batch_size: int,
    ) -> int:
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
        return cast("CursorResult[Any]", result).rowcount
