"""The questions of the store port, and of pauses, about what is paused, answered from dictionaries."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.kernel.pauses import PauseInForce
from simulator.store.rows import Row, Transaction

# What a pause keeps while it begins, and what everybody keeps who reserves an attempt.
_PAUSING, _RESERVING = "pausing", "reserving"


class Pauses:
    """Pauses of distributions and, under the key None, of the installation."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def lock(self) -> None:
        t = self._t
        await t.lock(_PAUSING, None)
        while others := [
            place for place, holder in t.server.locks.items() if place[0] == _RESERVING and holder is not t
        ]:
            await t.lock(*others[0])

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
        t = self._t
        await t.lock("pause", distribution_id)
        row = t.find("pause", distribution_id)
        if row is not None and row.ended_at is None:
            return False
        begun = {"reason": reason, "paused_by_name": paused_by_name, "paused_at": paused_at, "ended_at": None}
        t.put("pause", distribution_id, Row(distribution_id=distribution_id, asset_id=asset_id, **begun))
        return True

    async def end(
        self,
        distribution_id: uuid.UUID | None,
        asset_id: uuid.UUID | None,
        *,
        ended_by: str,
        ended_by_name: str,
        ended_at: datetime,
    ) -> bool:
        return await self._t.change("pause", distribution_id, _lasts, ended_at=ended_at) is not None

    async def find_open(self, distribution_id: uuid.UUID | None, asset_id: uuid.UUID | None) -> PauseInForce | None:
        row = self._t.find("pause", distribution_id)
        return _in_force(row) if row is not None and _lasts(row) else None

    async def find(self, distribution_id: uuid.UUID) -> PauseInForce | None:
        row = find_pause(self._t, distribution_id)
        return None if row is None else _in_force(row)

    async def hold_off(self, distribution_id: uuid.UUID) -> bool:
        return await hold_off_pauses(self._t, distribution_id)

    async def find_resumable(
        self, distribution_id: uuid.UUID | None, asset_id: uuid.UUID | None
    ) -> Sequence[Distribution]:
        found = [
            row
            for row in self._t.all("distribution")
            if row.status is DistributionStatus.PROCESSING
            and distribution_id in (None, row.id)
            and find_pause(self._t, row.id) is None
        ]
        return cast("Sequence[Distribution]", found)


async def hold_off_pauses(t: Transaction, distribution_id: uuid.UUID) -> bool:
    """Return whether a distribution is paused; no pause begins until the transaction ends."""
    if t.is_locked(_PAUSING, None):
        await t.lock(_PAUSING, None)
    await t.lock(_RESERVING, id(t))
    return find_pause(t, distribution_id) is not None


def find_pause(t: Transaction, distribution_id: uuid.UUID) -> Row | None:
    """Return a pause that lasts, of the installation or of a distribution."""
    for key in (None, distribution_id):
        row = t.find("pause", key)
        if row is not None and _lasts(row):
            return row
    return None


def _lasts(row: Row) -> bool:
    return row.ended_at is None


def _in_force(row: Row) -> PauseInForce:
    return PauseInForce(row.distribution_id, row.asset_id, row.reason, row.paused_by_name, row.paused_at)
