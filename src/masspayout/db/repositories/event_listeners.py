"""Queries on ``blockchain_event_listener_config``."""

from sqlalchemy import select

from masspayout.db.entities import EventListener
from masspayout.db.repositories.base import Repository


class EventListeners(Repository[EventListener]):
    """The cursors over contracts' events."""

    entity = EventListener
    noun = "listener"

    async def find_by_contract_id(self, contract_id: str) -> EventListener | None:
        """Return the listener of a contract, or nothing."""
        return await self.session.scalar(select(EventListener).where(EventListener.contract_id == contract_id))
