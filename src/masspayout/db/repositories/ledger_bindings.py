"""Queries on the ledger bindings of assets, distributions and listeners."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Asset, Distribution, DistributionStatus, EventListener, Series, SeriesStatus


class Unfinished(NamedTuple):
    """A distribution that is to be paid or is being paid, with its ledger."""

    distribution_id: uuid.UUID
    status: DistributionStatus
    ledger_identity: str


class LedgerBindings:
    """The ledger that each asset, distribution and listener is bound to."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def note(self, thing: Asset | Distribution | EventListener, identity: str) -> None:
        """Bind an asset, distribution or listener to a ledger, unless it is bound already."""
        if thing.ledger_identity is not None:
            return
        entity = type(thing)
        statement = update(entity).where(entity.id == thing.id, entity.ledger_identity.is_(None))
        await self.session.execute(statement.values(ledger_identity=identity))

    async def find_unfinished(self) -> Sequence[Unfinished]:
        """Return the distributions that are to be paid or are being paid, where their ledger is known."""
        ledger_identity = func.coalesce(Distribution.ledger_identity, Asset.ledger_identity)
        query = (
            select(Distribution.id, Distribution.status, ledger_identity)
            .join(Asset, Asset.id == Distribution.asset_id)
            .where(
                Distribution.status.in_([DistributionStatus.PENDING, DistributionStatus.PROCESSING]),
                ledger_identity.is_not(None),
            )
            .order_by(Distribution.created_at, Distribution.id)
        )
        return [
            Unfinished(found_id, DistributionStatus(status), ledger)
            for found_id, status, ledger in await self.session.execute(query)
        ]

    async def find_token_ledgers(self) -> Sequence[tuple[str, str | None]]:
        """Return the tokens of assets and their payment tokens, each with the ledger of the asset."""
        paid_in = select(Asset.payment_token_id, Asset.ledger_identity).where(Asset.payment_token_id.is_not(None))
        query = select(Asset.token_id, Asset.ledger_identity).union(paid_in).order_by(Asset.token_id)
        return [(token_id, ledger_identity) for token_id, ledger_identity in await self.session.execute(query)]

    async def has_plans(self, asset: Asset) -> bool:
        """Return True if an asset has a distribution that is not frozen, or a series that still creates some."""
        unfrozen = select(Distribution.id).where(
            Distribution.asset_id == asset.id,
            Distribution.status == DistributionStatus.PENDING,
            Distribution.frozen_at.is_(None),
        )
        final = [status for status in SeriesStatus if status.is_final]
        going_on = select(Series.id).where(Series.asset_id == asset.id, Series.status.not_in(final))
        return bool(await self.session.scalar(select(or_(unfrozen.exists(), going_on.exists()))))
