"""Queries on ``blockchain_event_listener_config``."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from masspayout.db.entities import EventListener
from masspayout.db.repositories.base import Repository
from masspayout.db.types import uuid7
from masspayout.kernel.account_ids import canonical_account_id, is_account_id
from masspayout.kernel.errors import NotFound
from masspayout.kernel.next_steps import Action

_SUMMARIES = text("""
    SELECT contract_id,
           count(*) FILTER (WHERE status = 'HANDLED') AS handled,
           count(*) FILTER (WHERE status = 'SET_ASIDE') AS set_aside,
           count(refund.id) AS refunds,
           (array_agg(name || ': ' || error ORDER BY timestamp_nanos, event_index)
                FILTER (WHERE status = 'SET_ASIDE'))[1] AS first_error
      FROM contract_event
      LEFT JOIN refund ON refund.contract_event_id = contract_event.id
     GROUP BY contract_id
""")


@dataclass(frozen=True, slots=True)
class EventSummary:
    """The outcomes of a contract's events. ``refunds`` are among the handled; ``first_error`` is the oldest one's."""

    handled: int = 0
    set_aside: int = 0
    refunds: int = 0
    first_error: str | None = None


class EventListeners(Repository[EventListener]):
    """The cursors over contracts' events."""

    entity = EventListener
    noun = "listener"
    listed_by = Action.LIST_LISTENERS

    async def find_by_contract_id(self, contract_id: str) -> EventListener | None:
        """Return the listener of a contract, or nothing."""
        return await self.session.scalar(select(EventListener).where(EventListener.contract_id == contract_id))

    async def get_by_contract_id(self, contract_id: str) -> EventListener:
        """Return the listener of a contract.

        Raises:
            NotFound: There is no listener for it.
        """
        found = await self.find_by_contract_id(contract_id)
        if found is None:
            raise NotFound(
                f"There is no listener for {contract_id}.", "Add one with: ", Action.ADD_LISTENER.on(contract_id)
            )
        return found

    async def get_by_reference(self, reference: str) -> EventListener:
        """Return a listener by its contract, its id, the beginning of that, or ``latest``.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: No listener fits.
        """
        if is_account_id(reference):
            return await self.get_by_contract_id(canonical_account_id(reference, what="contract id"))
        return await super().get_by_reference(reference)

    async def add(self, contract_id: str, since_nanos: int | None) -> EventListener | None:
        """Add a listener to a contract's events after a time; nothing when there is one already."""
        statement = (
            insert(EventListener)
            .values(id=uuid7(), contract_id=contract_id, last_processed_timestamp=since_nanos, enabled=True)
            .on_conflict_do_nothing(index_elements=[EventListener.contract_id])
            .returning(EventListener)
        )
        return (await self.session.scalars(statement)).one_or_none()

    async def find_enabled(self) -> Sequence[uuid.UUID]:
        """Return the enabled listeners, the one that was polled longest ago first."""
        query = (
            select(EventListener.id)
            .where(EventListener.enabled.is_(True))
            .order_by(EventListener.last_polled_at.nulls_first(), EventListener.id)
        )
        return (await self.session.scalars(query)).all()

    async def find_in_order(self) -> Sequence[EventListener]:
        """Return all listeners, by contract id."""
        return (await self.session.scalars(select(EventListener).order_by(EventListener.contract_id))).all()

    async def lock(self, listener_id: uuid.UUID) -> EventListener | None:
        """Lock an enabled listener, so that nobody else handles its events until the transaction ends."""
        query = (
            select(EventListener)
            .where(EventListener.id == listener_id, EventListener.enabled.is_(True))
            .with_for_update(key_share=True)
        )
        return (await self.session.scalars(query, execution_options={"populate_existing": True})).one_or_none()

    async def advance(self, listener_id: uuid.UUID, timestamp_nanos: int, event_index: int) -> None:
        """Advance the cursor to an event. A cursor never moves back, so late events leave it where it is."""
        # A cursor without an index, which a user's own row may be, stands before all events of its timestamp.
        cursor = tuple_(
            func.coalesce(EventListener.last_processed_timestamp, -1),
            func.coalesce(EventListener.last_processed_index, -1),
        )
        await self.session.execute(
            update(EventListener)
            .where(EventListener.id == listener_id, cursor < tuple_(timestamp_nanos, event_index))
            .values(last_processed_timestamp=timestamp_nanos, last_processed_index=event_index)
            .execution_options(synchronize_session=False)
        )

    async def note_poll(self, listener_id: uuid.UUID, now: datetime, error: str | None) -> None:
        """Store the time of the last poll, and its error, if any."""
        await self.session.execute(
            update(EventListener).where(EventListener.id == listener_id).values(last_polled_at=now, poll_error=error)
        )

    async def remove(self, listener_id: uuid.UUID) -> None:
        """Delete a listener, with its cursor."""
        await self.session.execute(delete(EventListener).where(EventListener.id == listener_id))

    async def set_enabled(self, listener_id: uuid.UUID, *, enabled: bool) -> None:
        """Enable or disable a listener. The cursor stays, so nothing is missed in between."""
        await self.session.execute(
            update(EventListener).where(EventListener.id == listener_id).values(enabled=enabled, poll_error=None)
        )

    async def summaries(self) -> dict[str, EventSummary]:
        """Return the outcomes of events by contract."""
        rows = await self.session.execute(_SUMMARIES)
        return {row.contract_id: EventSummary(row.handled, row.set_aside, row.refunds, row.first_error) for row in rows}
