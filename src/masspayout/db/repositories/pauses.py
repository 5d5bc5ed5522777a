"""Queries on ``pause``."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, text

from masspayout.db import advisory_locks
from masspayout.db.entities import Distribution, DistributionStatus, Pause
from masspayout.db.repositories.base import Repository
from masspayout.db.types import UtcTimestamp, uuid7
from masspayout.kernel.pauses import PauseInForce

# The condition that a distribution, called d, is paused: itself, with its asset, or with the installation.
IS_PAUSED = """
    EXISTS (SELECT FROM pause AS p
             WHERE p.ended_at IS NULL AND coalesce(p.distribution_id, d.id) = d.id
               AND coalesce(p.asset_id, d.asset_id) = d.asset_id)
"""

_BEGIN = text("""
    INSERT INTO pause (id, distribution_id, asset_id, reason, paused_by, paused_by_name, paused_at)
    VALUES (:id, :distribution_id, :asset_id, :reason, :paused_by, :paused_by_name, :paused_at)
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("paused_at", type_=UtcTimestamp()))

_END = text("""
    UPDATE pause SET ended_by = :ended_by, ended_by_name = :ended_by_name, ended_at = :ended_at, updated_at = now()
     WHERE ended_at IS NULL
       AND (distribution_id, asset_id) IS NOT DISTINCT FROM (CAST(:distribution_id AS UUID), CAST(:asset_id AS UUID))
""").bindparams(bindparam("ended_at", type_=UtcTimestamp()))

# Payouts whose transactions are all settled have nothing to do until they are resumed.
_UNDER_WAY = text("""
    EXISTS (SELECT FROM batch_payout AS b JOIN attempt AS a ON a.batch_payout_id = b.id
             WHERE b.distribution_id = distribution.id AND b.status = 'PROCESSING'
               AND a.status IN ('RESERVED', 'SIGNED', 'SUBMITTED'))
""")


def is_paused() -> ColumnElement[bool]:
    """Return the condition that a distribution is paused: itself, with its asset, or with the installation."""
    return exists().where(*_HOLDS_IT).correlate(Distribution)


def has_something_to_do() -> ColumnElement[bool]:
    """Return the condition that a distribution is not paused, or has a transaction that is to be settled."""
    return or_(~is_paused(), _UNDER_WAY)


_HOLDS_IT = (
    Pause.ended_at.is_(None),
    func.coalesce(Pause.distribution_id, Distribution.id) == Distribution.id,
    func.coalesce(Pause.asset_id, Distribution.asset_id) == Distribution.asset_id,
)

# The pause that is told of is the widest one, for without its end nothing goes on: it comes last.
_WIDEST_LAST = (Pause.distribution_id.is_not(None).desc(), Pause.asset_id.is_not(None).desc())


class Pauses(Repository[Pause]):
    """The pauses."""

    entity = Pause
    noun = "pause"

    async def lock(self) -> None:
        """Wait until every attempt that is being reserved is committed, and keep others from it until this commits.

        Later statements see those attempts, and the transaction that reserves the next one sees the pause.
        """
        await self.session.execute(select(func.pg_advisory_xact_lock(advisory_locks.PAUSES)))

    async def begin(
        self,
        distribution_id: uuid.UUID | None,
        asset_id: uuid.UUID | None,
        *,
        reason: str,
        paused_by: str,
        paused_by_name: str,
        paused_at: datetime,
    ) -> bool:
        """Write a pause of a distribution, of an asset, or, with neither, of the installation.

        False when it is paused already.
        """
        parameters: dict[str, Any] = {"id": uuid7(), "distribution_id": distribution_id, "asset_id": asset_id}
        parameters |= {"reason": reason, "paused_by": paused_by, "paused_by_name": paused_by_name}
        return await self._changed(_BEGIN, {**parameters, "paused_at": paused_at}) == 1

    async def end(
        self,
        distribution_id: uuid.UUID | None,
        asset_id: uuid.UUID | None,
        *,
        ended_by: str,
        ended_by_name: str,
        ended_at: datetime,
    ) -> bool:
        """End the pause of a distribution, of an asset, or, with neither, of the installation. False without one."""
        parameters: dict[str, Any] = {"distribution_id": distribution_id, "asset_id": asset_id}
        parameters |= {"ended_by": ended_by, "ended_by_name": ended_by_name, "ended_at": ended_at}
        return await self._changed(_END, parameters) == 1

    async def find_open(self, distribution_id: uuid.UUID | None, asset_id: uuid.UUID | None) -> PauseInForce | None:
        """Return the pause of a distribution, of an asset, or, with neither, of the installation, while it lasts."""
        query = select(Pause).where(
            Pause.ended_at.is_(None),
            Pause.distribution_id.is_not_distinct_from(distribution_id),
            Pause.asset_id.is_not_distinct_from(asset_id),
        )
        found = await self.session.scalar(query)
        return None if found is None else _in_force(found)

    async def find(self, distribution_id: uuid.UUID) -> PauseInForce | None:
        """Return a pause that keeps a distribution from beginning or going on: the widest one."""
        return (await self.find_of([distribution_id])).get(distribution_id)

    async def find_of(self, distribution_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, PauseInForce]:
        """Return the pauses that keep distributions from beginning or going on, by distribution."""
        query = (
            select(Distribution.id, Pause)
            .join(Pause, and_(*_HOLDS_IT))
            .where(Distribution.id.in_(distribution_ids))
            .order_by(*_WIDEST_LAST)
        )
        return {found_id: _in_force(pause) for found_id, pause in await self.session.execute(query)}

    async def find_all_open(self) -> Sequence[Pause]:
        """Return the pauses that last, the latest first."""
        query = select(Pause).where(Pause.ended_at.is_(None)).order_by(Pause.paused_at.desc(), Pause.id.desc())
        return (await self.session.scalars(query)).all()

    async def hold_off(self, distribution_id: uuid.UUID) -> bool:
        """Return whether a distribution is paused, and keep any pause from beginning until this commits."""
        return bool(await self.session.scalar(select(func.masspayout_is_paused(distribution_id))))

    async def find_resumable(
        self, distribution_id: uuid.UUID | None, asset_id: uuid.UUID | None
    ) -> Sequence[Distribution]:
        """Return the distributions being paid that go on once a pause has ended, for no other one lasts."""
        query = select(Distribution).where(
            Distribution.status == DistributionStatus.PROCESSING, Distribution.frozen_at.is_not(None), ~is_paused()
        )
        if distribution_id is not None:
            query = query.where(Distribution.id == distribution_id)
        if asset_id is not None:
            query = query.where(Distribution.asset_id == asset_id)
        return (await self.session.scalars(query)).all()


def _in_force(pause: Pause) -> PauseInForce:
    return PauseInForce(pause.distribution_id, pause.asset_id, pause.reason, pause.paused_by_name, pause.paused_at)
