"""The clock: what is due and what is signed goes by the database's time, whatever a machine's clock says."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import URL

from databases import fresh_database, move_clock, run_sql
from masspayout.automation import scheduler, series
from masspayout.automation.triggers import Trigger
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus, DistributionType, ExecutionType, PayoutType
from masspayout.db.session import Database
from masspayout.kernel.clock import Clock, in_words
from masspayout.kernel.errors import ClockIsOff, Invalid
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.payments.clock_guard import ClockGuard
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime

SECOND = 10**9
HOUR = 3600
HOLDERS = [(account, 100) for account in accounts(3)]


class Machine:
    """A machine and a database server, each with a clock, and an exchange between the two that takes a while."""

    def __init__(self) -> None:
        self.passed_nanos = 1_000 * SECOND
        self.suspended_nanos = 0
        self.host_off_nanos = 0
        self.exchange_nanos = 0
        self.exchanges = 0
        self.clock = Clock(self._measure, host=self._host, steady=lambda: self.passed_nanos - self.suspended_nanos)

    @property
    def true_nanos(self) -> int:
        return 1_800_000_000 * SECOND + self.passed_nanos

    def let_pass(self, seconds: float) -> None:
        self.passed_nanos += int(seconds * SECOND)

    def suspend(self, seconds: float) -> None:
        self.let_pass(seconds)
        self.suspended_nanos += int(seconds * SECOND)

    def _host(self) -> int:
        return self.true_nanos + self.host_off_nanos

    async def _measure(self) -> int:
        self.exchanges += 1
        said = self.true_nanos
        self.passed_nanos += self.exchange_nanos
        return said


@pytest.fixture
def machine() -> Machine:
    return Machine()


async def error_seconds(machine: Machine) -> float:
    now = await machine.clock.database_now()
    return (machine.true_nanos - int(now.timestamp() * SECOND)) / SECOND


@pytest.mark.parametrize("off_seconds", [0, 600, -600, 26 * HOUR])
async def test_a_machines_clock_makes_no_difference(machine: Machine, off_seconds: int) -> None:
    machine.host_off_nanos = off_seconds * SECOND
    for _ in range(5):
        assert abs(await error_seconds(machine)) < 0.001
        machine.let_pass(20)
    assert abs(machine.clock.now_nanos() - (machine.true_nanos)) < SECOND


async def test_it_is_measured_at_most_every_half_minute(machine: Machine) -> None:
    for _ in range(600):
        await machine.clock.now()
        await machine.clock.require_right()
        machine.let_pass(0.1)
    assert machine.exchanges == 2


async def test_a_suspended_machine_measures_again(machine: Machine) -> None:
    await machine.clock.now()
    machine.suspend(8 * HOUR)
    assert abs(await error_seconds(machine)) < 0.001
    await machine.clock.require_right()
    assert machine.exchanges == 2


async def test_a_slow_exchange_makes_nothing_due_too_early(machine: Machine) -> None:
    machine.exchange_nanos = 20 * SECOND
    assert 0 <= await error_seconds(machine) <= 20


@pytest.mark.parametrize("off_seconds", [61, -61, 600, 26 * HOUR])
async def test_a_machine_that_is_far_off_is_refused_until_it_is_right(machine: Machine, off_seconds: int) -> None:
    machine.host_off_nanos = off_seconds * SECOND
    with pytest.raises(ClockIsOff) as refused:
        await machine.clock.require_right()
    assert f"{machine.clock.host_now():%Y-%m-%d %H:%M:%S} UTC" in refused.value.message
    assert f"{await machine.clock.database_now():%Y-%m-%d %H:%M:%S} UTC" in refused.value.message
    assert "masspayout doctor" in refused.value.hint
    machine.host_off_nanos = 59 * SECOND
    await machine.clock.require_right()


async def test_a_slow_exchange_is_not_taken_for_a_wrong_clock(machine: Machine) -> None:
    machine.exchange_nanos = 90 * SECOND
    await machine.clock.require_right()


async def test_what_was_measured_long_ago_is_no_reason_to_refuse(machine: Machine) -> None:
    await machine.clock.require_right()
    machine.suspend(600)
    await machine.clock.require_right()


def test_durations_in_words() -> None:
    assert [in_words(seconds) for seconds in (5, -604, 93_600)] == ["5 s", "10 min 4 s", "26 h 0 min"]


# On a real database, with a sandbox.


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, HOLDERS)


async def now_of(database: Database) -> datetime:
    return await database.clock.now()


async def test_it_is_the_databases_time(database_url: URL) -> None:
    database = Database(move_clock(database_url, 5 * HOUR))
    assert abs(await now_of(database) - datetime.now(UTC) - timedelta(hours=5)) < timedelta(seconds=30)
    await database.close()


async def test_a_sandbox_that_is_advanced_takes_the_present_with_it(world: World, runtime: Context) -> None:
    before = await now_of(runtime.database)
    planned = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=before + timedelta(hours=3))
    assert await run_due(runtime) == 0
    await world.sandbox.admin.advance(4 * HOUR)
    assert await now_of(runtime.database) - before > timedelta(hours=4)
    assert await runtime.database.clock.database_now() - before < timedelta(hours=1)
    assert await run_due(runtime) == 1
    assert await world.pay(planned.id) is DistributionStatus.COMPLETED
    with pytest.raises(Invalid, match="has passed"):
        await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=before + timedelta(hours=3.5))


async def run_due(runtime: Context) -> int:
    now = await now_of(runtime.database)
    return await scheduler.run_due(runtime, now)


async def test_another_process_learns_at_once_that_the_sandbox_was_advanced(world: World, settings: Settings) -> None:
    database = Database(world.runtime.database.url)
    other = make_runtime(database, settings)
    before = await now_of(database)
    await world.sandbox.admin.advance(HOUR)
    assert await now_of(database) - before > timedelta(hours=1)
    await other.ledger.close()
    await database.close()


async def test_a_series_is_not_armed_for_deposits_from_before_it(world: World, runtime: Context) -> None:
    await world.sandbox.admin.advance(HOUR)
    ledger_time = await world.sandbox.admin.now()
    terms = PayoutTerms(type=DistributionType.DIVIDEND, payout_type=PayoutType.PERCENTAGE, amount=None)
    made = await series.create(runtime, world.asset, terms, Trigger(), now=ledger_time)
    assert made.created_at is not None
    assert made.created_at > ledger_time - timedelta(minutes=1)


def with_host_off(runtime: Context, seconds: float) -> None:
    """Give the machine that the runtime is on a wrong clock."""
    clock = runtime.database.clock
    clock._host = lambda: time.time_ns() + int(seconds * SECOND)


@pytest.mark.parametrize("off_seconds", [600, -600, 26 * HOUR])
async def test_a_machine_that_is_off_starts_and_signs_nothing(world: World, runtime: Context, off_seconds: int) -> None:
    later = await now_of(runtime.database) + timedelta(hours=1)
    due = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=later)
    await world.sandbox.admin.advance(2 * HOUR)
    by_hand, running = await world.plan(), await world.plan()
    await world.execute(running.id)
    with_host_off(runtime, off_seconds)
    with pytest.raises(ClockIsOff):
        await run_due(runtime)
    with pytest.raises(ClockIsOff):
        await world.execute(by_hand.id)
    with pytest.raises(ClockIsOff):
        await world.pay(running.id)
    assert await world.find_status(due.id) is DistributionStatus.PENDING
    assert await world.find_status(by_hand.id) is DistributionStatus.PENDING
    assert await world.find_status(running.id) is DistributionStatus.PROCESSING
    assert await world.sandbox.balance_units(HOLDERS[0][0], PAYMENT_TOKEN) == 0
    with_host_off(runtime, 0)
    assert await run_due(runtime) == 1
    assert await world.pay(running.id) is DistributionStatus.COMPLETED


@pytest.fixture
async def apart(database_url: URL, embedded_server: URL, settings: Settings) -> AsyncIterator[World]:
    """A world whose sandbox is on another server than our database, whose clock is behind by ten minutes."""
    with fresh_database(embedded_server) as books_url:
        address = books_url.set(drivername="postgresql").render_as_string(hide_password=False)
        settings = Settings.model_validate({**settings.model_dump(), "sandbox_database_url": address})
        database = Database(move_clock(database_url, -600))
        runtime = make_runtime(database, settings)
        with_host_off(runtime, -600)
        yield await World.make(runtime, HOLDERS)
        await runtime.ledger.close()
        await database.close()


async def test_a_database_that_is_behind_the_ledger_signs_nothing(apart: World) -> None:
    planned = await apart.plan()
    await apart.execute(planned.id)
    with pytest.raises(ClockIsOff, match=r"the ledger has shown .* UTC: it is (10 min|9 min 59)") as refused:
        await apart.pay(planned.id)
    assert "masspayout doctor" in refused.value.hint
    assert await apart.find_status(planned.id) is DistributionStatus.PROCESSING
    run_sql(apart.runtime.database.url, "DROP SCHEMA moved CASCADE")
    apart.runtime.database.clock._last = None
    with_host_off(apart.runtime, 0)
    assert await apart.pay(planned.id) is DistributionStatus.COMPLETED


async def test_a_ledger_that_lags_or_is_away_stops_nobody(world: World, settings: Settings) -> None:
    behind = SandboxLedger(
        world.runtime.database.url, settings, clock=lambda: world.runtime.database.clock.now_nanos() + 600 * SECOND
    )
    away = SandboxLedger(URL.create("postgresql+psycopg", host="127.0.0.1", port=1, database="x"), settings)
    for ledger in (behind, away):
        await ClockGuard(world.runtime.database.clock, ledger).require_right()
        await ledger.close()


async def test_numbers_have_a_ceiling_a_little_ahead_of_the_ledger(world: World) -> None:
    for seconds in (0, HOUR):
        if seconds:
            await world.sandbox.admin.advance(seconds)
        sender = await world.sandbox.sender("0.0.1001")
        now_nanos = int((await world.sandbox.admin.now()).timestamp() * SECOND)
        assert sender.number_ceiling is not None
        assert sender.number_floor < now_nanos < sender.number_ceiling < now_nanos + 60 * SECOND


async def test_paying_asks_for_the_time_once_however_many_batches_there_are(world: World, runtime: Context) -> None:
    clock = runtime.database.clock
    measured, measure = [], clock._measure

    async def counting() -> int:
        measured.append(1)
        return await measure()

    clock._measure, clock._last = counting, None
    planned = await world.plan()
    await world.execute(planned.id)
    assert await world.pay(planned.id) is DistributionStatus.COMPLETED
    assert len(measured) == 1
