"""Event listeners: they read the events of contracts, and have each handled exactly once.

An event's row and everything that it calls for are written in one transaction, with the cursor: a crash leaves all of
it or nothing. An event counts as seen by its row, not by the cursor. So each poll reads again a little of what lies
before the cursor and finds events that came late, and whatever is delivered twice is handled once.

An event that cannot be handled is set aside with its error, and the following ones go on; ``replay`` tries it again.
"""

import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import OperationalError

from masspayout import audit
from masspayout.automation.event_handlers import Handling, handle, look_up
from masspayout.db.entities import ContractEvent, EventListener
from masspayout.db.session import Database
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Conflict, LedgerUnavailable, LedgerUncertain, MassPayoutError
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_nanos
from masspayout.kernel.next_steps import Action
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.port import Ledger
from masspayout.registers import ledger_binding
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

_CHUNK_SIZE = 200

# These are no fault of the event: the poll ends there, and the next one goes on from it.
_NOT_ITS_FAULT = (LedgerUnavailable, LedgerUncertain, OperationalError)


@dataclass(slots=True)
class Polled:
    """The result of a poll or a replay: the numbers of events handled and set aside."""

    contract_id: str
    handled: int = 0
    set_aside: int = 0


async def add(database: Database, contract_id: str, *, since: datetime | None = None) -> EventListener:
    """Begin to listen to a contract, or to an account that receives deposits.

    Args:
        database: Where listeners are kept.
        contract_id: The contract, account or token whose events are to be read.
        since: From when on; unless given, from its first event.

    Raises:
        Invalid: The id has the wrong form.
        Conflict: Somebody listens to it already.
    """
    contract_id = canonical_account_id(contract_id, what="contract id")
    since_nanos = None if since is None else to_nanos(since)
    async with database.unit_of_work() as work:
        added = await work.event_listeners.add(contract_id, since_nanos)
        if added is not None:
            audit.record(work, "listener.created", added.id, after={"contract_id": contract_id, "since": since})
    if added is None:
        raise Conflict(f"There is a listener for {contract_id} already.", "See it with: ", Action.LIST_LISTENERS)
    return added


async def find(database: Database, contract_id: str) -> EventListener:
    """Return the listener of a contract.

    Raises:
        Invalid: The id has the wrong form.
        NotFound: Nobody listens to it.
    """
    contract_id = canonical_account_id(contract_id, what="contract id")
    async with database.unit_of_work() as work:
        return await work.event_listeners.get_by_contract_id(contract_id)


async def set_enabled(database: Database, contract_id: str, *, enabled: bool) -> EventListener:
    """Switch a listener on or off. It goes on where it stopped, so what happened in between is handled then.

    Raises:
        Invalid: The id has the wrong form.
        NotFound: Nobody listens to it.
    """
    listener = await find(database, contract_id)
    async with database.unit_of_work() as work:
        await work.event_listeners.set_enabled(listener.id, enabled=enabled)
        audit.record_change(
            work, "listener.changed", listener.id, {"enabled": bool(listener.enabled)}, {"enabled": enabled}
        )
    return listener


async def remove(database: Database, contract_id: str) -> None:
    """Listen to a contract no more. The events that were read stay, so nothing is handled again if it is added again.

    Raises:
        Invalid: The id has the wrong form.
        NotFound: Nobody listens to it.
    """
    listener = await find(database, contract_id)
    async with database.unit_of_work() as work:
        await work.event_listeners.remove(listener.id)
        audit.record(work, "listener.removed", listener.id, before={"contract_id": listener.contract_id})


class EventReader:
    """Reads contracts' events and has them handled. Any number of these may read the same contract at once."""

    def __init__(self, database: Database, ledger: Ledger, settings: Settings) -> None:
        self._database = database
        self._ledger = ledger
        self._settings = settings

    async def poll_enabled(self, now: datetime) -> Sequence[Polled]:
        """Poll every listener that is switched on. One that cannot be polled says why, and does not hold up others."""
        async with self._database.unit_of_work() as work:
            listener_ids = await work.event_listeners.find_enabled()
        polled = []
        for listener_id in listener_ids:
            try:
                polled.append(await self.poll(listener_id, now))
            except MassPayoutError as error:
                _log.warning("listener %s: %s", listener_id, error)
            except Exception:  # noqa: BLE001 - whatever is wrong with one contract must not hold up the others
                _log.exception("listener %s cannot be polled", listener_id)
        return polled

    async def poll(self, listener_id: uuid.UUID, now: datetime) -> Polled:
        """Read the events of a listener's contract that were not seen yet, and handle each.

        Raises:
            AnotherLedger: Its events are those of another ledger.
            Conflict: The listener is switched off.
            LedgerError: The ledger cannot be read now. Events handled before stay so.
        """
        async with self._database.unit_of_work() as work:
            listener = await work.event_listeners.get(listener_id)
        if not listener.enabled:
            raise Conflict(
                f"The listener for {listener.contract_id} is switched off.",
                "Switch it on with: ",
                Action.ENABLE_LISTENER.on(listener.contract_id),
            )
        try:
            polled = await self._read(listener, now)
        except Exception as error:
            await self._note_poll(listener, now, error.message if isinstance(error, MassPayoutError) else repr(error))
            raise
        await self._note_poll(listener, now, None)
        return polled

    async def replay(self, listener_id: uuid.UUID, now: datetime) -> Polled:
        """Handle again, in order, the events of a listener's contract that were set aside.

        Raises:
            AnotherLedger: They are events of another ledger.
            LedgerError: The ledger cannot be asked now. Events handled before stay so.
        """
        identity = await self._ledger.identity()
        async with self._database.unit_of_work() as work:
            listener = await work.event_listeners.get(listener_id)
            await ledger_binding.require_of_listener(work, identity, listener)
            waiting = await work.contract_events.find_set_aside(listener.contract_id)
        replayed = Polled(listener.contract_id)
        for event in waiting:
            named = await look_up(self._ledger, event.name, event.payload)
            async with self._database.unit_of_work() as work:
                if not await work.contract_events.mark_handled(event.id):
                    continue
                handled = await self._handle(Handling(work, named, self._settings, now), event)
            _count(replayed, handled=handled)
        return replayed

    async def _read(self, listener: EventListener, now: datetime) -> Polled:
        """Go through the ledger's events from a little before the cursor."""
        identity = await self._ledger.identity()
        async with self._database.unit_of_work() as work:
            await ledger_binding.require_of_listener(work, identity, listener)
        polled = Polled(listener.contract_id)
        overlap_nanos = int(self._settings.listener_overlap_seconds * NANOS_PER_SECOND)
        after = (max(0, (listener.last_processed_timestamp or 0) - overlap_nanos), -1)
        async with aclosing(_chunks(self._ledger.events(listener.contract_id, after=after))) as chunks:
            async for chunk in chunks:
                async with self._database.unit_of_work() as work:
                    unseen = await work.contract_events.find_unseen(listener.contract_id, chunk)
                for event in unseen:
                    await self._take(listener, event, polled, now)
        return polled

    async def _take(self, listener: EventListener, seen: LedgerEvent, polled: Polled, now: datetime) -> None:
        """Write an event down, handle it and move the cursor: all of it in one transaction, or nothing."""
        named = await look_up(self._ledger, seen.name, seen.payload)
        async with self._database.unit_of_work() as work:
            if await work.event_listeners.lock(listener.id) is None:
                raise Conflict(
                    f"The listener for {listener.contract_id} was switched off while it was polled.",
                    "Switch it on with: ",
                    Action.ENABLE_LISTENER.on(listener.contract_id),
                )
            event = await work.contract_events.add(listener.contract_id, seen)
            if event is None:
                return
            handled = await self._handle(Handling(work, named, self._settings, now), event)
            await work.event_listeners.advance(listener.id, seen.timestamp_nanos, seen.index)
        _count(polled, handled=handled)

    async def _handle(self, handling: Handling, event: ContractEvent) -> bool:
        """Handle an event whose row says HANDLED; when that fails, nothing of it stays but the row, SET_ASIDE."""
        try:
            async with handling.work.begin_nested():
                await handle(handling, event)
        except _NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an event is shown and does not stop others
            _log.warning("event %s of %s is set aside: %r", event.name, event.contract_id, error)
            reason = str(error) if isinstance(error, MassPayoutError) else repr(error)
            await handling.work.contract_events.set_aside(event.id, reason)
            return False
        return True

    async def _note_poll(self, listener: EventListener, now: datetime, error: str | None) -> None:
        async with self._database.unit_of_work() as work:
            await work.event_listeners.note_poll(listener.id, now, error)


def _count(polled: Polled, *, handled: bool) -> None:
    if handled:
        polled.handled += 1
    else:
        polled.set_aside += 1


async def _chunks(events: AsyncIterator[LedgerEvent]) -> AsyncGenerator[list[LedgerEvent]]:
    """Gather a stream into lists, so that one query tells for many events whether they were seen."""
    chunk: list[LedgerEvent] = []
    async for event in events:
        chunk.append(event)
        if len(chunk) == _CHUNK_SIZE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
