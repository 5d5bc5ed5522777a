"""Queries that replace a register hash which does not match its entitlements."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Approval, Distribution, DistributionStatus


class RegisterHashes:
    """The register hashes of frozen distributions, with the approvals that are bound to them."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find_frozen(self) -> Sequence[uuid.UUID]:
        """Return the distributions that have a register hash and are not cancelled, oldest first."""
        query = select(Distribution.id).where(
            Distribution.frozen_at.is_not(None), Distribution.status != DistributionStatus.CANCELLED
        )
        return (await self.session.scalars(query.order_by(Distribution.id))).all()

    async def replace(self, distribution_id: uuid.UUID, before: str | None, after: str) -> bool:
        """Write another register hash on a frozen distribution. False when the hash is not ``before`` any more."""
        statement = (
            update(Distribution)
            .where(
                Distribution.id == distribution_id,
                Distribution.frozen_at.is_not(None),
                Distribution.register_hash.is_not_distinct_from(before),
            )
            .values(register_hash=after)
            .returning(Distribution.id)
            .execution_options(synchronize_session=False)
        )
        return await self.session.scalar(statement) is not None

    async def rebind_approvals(self, distribution_id: uuid.UUID, before: str | None, after: str) -> int:
        """Bind the approvals of one hash to another one of the same entitlements. Return their number."""
        statement = (
            update(Approval)
            .where(Approval.distribution_id == distribution_id, Approval.register_hash == before)
            .values(register_hash=after)
            .returning(Approval.id)
            .execution_options(synchronize_session=False)
        )
        return len((await self.session.scalars(statement)).all())
