"""The questions of the store port, and of starts, about pauses, answered from dictionaries."""

import uuid

from masspayout.kernel.pauses import PauseInForce
from simulator.store.rows import Row, Transaction


class Pauses:
    """Pauses of distributions and, under the key None, of the installation."""

    def __init__(self, transaction: Transaction) -> None:
        self._t = transaction

    async def find(self, distribution_id: uuid.UUID) -> PauseInForce | None:
        row = find_pause(self._t, distribution_id)
        if row is None:
            return None
        return PauseInForce(row.distribution_id, None, row.reason, row.paused_by_name, row.paused_at)

    async def hold_off(self, distribution_id: uuid.UUID) -> bool:
        return find_pause(self._t, distribution_id) is not None


def find_pause(t: Transaction, distribution_id: uuid.UUID) -> Row | None:
    """Return a pause that lasts, of the installation or of a distribution."""
    for key in (None, distribution_id):
        row = t.find("pause", key)
        if row is not None and row.ended_at is None:
            return row
    return None
