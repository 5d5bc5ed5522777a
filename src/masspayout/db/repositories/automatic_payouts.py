"""Queries on deposits: the series that a deposit triggers, and the times of their payouts."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Numeric, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from masspayout.db.entities import (
    Asset,
    Attempt,
    Distribution,
    Entitlement,
    ExecutionType,
    Refund,
    Series,
    SeriesStatus,
)

_MICROSECOND = timedelta(microseconds=1)


class AutomaticPayouts:
    """Deposits and the payouts that they start, inside one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def is_ours(self, transaction_id: str) -> bool:
        """Return True if a ledger transaction is one of our own attempts."""
        query = select(Attempt.id).where(Attempt.transaction_id == transaction_id)
        return await self.session.scalar(query) is not None

    async def is_paying_account(self, account_id: str, payer_account_id: str) -> bool:
        """Return True if payouts are paid from an account: the payer, or the contract of an asset."""
        query = select(Asset.id).where(Asset.lifecycle_contract_id == account_id).limit(1)
        return account_id == payer_account_id or await self.session.scalar(query) is not None

    async def unreturned_units(self, account_id: str, token_id: str, at: datetime) -> int:
        """Return what payouts sent to an account up to a time, less what the account has sent back, in smallest units.

        A payment counts from the time its transaction was sent: money may come back before the settlement is written.
        """
        units_per_token = func.power(literal(10, Numeric), Distribution.payment_token_decimals)
        paid_units = await self.session.scalar(
            select(func.sum(Entitlement.payment_amount * units_per_token))
            .join(Distribution, Distribution.id == Entitlement.distribution_id)
            .join(Attempt, Attempt.id == Entitlement.attempt_id)
            .where(
                Entitlement.account_id == account_id,
                Distribution.payment_token_id == token_id,
                Attempt.submitted_at <= at,
            )
        )
        returned_units = await self.session.scalar(
            select(func.sum(Refund.amount_units)).where(Refund.account_id == account_id, Refund.token_id == token_id)
        )
        return int((paid_units or 0) - (returned_units or 0))

    async def add_refund(self, event_id: uuid.UUID, account_id: str, token_id: str, amount_units: int) -> None:
        """Write a payment that an account sent back, whole or in part."""
        self.session.add(
            Refund(
                contract_event_id=event_id,
                account_id=account_id,
                token_id=token_id,
                amount_units=Decimal(amount_units),
            )
        )
        await self.session.flush()

    async def lock_armed(
        self,
        *,
        token_id: str,
        receiver_account_id: str,
        sender_account_id: str,
        payer_account_id: str,
        at: datetime,
        is_refund: bool,
    ) -> Sequence[Series]:
        """Lock and return the active AUTOMATIC series, with their assets, that a deposit of a token at a time triggers.

        The deposit must have reached the paying account of a series' asset (its contract, or the payer) and not come
        from the contract: a transfer within is no income. A series that is younger than the deposit was not armed then.
        A deposit that looks like a refund triggers only the assets whose treasury sent it: that is the issuer's own
        account, which funds payouts also when it is paid by them.
        """
        query = (
            select(Series)
            .join(Series.asset)
            .options(contains_eager(Series.asset))
            .where(
                Series.execution_type == ExecutionType.AUTOMATIC,
                Series.status == SeriesStatus.ACTIVE,
                Series.created_at <= at,
                Asset.payment_token_id == token_id,
                Asset.lifecycle_contract_id.is_distinct_from(sender_account_id),
            )
            .order_by(Series.id)
            .with_for_update(key_share=True, of=Series)
        )
        if is_refund:
            query = query.where(Asset.treasury_account_id == sender_account_id)
        if receiver_account_id != payer_account_id:
            query = query.where(Asset.lifecycle_contract_id == receiver_account_id)
        return (await self.session.scalars(query)).all()

    async def next_due_time(self, series_id: uuid.UUID, now: datetime) -> datetime:
        """Return ``now``, or a time just after the latest payout of a locked series: no two payouts share a time."""
        last = await self.session.scalar(
            select(func.max(Distribution.scheduled_time)).where(Distribution.series_id == series_id)
        )
        return now if last is None else max(now, last + _MICROSECOND)
