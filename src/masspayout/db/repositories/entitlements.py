"""Queries on entitlements: ``holder`` rows that carry a distribution and a payment amount. ``freezes`` writes them."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import BatchPayout, BatchStatus, Distribution, Entitlement
from masspayout.db.repositories.base import Page, read_page
from masspayout.db.repositories.freezes import register_digest
from masspayout.kernel.types import Due, Totals

_TOTALS = text("""
    SELECT count(*) AS entitlement_count,
           count(batch_number) AS payable_count,
           coalesce(max(batch_number), 0) AS batch_count,
           coalesce(sum(payment_amount), 0) AS total_amount
      FROM holder WHERE distribution_id = :distribution_id
""")

_REGISTER_HASH = text(
    f"SELECT register_hash FROM {register_digest('(SELECT * FROM holder WHERE distribution_id = :distribution_id)')}"  # noqa: S608 - our own
)


class Entitlements:
    """The entitlements of one distribution, paid and unpaid."""

    def __init__(self, session: AsyncSession, distribution: Distribution) -> None:
        self.session = session
        self.distribution = distribution

    async def totals(self) -> Totals:
        """Return the totals of the entitlements."""
        row = (await self.session.execute(_TOTALS, {"distribution_id": self.distribution.id})).one()
        return Totals(**row._asdict(), register_hash=await self.register_hash() or "")

    async def register_hash(self) -> str | None:
        """Return the hash over all entitlements: SHA-256 over the SHA-256 of each thousand lines.

        A line is ``account_id,balance,payment_amount``; lines are ordered by account id and joined by newlines, digests
        are in lower-case hexadecimal and joined by nothing. None when there are no entitlements.
        """
        found: str | None = await self.session.scalar(_REGISTER_HASH, {"distribution_id": self.distribution.id})
        return found

    async def unpaid(self) -> Due:
        """Return the amount that is still to be paid, and the number of its holders."""
        return await self._due(self._mine(), ~Entitlement.paid)

    async def failed(self, accounts: Sequence[str] | None, failure_code: str | None) -> Due:
        """Return the amount that is owed to holders who are unpaid for a reason: of these accounts, for this reason."""
        return await self._due(*self._failed(accounts, failure_code))

    async def find_not_failed(self, accounts: Sequence[str]) -> Sequence[str]:
        """Return those of some accounts without a failed entitlement, so that nothing of theirs can be retried."""
        found = set(
            (await self.session.scalars(select(Entitlement.account_id).where(*self._failed(accounts, None)))).all()
        )
        return [account for account in accounts if account not in found]

    async def find(
        self, page: int = 1, limit: int = 20, *, paid: bool | None = None, failed: bool = False
    ) -> Page[Entitlement]:
        """Return one page of the entitlements, by account id: all of them, the (un)paid ones, or those that failed."""
        condition = self._mine()
        if paid is not None:
            condition = and_(condition, Entitlement.paid == paid)
        if failed:
            condition = and_(condition, Entitlement.failure_code.is_not(None))
        query = select(Entitlement).where(condition).order_by(Entitlement.account_id)
        return await read_page(self.session, query, page, limit)

    async def find_paid(self, limit: int, after: Entitlement | None = None, *, paid: bool) -> Sequence[Entitlement]:
        """Return the entitlements that are paid, or due and unpaid, batch by batch, after one (a keyset page).

        Batches without such an entitlement are skipped by their counters.
        """
        counts = BatchPayout.successful_payments > 0 if paid else BatchPayout.status != BatchStatus.COMPLETED
        query = (
            select(Entitlement)
            .join(
                BatchPayout,
                and_(
                    BatchPayout.distribution_id == self.distribution.id,
                    BatchPayout.batch_number == Entitlement.batch_number,
                ),
            )
            .where(Entitlement.distribution_id == self.distribution.id, Entitlement.batch_number.is_not(None), counts)
            .where(Entitlement.paid.is_(paid))
            .order_by(Entitlement.batch_number, Entitlement.account_id)
            .limit(limit)
        )
        if after is not None:
            place = tuple_(Entitlement.batch_number, Entitlement.account_id)
            query = query.where(place > (after.batch_number, after.account_id))
            query = query.where(BatchPayout.batch_number >= after.batch_number)
        return (await self.session.scalars(query)).all()

    async def find_failed(self, limit: int, after: Entitlement | None = None) -> Sequence[Entitlement]:
        """Return the entitlements that are unpaid for a reason, by reason and account id, after one (a keyset page)."""
        query = (
            select(Entitlement)
            .where(Entitlement.distribution_id == self.distribution.id, Entitlement.failure_code.is_not(None))
            .order_by(Entitlement.failure_code, Entitlement.account_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                tuple_(Entitlement.failure_code, Entitlement.account_id) > (after.failure_code, after.account_id)
            )
        return (await self.session.scalars(query)).all()

    async def find_by_prefix(self, prefix: str, limit: int) -> Sequence[Entitlement]:
        """Return the first entitlements whose account id begins with some text."""
        query = select(Entitlement).where(self._mine(), Entitlement.account_id.startswith(prefix, autoescape=True))
        return (await self.session.scalars(query.order_by(Entitlement.account_id).limit(limit))).all()

    async def find_after(self, account_id: str, limit: int) -> Sequence[Entitlement]:
        """Return the entitlements that follow an account id (a keyset page); the cost does not grow with the depth."""
        query = select(Entitlement).where(self._mine(), Entitlement.account_id > account_id)
        return (await self.session.scalars(query.order_by(Entitlement.account_id).limit(limit))).all()

    async def stream(self, chunk: int = 2000) -> AsyncIterator[Entitlement]:
        """Read all entitlements by account id, a chunk at a time."""
        last = ""
        while rows := await self.find_after(last, chunk):
            for holder in rows:
                yield holder
            last = rows[-1].account_id
            self.session.expunge_all()

    async def failure_counts(self) -> dict[str, int]:
        """Return the number of holders by failure code."""
        query = (
            select(Entitlement.failure_code, func.count())
            .where(self._mine(), Entitlement.failure_code.is_not(None))
            .group_by(Entitlement.failure_code)
            .order_by(func.count().desc())
        )
        return {code: count for code, count in (await self.session.execute(query)).all() if code}

    async def _due(self, *conditions: ColumnElement[Any]) -> Due:
        query = select(func.count().filter(Entitlement.is_payable), func.sum(Entitlement.payment_amount)).where(
            *conditions
        )
        recipient_count, amount = (await self.session.execute(query)).one()
        return Due(recipient_count, amount or Decimal(0))

    def _failed(self, accounts: Sequence[str] | None, failure_code: str | None) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [
            self._mine(),
            Entitlement.failure_code.is_not(None),
            Entitlement.paid.is_not(True),
        ]
        if accounts is not None:
            conditions.append(Entitlement.account_id.in_(accounts))
        if failure_code is not None:
            conditions.append(Entitlement.failure_code == failure_code)
        return conditions

    def _mine(self) -> ColumnElement[bool]:
        return and_(
            Entitlement.asset_id == self.distribution.asset_id, Entitlement.distribution_id == self.distribution.id
        )
