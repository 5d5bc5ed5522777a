"""Queries on the distributions of which a token or its contract knows the amounts: announced, or paid by its rule."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Distribution, DistributionStatus, Entitlement
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.kernel.next_steps import Action

# Whoever failed for one of these got money for their bonds, though not what was planned, or not by us.
_REDEEMED_ALL_THE_SAME = ("OTHER_AMOUNT_PAID", "ALREADY_REDEEMED")


class AnnouncedPayouts(Repository[Distribution]):
    """The distributions that stand for what tokens announced, or what their contracts pay by a rule."""

    entity = Distribution
    noun = "distribution"
    listed_by = Action.LIST_DISTRIBUTIONS

    async def find(self, asset_id: uuid.UUID, contract_terms: str) -> Distribution | None:
        """Return the newest distribution of these terms, whatever became of it."""
        query = (
            select(Distribution)
            .where(Distribution.asset_id == asset_id, Distribution.contract_terms == contract_terms)
            .order_by(Distribution.id.desc())
            .limit(1)
            .execution_options(populate_existing=True)
        )
        return await self.session.scalar(query)

    async def redeemed(self, asset_id: uuid.UUID, contract_terms: str) -> set[str]:
        """Return whose bonds the contract redeemed for money, by distributions of the same terms or beside them."""
        query = (
            select(Entitlement.account_id)
            .join(Distribution, Distribution.id == Entitlement.distribution_id)
            .where(
                Distribution.asset_id == asset_id,
                Distribution.contract_terms == contract_terms,
                Entitlement.paid | Entitlement.failure_code.in_(_REDEEMED_ALL_THE_SAME),
            )
        )
        return set(await self.session.scalars(query))

    async def add(self, **columns: Any) -> Distribution | None:
        """Write a distribution. None when there is one for the same obligation."""
        statement = (
            insert(Distribution)
            .values(id=uuid7(), **columns)
            .on_conflict_do_nothing(index_elements=[Distribution.obligation_key])
            .returning(Distribution)
        )
        return (await self.session.scalars(statement)).one_or_none()

    async def move_unfrozen(self, distribution_id: uuid.UUID, dates: Mapping[str, Any]) -> bool:
        """Write other dates on a distribution. False when it is frozen, or not pending any more."""
        return await self._change_unfrozen(distribution_id, **dates)

    async def cancel_unfrozen(self, distribution_id: uuid.UUID) -> bool:
        """PENDING → CANCELLED. False when it is frozen, or not pending any more."""
        return await self._change_unfrozen(distribution_id, status=DistributionStatus.CANCELLED, obligation_key=None)

    async def _change_unfrozen(self, distribution_id: uuid.UUID, **columns: Any) -> bool:
        statement = (
            update(Distribution)
            .where(
                Distribution.id == distribution_id,
                Distribution.status == DistributionStatus.PENDING,
                Distribution.frozen_at.is_(None),
            )
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1
