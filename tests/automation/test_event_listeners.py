"""Each event is handled exactly once, however it is delivered and wherever a process dies."""

import asyncio
import itertools
import multiprocessing
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import URL

import listening
from crashes import KILLED
from databases import run_sql
from listening import CONTRACT, BadDelivery, arm, events_of, listen, made_by, poll, replay, use_contract
from masspayout.automation import event_listeners
from masspayout.automation.event_listeners import EventReader
from masspayout.context import Context
from masspayout.db.entities import EventListener, EventStatus
from masspayout.db.repositories import Assets, EventListeners
from masspayout.db.session import Database
from masspayout.kernel.errors import Conflict, Invalid, LedgerUnavailable, NotFound
from masspayout.kernel.types import LedgerEvent
from masspayout.ledger.sandbox import SandboxLedger
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, TREASURY, World, accounts, make_runtime

UNIT = 10**6
processes = multiprocessing.get_context("forkserver")


@pytest.fixture
async def world(runtime: Context) -> World:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    await use_contract(world)
    return world


async def find_listener(world: World, contract_id: str = CONTRACT) -> EventListener:
    return await event_listeners.find(world.runtime.database, contract_id)


async def deposit(world: World, amount: int, to: str = CONTRACT) -> None:
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, amount * UNIT, to)


async def emit(world: World, name: str, *, at: int | None = None, **payload: Any) -> None:
    await world.sandbox.admin.emit(CONTRACT, name, payload, timestamp_nanos=at)


def deposit_fields(amount: int, number: int = 1) -> dict[str, Any]:
    return {
        "token_id": PAYMENT_TOKEN,
        "from": TREASURY,
        "amount_units": amount * UNIT,
        "transaction_id": f"0.0.900@1900000000.{number:09d}",
    }


async def test_events_are_handled_in_order_and_the_cursor_stands_at_the_last(world: World) -> None:
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    for amount in (5, 6, 7):
        await deposit(world, amount)

    assert await poll(world.runtime, listener_id) == event_listeners.Polled(CONTRACT, handled=3)

    assert [made.amount for made in await made_by(world, series.id)] == [5, 6, 7]
    last = (await events_of(world))[-1]
    listener = await find_listener(world)
    assert listener.last_processed_timestamp == last.timestamp_nanos
    assert (listener.last_processed_index, listener.last_polled_at) == (last.event_index, listening.NOW)
    assert await poll(world.runtime, listener_id) == event_listeners.Polled(CONTRACT)


@pytest.mark.parametrize("seed", range(8))
async def test_each_event_is_handled_once_however_it_is_delivered(world: World, seed: int) -> None:
    chance = random.Random(seed)
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    start = int((await world.sandbox.admin.now()).timestamp()) + 1
    await world.sandbox.admin.advance(10)
    amounts = list(range(1, 13))
    for number, amount in enumerate(amounts):
        if amount % 3:
            at = (start + amount // 4) * 10**9  # several share a moment, and some come late
            await emit(world, "Deposit", at=at, **deposit_fields(amount, number))
        else:
            await deposit(world, amount)
        if amount % 4 == 0:
            await world.sandbox.admin.advance(10)
            await poll(world.runtime, listener_id, ledger=BadDelivery(world.runtime.ledger, chance))
    whole = BadDelivery(world.runtime.ledger, chance, breaks_off=False)
    await poll(world.runtime, listener_id, ledger=whole)

    assert sorted(int(made.amount or 0) for made in await made_by(world, series.id)) == amounts
    found = await events_of(world)
    assert [each.status for each in found] == [EventStatus.HANDLED] * len(amounts)
    listener = await find_listener(world)
    assert (listener.last_processed_timestamp, listener.last_processed_index) == (
        found[-1].timestamp_nanos,
        found[-1].event_index,
    )


async def test_an_event_that_shows_late_is_found_as_far_back_as_the_overlap_reaches(world: World) -> None:
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    await world.sandbox.admin.advance(3600)
    await deposit(world, 1)
    await poll(world.runtime, listener_id)
    last = (await events_of(world))[-1].timestamp_nanos
    overlap = int(world.runtime.settings.listener_overlap_seconds)

    await emit(world, "Deposit", at=last - (overlap - 1) * 10**9, **deposit_fields(2, 1))
    await emit(world, "Deposit", at=last - (overlap + 1) * 10**9, **deposit_fields(3, 2))

    assert (await poll(world.runtime, listener_id)).handled == 1
    assert [made.amount for made in await made_by(world, series.id)] == [1, 2]
    assert (await find_listener(world)).last_processed_timestamp == last


async def test_two_pollers_at_once_handle_each_event_once(world: World) -> None:
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    for amount in range(1, 21):
        await deposit(world, amount)
    async with AsyncExitStack() as stack:
        runtimes = [make_runtime(Database(world.runtime.database.url), world.runtime.settings) for _ in range(3)]
        for runtime in runtimes:
            stack.push_async_callback(runtime.ledger.close)
            stack.push_async_callback(runtime.database.close)
        polled = await asyncio.gather(*(poll(runtime, listener_id) for runtime in runtimes))

    assert sum(each.handled for each in polled) == 20
    assert sorted(int(made.amount or 0) for made in await made_by(world, series.id)) == list(range(1, 21))


async def test_two_listeners_whose_deposits_start_the_same_series_at_once_lose_none(world: World) -> None:
    payer = world.runtime.settings.payer_account_id
    listener_ids = [await listen(world, CONTRACT), await listen(world, payer)]
    await poll(world.runtime, listener_ids[1])
    series = await arm(world)
    for amount in range(1, 11):
        await deposit(world, amount)
        await deposit(world, 100 + amount, payer)

    await asyncio.gather(*(poll(world.runtime, listener_id) for listener_id in listener_ids))

    wanted = [*range(1, 11), *range(101, 111)]
    assert sorted(int(made.amount or 0) for made in await made_by(world, series.id)) == wanted
    assert not await events_of(world, EventStatus.SET_ASIDE)


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
        ("Garbage", {}, "There is no handler for events called 'Garbage'"),
        ("Deposit", {}, "token_id is None"),
        ("Deposit", {"amount_units": "lots"}, "amount_units is 'lots'"),
        ("Deposit", {"amount_units": -5}, "amount_units is -5"),
        ("Deposit", {"amount_units": True}, "amount_units is True"),
        ("Deposit", {"token_id": "nonsense"}, "'nonsense' is not a valid token_id"),
        ("PaymentTokenChanged", {"token_id": "0.0.404"}, "The sandbox has no token 0.0.404"),
    ],
)
async def test_a_bad_event_is_set_aside_with_its_error_and_the_rest_go_on(
    world: World, name: str, payload: dict[str, Any], reason: str
) -> None:
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    await deposit(world, 1)
    await emit(world, name, **(payload and {**deposit_fields(9), **payload}))
    await deposit(world, 2)

    polled = await poll(world.runtime, listener_id)

    assert (polled.handled, polled.set_aside) == (2, 1)
    assert [made.amount for made in await made_by(world, series.id)] == [1, 2]
    (bad,) = await events_of(world, EventStatus.SET_ASIDE)
    assert reason in str(bad.error)
    assert (await poll(world.runtime, listener_id)).set_aside == 0


class Undecodable:
    """A ledger whose events carry what no database takes."""

    def __init__(self, ledger: SandboxLedger, payload: dict[str, object]) -> None:
        self._ledger = ledger
        self._payload = payload

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def events(self, contract_id: str, *, after: tuple[int, int]):  # type: ignore[no-untyped-def]  # noqa: ANN201
        yield LedgerEvent(contract_id, 1, 0, "Dep\0sit", self._payload)  # type: ignore[arg-type]
        async for event in self._ledger.events(contract_id, after=after):
            yield event


@pytest.mark.parametrize("payload", [{"a": "\0"}, {"a": b"bytes"}, {"a": float("nan")}, {"a": "\ud800"}], ids=str)
async def test_an_event_that_cannot_even_be_kept_as_it_is_stops_nothing(
    world: World, payload: dict[str, object]
) -> None:
    listener_id = await listen(world, CONTRACT)
    await deposit(world, 1)

    polled = await poll(world.runtime, listener_id, ledger=Undecodable(world.sandbox, payload))

    assert (polled.handled, polled.set_aside) == (1, 1)
    (bad,) = await events_of(world, EventStatus.SET_ASIDE)
    assert bad.payload == {"undecodable": ascii(payload)}


async def test_what_was_set_aside_is_handled_again_when_it_is_mended(world: World) -> None:
    listener_id = await listen(world, CONTRACT)
    await emit(world, "PaymentTokenChanged", token_id="0.0.7002")
    await emit(world, "Garbage")
    assert (await poll(world.runtime, listener_id)).set_aside == 2
    await world.sandbox.admin.create_token("0.0.7002", name="Euro", symbol="TEUR", decimals=2)

    replayed = await replay(world.runtime, listener_id)

    assert (replayed.handled, replayed.set_aside) == (1, 1)
    async with world.runtime.database.unit_of_work() as session:
        asset = await Assets(session).get(world.asset.id)
    assert (asset.payment_token_id, asset.payment_token_symbol, asset.payment_token_decimals) == ("0.0.7002", "TEUR", 2)
    assert [event.name for event in await events_of(world, EventStatus.SET_ASIDE)] == ["Garbage"]


async def test_nothing_stays_of_an_event_that_fails_halfway(world: World, database_url: URL) -> None:
    armed = [await arm(world), await arm(world)]
    listener_id = await listen(world, CONTRACT)
    run_sql(database_url, f"UPDATE series SET trigger_condition = 'WHEN_RICH' WHERE id = '{armed[1].id}'")
    await deposit(world, 5)

    assert (await poll(world.runtime, listener_id)).set_aside == 1
    assert [await made_by(world, each.id) for each in armed] == [[], []]

    run_sql(database_url, f"UPDATE series SET trigger_condition = 'ON_DEPOSIT' WHERE id = '{armed[1].id}'")
    assert (await replay(world.runtime, listener_id)).handled == 1
    assert [[made.amount for made in await made_by(world, each.id)] for each in armed] == [[5], [5]]


async def test_two_replays_at_once_handle_an_event_once(world: World) -> None:
    listener_id = await listen(world, CONTRACT)
    await emit(world, "PaymentTokenChanged", token_id="0.0.7002")
    await poll(world.runtime, listener_id)
    await world.sandbox.admin.create_token("0.0.7002", name="Euro", symbol="TEUR", decimals=2)

    replayed = await asyncio.gather(*(replay(world.runtime, listener_id) for _ in range(3)))

    assert sum(each.handled for each in replayed) == 1


async def test_a_ledger_that_is_away_is_no_fault_of_the_event(world: World) -> None:
    class Away(BadDelivery):
        async def token(self, token_id: str) -> None:
            raise LedgerUnavailable("The ledger is away.")

    listener_id = await listen(world, CONTRACT)
    await emit(world, "PaymentTokenChanged", token_id=ASSET_TOKEN)
    away = Away(world.runtime.ledger, random.Random(1), breaks_off=False)

    with pytest.raises(LedgerUnavailable):
        await poll(world.runtime, listener_id, ledger=away)

    assert await events_of(world) == []
    assert (await find_listener(world)).poll_error == "The ledger is away."
    assert (await poll(world.runtime, listener_id)).handled == 1
    assert (await find_listener(world)).poll_error is None


async def test_the_latest_payment_token_on_the_ledger_counts_whatever_is_read_last(world: World) -> None:
    listener_id = await listen(world, CONTRACT)
    for token_id in ("0.0.7002", "0.0.7003"):
        await world.sandbox.admin.create_token(token_id, name="Euro", symbol="TEUR", decimals=2)
    await emit(world, "PaymentTokenChanged", token_id="0.0.7003")
    await poll(world.runtime, listener_id)
    now = int((await world.sandbox.admin.now()).timestamp())
    await emit(world, "PaymentTokenChanged", at=(now - 100) * 10**9, token_id="0.0.7002")

    assert (await poll(world.runtime, listener_id)).handled == 1

    async with world.runtime.database.unit_of_work() as session:
        assert (await Assets(session).get(world.asset.id)).payment_token_id == "0.0.7003"


async def test_transfers_of_the_token_ask_for_one_sync(world: World) -> None:
    listener_id = await listen(world, ASSET_TOKEN)
    for account in accounts(3):
        await world.sandbox.admin.deposit(ASSET_TOKEN, 5, account)

    assert (await poll(world.runtime, listener_id)).handled == 4  # its creation moved it, too

    async with world.runtime.database.unit_of_work() as session:
        asset = await Assets(session).get(world.asset.id)
    assert asset.sync_requested_at == listening.NOW + timedelta(seconds=5)


async def test_a_listener_that_was_switched_off_goes_on_where_it_stopped(world: World) -> None:
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    await event_listeners.set_enabled(world.runtime.database, CONTRACT, enabled=False)
    await deposit(world, 1)
    reader = EventReader(world.runtime.database, world.runtime.ledger, world.runtime.settings)

    assert CONTRACT not in [polled.contract_id for polled in await reader.poll_enabled(listening.NOW)]
    with pytest.raises(Conflict, match="is switched off"):
        await reader.poll(listener_id, listening.NOW)

    await event_listeners.set_enabled(world.runtime.database, CONTRACT, enabled=True)
    polled = {each.contract_id: each.handled for each in await reader.poll_enabled(listening.NOW)}
    assert polled[CONTRACT] == 1
    assert len(await made_by(world, series.id)) == 1


async def test_one_listener_that_fails_does_not_hold_up_the_others(world: World) -> None:
    class HalfAway(BadDelivery):
        def events(self, contract_id: str, *, after: tuple[int, int]):  # type: ignore[no-untyped-def]  # noqa: ANN202
            if contract_id == "0.0.6000":
                raise LedgerUnavailable("The ledger is away.")
            return super().events(contract_id, after=after)

    for contract_id in ("0.0.6000", CONTRACT):
        await listen(world, contract_id)
    await deposit(world, 1)
    half_away = HalfAway(world.runtime.ledger, random.Random(1), breaks_off=False)
    reader = EventReader(world.runtime.database, half_away, world.runtime.settings)

    assert [(p.contract_id, p.handled) for p in await reader.poll_enabled(listening.NOW)] == [(CONTRACT, 1)]
    assert (await find_listener(world, "0.0.6000")).poll_error == "The ledger is away."


async def test_a_users_own_listener_row_without_an_index_is_read_on(world: World) -> None:
    await deposit(world, 1)
    async with world.runtime.database.unit_of_work() as session:
        now = int((await world.sandbox.admin.now()).timestamp())
        own = await EventListeners(session).save(EventListener(contract_id=CONTRACT, last_processed_timestamp=now))

    assert (await poll(world.runtime, own.id)).handled == 1
    assert (await find_listener(world)).last_processed_index == 0


async def test_a_listener_since_a_time_leaves_out_what_was_before(world: World) -> None:
    await deposit(world, 1)
    await world.sandbox.admin.advance(86_400)
    since = await world.sandbox.admin.now() - timedelta(hours=1)
    await deposit(world, 2)
    listener = await event_listeners.add(world.runtime.database, CONTRACT, since=since)

    assert (await poll(world.runtime, listener.id)).handled == 1


@pytest.mark.timeout(600)
async def test_a_process_that_dies_between_any_two_statements_handles_each_event_once(
    world: World, database_url: URL
) -> None:
    processes.set_forkserver_preload(["listening"])
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    run: Callable[..., int | None] = _run
    for kill_at in itertools.count(1):
        await deposit(world, 2 * kill_at)
        await emit(world, "Garbage")
        await deposit(world, 2 * kill_at + 1)
        exit_code = await asyncio.to_thread(run, database_url, world.runtime.settings, listener_id, kill_at)
        assert exit_code in (0, KILLED), kill_at
        await poll(world.runtime, listener_id)

        amounts = [int(made.amount or 0) for made in await made_by(world, series.id)]
        assert amounts == list(range(2, 2 * kill_at + 2)), f"statement {kill_at}"
        if exit_code == 0:
            break
    assert kill_at > 40, "a poll has more statements than that"
    assert len(await events_of(world, EventStatus.SET_ASIDE)) == kill_at


def _run(*arguments: object) -> int | None:
    process = processes.Process(target=listening.poll_and_die, args=arguments)
    process.start()
    process.join()
    return process.exitcode


async def test_bad_input_is_named_and_nothing_is_written(world: World) -> None:
    database = world.runtime.database
    with pytest.raises(Invalid, match=r"'0\.0' is not a valid contract id"):
        await event_listeners.add(database, "0.0")
    with pytest.raises(NotFound, match=r"There is no listener for 0\.0\.1"):
        await event_listeners.set_enabled(database, "0.0.1", enabled=True)
    await event_listeners.add(database, CONTRACT, since=datetime(2031, 1, 1, tzinfo=UTC))
    with pytest.raises(Conflict, match="already"):
        await event_listeners.add(database, CONTRACT)
    async with database.unit_of_work() as session:
        assert len(await EventListeners(session).find_in_order()) == 1
