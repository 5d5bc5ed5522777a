"""What tests of events share: a contract to listen to, a ledger that delivers badly, and processes that die."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.orm import Session

from crashes import KillSwitch
from masspayout.automation import event_listeners, series
from masspayout.automation.event_listeners import EventReader, Polled
from masspayout.automation.triggers import parse_trigger
from masspayout.context import Context
from masspayout.db.entities import (
    ContractEvent,
    Distribution,
    DistributionType,
    EventStatus,
    ExecutionType,
    PayoutType,
    Series,
)
from masspayout.db.repositories import ContractEvents, Distributions, EventListeners
from masspayout.db.session import Database
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.port import Ledger
from masspayout.registers import assets
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, World, make_runtime

CONTRACT = "0.0.6001"
NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


async def arm(
    world: World, trigger: str = "ON_DEPOSIT", amount: str | None = None, payout: PayoutType = PayoutType.PERCENTAGE
) -> Series:
    """Make a series that pays on deposits."""
    terms = PayoutTerms(
        type=DistributionType.DIVIDEND,
        payout_type=payout,
        amount=None if amount is None else Decimal(amount),
        execution_type=ExecutionType.AUTOMATIC,
    )
    runtime = world.runtime
    return await series.create(runtime, world.asset, terms, parse_trigger(trigger), now=NOW)


async def use_contract(world: World) -> None:
    """Let the asset have a LifeCycle Cash Flow contract."""
    runtime = world.runtime
    world.asset = await assets.import_asset(
        runtime.database, runtime.ledger, ASSET_TOKEN, lifecycle_contract_id=CONTRACT
    )


async def listen(world: World, contract_id: str) -> uuid.UUID:
    """Listen to a contract from its first event, unless a series has seen to it that somebody does."""
    async with world.runtime.database.unit_of_work() as session:
        found = await EventListeners(session).find_by_contract_id(contract_id)
    return (found or await event_listeners.add(world.runtime.database, contract_id)).id


async def poll(runtime: Context, listener_id: uuid.UUID, *, ledger: Any = None) -> Polled:
    reader = EventReader(runtime.database, ledger or runtime.ledger, runtime.settings)
    return await reader.poll(listener_id, NOW)


async def replay(runtime: Context, listener_id: uuid.UUID) -> Polled:
    return await EventReader(runtime.database, runtime.ledger, runtime.settings).replay(listener_id, NOW)


async def made_by(world: World, series_id: uuid.UUID) -> list[Distribution]:
    """Return the distributions of a series, the first due first."""
    async with world.runtime.database.unit_of_work() as session:
        found = await Distributions(session).find_of_series(series_id, 1000)
    return list(reversed(found))


async def events_of(world: World, status: EventStatus | None = None) -> list[ContractEvent]:
    """Return the events that were written down, in their order."""
    async with world.runtime.database.unit_of_work() as session:
        found = (await ContractEvents(session).find_all(limit=1000)).items
    chosen = [each for each in found if status is None or each.status is status]
    return sorted(chosen, key=lambda each: (each.timestamp_nanos, each.event_index))


class BadDelivery:
    """A ledger that delivers events in any order, some of them twice, and breaks off when it likes."""

    def __init__(self, ledger: Ledger, chance: random.Random, *, breaks_off: bool = True) -> None:
        self._ledger = ledger
        self._chance = chance
        self._breaks_off = breaks_off

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def events(self, contract_id: str, *, after: tuple[int, int]) -> AsyncIterator[LedgerEvent]:
        found = [each async for each in self._ledger.events(contract_id, after=after)]
        delivered = [*found, *self._chance.choices(found, k=len(found))] if found else []
        self._chance.shuffle(delivered)
        count = self._chance.randrange(len(delivered) + 1) if self._breaks_off else len(delivered)
        for each in delivered[:count]:
            yield each


def poll_and_die(url: URL, settings: Settings, listener_id: uuid.UUID, kill_at: int) -> None:
    """Poll in this process, which ends just before or after its ``kill_at``-th statement, commit or begin."""
    asyncio.run(_poll_and_die(url, settings, listener_id, KillSwitch(kill_at)))


async def _poll_and_die(url: URL, settings: Settings, listener_id: uuid.UUID, kill_switch: KillSwitch) -> None:
    database = Database(url)
    runtime = make_runtime(database, settings)
    for moment in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(Engine, moment, kill_switch)
    for moment in ("before_commit", "after_commit"):
        event.listen(Session, moment, kill_switch)
    await poll(runtime, listener_id)
    await runtime.ledger.close()
    await database.close()
