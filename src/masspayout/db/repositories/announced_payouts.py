"""Queries on distributions whose amounts a token or its contract knows: announced, or computed by the contract."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Distribution, DistributionStatus, Entitlement
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.kernel.next_steps import Action

# A holder who failed with one of these codes got money for their bonds: another amount, or by another payment.
_REDEEMED_ALL_THE_SAME = ("OTHER_AMOUNT_PAID", "ALREADY_REDEEMED")


class AnnouncedPayouts(Repository[Distribution]):
    """The distributions that a token announced, or whose amounts its contract computes."""

    entity = Distribution
    noun = "distribution"
    listed_by = Action.LIST_DISTRIBUTIONS

    async def find(self, asset_id: uuid.UUID, contract_terms: str) -> Distribution | None:
        """Return the newest distribution of these terms, in any state."""
        query = (
            select(Distribution)
            .where(Distribution.asset_id == asset_id, Distribution.contract_terms == contract_terms)
            .order_by(Distribution.id.desc())
            .limit(1)
            .execution_options(populate_existing=True)
        )
        return await self.session.scalar(query)

    async def redeemed(self, asset_id: uuid.UUID, contract_terms: str) -> set[str]:
        """Return the accounts whose bonds the contract redeemed for money, by any distribution of the same terms."""
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
