"""Queries on ``contract_event``: the row of an event guarantees that it is handled once."""

import json
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import ContractEvent, EventStatus
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.kernel.types import LedgerEvent

_NUL, _REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"


class ContractEvents(Repository[ContractEvent]):
    """The events that contracts reported, in the order of (nanoseconds, index) within each contract."""

    entity = ContractEvent
    noun = "event"

    async def find_unseen(self, contract_id: str, events: Iterable[LedgerEvent]) -> list[LedgerEvent]:
        """Return those of some events of a contract that have no row yet, in the order given."""
        events = list(events)
        position = tuple_(ContractEvent.timestamp_nanos, ContractEvent.event_index)
        query = select(ContractEvent.timestamp_nanos, ContractEvent.event_index).where(
            ContractEvent.contract_id == contract_id,
            position.in_([(event.timestamp_nanos, event.index) for event in events]),
        )
        seen = {(row.timestamp_nanos, row.event_index) for row in await self.session.execute(query)}
        return [event for event in events if (event.timestamp_nanos, event.index) not in seen]

    async def add(self, contract_id: str, event: LedgerEvent) -> ContractEvent | None:
        """Write the row of an event as HANDLED; nothing when it is there already. Others that try wait for us."""
        statement = (
            insert(ContractEvent)
            .values(
                id=uuid7(),
                contract_id=contract_id,
                timestamp_nanos=event.timestamp_nanos,
                event_index=event.index,
                name=event.name.replace(_NUL, _REPLACEMENT),
                payload=_storable(dict(event.payload)),
                status=EventStatus.HANDLED,
            )
            .on_conflict_do_nothing(
                index_elements=[ContractEvent.contract_id, ContractEvent.timestamp_nanos, ContractEvent.event_index]
            )
            .returning(ContractEvent)
        )
        return (await self.session.scalars(statement)).one_or_none()

    async def set_aside(self, event_id: uuid.UUID, error: str) -> None:
        """HANDLED → SET_ASIDE, with the error."""
        error = error.replace(_NUL, _REPLACEMENT)
        await self._set(event_id, {EventStatus.HANDLED}, status=EventStatus.SET_ASIDE, error=error)

    async def mark_handled(self, event_id: uuid.UUID) -> bool:
        """SET_ASIDE → HANDLED. False when somebody else was first."""
        return await self._set(event_id, {EventStatus.SET_ASIDE}, status=EventStatus.HANDLED, error=None)

    async def find_set_aside(self, contract_id: str) -> Sequence[ContractEvent]:
        """Return a contract's events that could not be handled, in order."""
        query = (
            select(ContractEvent)
            .where(ContractEvent.contract_id == contract_id, text("status = 'SET_ASIDE'"))
            .order_by(ContractEvent.timestamp_nanos, ContractEvent.event_index)
        )
        return (await self.session.scalars(query)).all()

    async def find_latest(self, contract_id: str, names: Collection[str]) -> ContractEvent | None:
        """Return the last handled event of some kinds by its place on the ledger, whenever it was read."""
        query = (
            select(ContractEvent)
            .where(
                ContractEvent.contract_id == contract_id,
                ContractEvent.name.in_(names),
                ContractEvent.status == EventStatus.HANDLED,
            )
            .order_by(ContractEvent.timestamp_nanos.desc(), ContractEvent.event_index.desc())
            .limit(1)
        )
        return await self.session.scalar(query)

    async def _set(self, event_id: uuid.UUID, from_states: set[EventStatus], **columns: Any) -> bool:
        statement = (
            update(ContractEvent)
            .where(ContractEvent.id == event_id, ContractEvent.status.in_(from_states))
            .values(**columns)
            .execution_options(synchronize_session=False)
        )
        return await self._changed(statement) == 1


def _storable(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload as PostgreSQL can keep it: JSON knows neither bytes nor NaN, and PostgreSQL no NUL in it."""
    try:
        written = json.dumps(payload, allow_nan=False)
        json.dumps(payload, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return {"undecodable": ascii(payload)}
    return {"undecodable": ascii(payload)} if "\\u0000" in written else payload
