"""Queries on ``bond`` and ``bond_factor``."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import Bond, BondFactor
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7


class Bonds(Repository[Bond]):
    """The terms of bonds, one row for each asset that is one."""

    entity = Bond
    noun = "bond"

    async def find_of_asset(self, asset_id: uuid.UUID, *, lock: bool = False) -> Bond | None:
        """Return the bond of an asset, or nothing; locked, so that its terms and factors stay as they are."""
        query = select(Bond).where(Bond.asset_id == asset_id).execution_options(populate_existing=True)
        return await self.session.scalar(query.with_for_update() if lock else query)

    async def set_terms(self, asset_id: uuid.UUID, terms: Mapping[str, Any]) -> Bond:
        """Write the terms of an asset's bond, in place of those that were there."""
        new = insert(Bond).values(id=uuid7(), asset_id=asset_id, **terms)
        renewed = {name: new.excluded[name] for name in (*terms, "updated_at")}
        statement = new.on_conflict_do_update(index_elements=[Bond.asset_id], set_=renewed).returning(Bond)
        return (await self.session.scalars(statement, execution_options={"populate_existing": True})).one()

    async def find_factors(self, bond_id: uuid.UUID) -> Sequence[BondFactor]:
        """Return the changes of a bond's factor, the first one first."""
        query = select(BondFactor).where(BondFactor.bond_id == bond_id).order_by(BondFactor.effective_date)
        return (await self.session.scalars(query.execution_options(populate_existing=True))).all()

    async def set_factor(self, bond_id: uuid.UUID, effective_date: date, factor: Decimal) -> None:
        """Write the factor that holds from a date on, in place of one that was written for the same date."""
        new = insert(BondFactor).values(id=uuid7(), bond_id=bond_id, effective_date=effective_date, factor=factor)
        renewed = {name: new.excluded[name] for name in ("factor", "updated_at")}
        await self.session.execute(
            new.on_conflict_do_update(index_elements=[BondFactor.bond_id, BondFactor.effective_date], set_=renewed)
        )
