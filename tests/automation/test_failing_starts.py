"""What fails to start, or to be made, keeps nothing else waiting: it is named, and tried again after growing pauses."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from databases import run_sql
from masspayout.automation import event_listeners, scheduler, series
from masspayout.automation.event_listeners import EventReader
from masspayout.automation.scheduler import StartFailure
from masspayout.automation.series import Calendar
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import (
    Distribution,
    DistributionStatus,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
    Series,
)
from masspayout.db.repositories import Distributions
from masspayout.kernel.backoff import Backoff
from masspayout.kernel.errors import Conflict
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.registers import assets
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.settings import Settings
from masspayout.worker import run_worker
from payouts import PAYMENT_TOKEN, World, accounts

SECOND = timedelta(seconds=1)
DUE = datetime(2031, 3, 31, 9, tzinfo=UTC)
HOLDERS = accounts(3)
PENDING, PROCESSING, FAILED = DistributionStatus.PENDING, DistributionStatus.PROCESSING, DistributionStatus.FAILED


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in HOLDERS])


async def run_due(world: World, now: datetime, backoff: Backoff | None = None) -> int:
    runtime = world.runtime
    return await scheduler.run_due(runtime, now, backoff or runtime.backoff)


async def schedule(world: World, at: datetime = DUE) -> Distribution:
    return await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=at)


async def write(world: World, *statements: str) -> None:
    await asyncio.to_thread(run_sql, world.runtime.database.url, *statements)


def holder_row(distribution: Distribution, account_id: str) -> str:
    """Return the statement by which another program writes what a holder gets."""
    return (
        "INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount) VALUES "
        f"(gen_random_uuid(), '{distribution.asset_id}', '{distribution.id}', '{account_id}', 100, 9)"
    )


def batch_row(distribution: Distribution, _: str) -> str:
    return (
        "INSERT INTO batch_payout (id, distribution_id, batch_number, total_holders, total_amount, status) VALUES "
        f"(gen_random_uuid(), '{distribution.id}', 1, 1, 9, 'PENDING')"
    )


BESIDE = pytest.mark.parametrize(
    ("row", "account_id", "said"),
    [
        (holder_row, HOLDERS[0], "has an amount of 1000, and its rows in holder come to 9.000000"),
        (batch_row, "", "1 rows in batch_payout that another program wrote"),
    ],
    ids=["of a holder", "of a batch"],
)


@BESIDE
async def test_rows_that_another_program_wrote_keep_only_their_distribution_from_starting(
    world: World, row: Callable[[Distribution, str], str], account_id: str, said: str
) -> None:
    bad, good = await schedule(world), await schedule(world, DUE + SECOND)
    await write(world, row(bad, account_id))
    assert await run_due(world, DUE + SECOND) == 1
    assert await world.find_status(good.id) is PROCESSING
    found = await world.find(bad.id)
    assert (found.status, found.failure_code, found.frozen_at) == (FAILED, StartFailure.CANNOT_START, None)
    assert said in str(found.failure_message)
    assert f"masspayout distribution retry {bad.id}" in str(found.failure_next_step)
    await write(world, f"UPDATE distribution SET scheduled_time = now() - interval '1 second' WHERE id = '{bad.id}'")
    with pytest.raises(Conflict, match=said):
        await world.retry(bad.id)
    of_it = f"WHERE distribution_id = '{bad.id}'"
    await write(world, f"DELETE FROM holder {of_it}", f"DELETE FROM batch_payout {of_it}")
    await world.retry(bad.id)
    assert await world.pay(bad.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(bad.id)).agrees


async def test_a_row_that_comes_while_it_freezes_is_a_reason_and_no_crash(world: World) -> None:
    """As another program's row between the look for rows and the freeze, which a trigger stands for."""
    bad, good = await schedule(world), await schedule(world, DUE + SECOND)
    await write(
        world,
        "CREATE TABLE refused (at TIMESTAMP)",
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE unique_violation USING MESSAGE = 'duplicate key value violates unique constraint "idx_holder_unique"';
        END $$""",
        f"CREATE TRIGGER refuse BEFORE INSERT ON holder FOR EACH ROW WHEN (NEW.distribution_id = '{bad.id}') "
        "EXECUTE FUNCTION refuse()",
    )
    assert await run_due(world, DUE + SECOND) == 1
    assert await world.find_status(good.id) is PROCESSING
    found = await world.find(bad.id)
    assert (found.status, found.failure_code) == (FAILED, StartFailure.CANNOT_START)
    assert 'violates unique constraint "idx_holder_unique"' in str(found.failure_message)


SLOW = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM nextval('refusals');
        RAISE {error};
    END $$
"""
ERRORS = {
    "too slow": ("query_canceled USING MESSAGE = 'canceling statement due to statement timeout'", "in time"),
    "a deadlock": ("deadlock_detected", "stood in each other's way"),
    "unforeseen": ("EXCEPTION 'the disk says %', 42 USING ERRCODE = 'XX001'", "the disk says 42"),
}


async def refuse_freezes(world: World, bad: Distribution, error: str) -> None:
    """Let the database fail each freeze of a distribution, and count how often it did."""
    await write(
        world,
        "CREATE SEQUENCE refusals",
        "GRANT ALL ON SEQUENCE refusals TO PUBLIC",
        SLOW.format(error=error),
        f"CREATE TRIGGER refuse BEFORE INSERT ON holder FOR EACH ROW WHEN (NEW.distribution_id = '{bad.id}') "
        "EXECUTE FUNCTION refuse()",
    )


async def errors(world: World) -> int:
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        ((count, is_called),) = connection.execute("SELECT last_value, is_called FROM refusals").fetchall()
    return int(count) if is_called else 0


@pytest.mark.parametrize("error", ERRORS)
async def test_what_fails_for_a_reason_that_may_pass_is_tried_again_after_growing_pauses(
    world: World, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await schedule(world), await schedule(world, DUE + SECOND)
    statement, sentence = ERRORS[error]
    await refuse_freezes(world, bad, statement)
    backoff = Backoff()
    assert await run_due(world, DUE + SECOND, backoff) == 1
    assert await world.find_status(good.id) is PROCESSING
    for seconds in range(2, 61):
        assert await run_due(world, DUE + seconds * SECOND, backoff) == 0
    # After 1 s, and pauses of 5, 10, 20 s.
    assert await errors(world) == 4
    assert caplog.text.count("did not start, for the") == 4
    assert "Traceback" in caplog.text
    found = await world.find(bad.id)
    assert (found.status, found.failure_code, found.is_frozen) == (PENDING, None, False)
    assert sentence in str(found.failure_message)

    results = await doctor.examine(settings_of(world.runtime.database.url), opening())
    (problem,) = [result for result in results if result.name == "due distributions"]
    assert problem.status is doctor.Status.PROBLEM
    assert str(bad.id) in problem.message
    assert sentence in problem.message
    assert problem.hint.startswith(str(found.failure_next_step or "A worker tries it again"))

    await write(world, "DROP TRIGGER refuse ON holder")
    assert await run_due(world, DUE + 120 * SECOND, backoff) == 1
    found = await world.find(bad.id)
    assert (found.status, found.failure_message, found.failure_next_step) == (PROCESSING, None, None)


def settings_of(url: URL) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_host=str(url.query["host"]),
        database_port=int(str(url.query["port"])),
        database_user=url.username or "",
        database_name=url.database or "",
    )


async def test_a_worker_until_idle_outlives_what_fails_and_starts_the_rest(world: World) -> None:
    bad, good = await schedule(world), await schedule(world)
    await write(world, "UPDATE distribution SET scheduled_time = now() - interval '1 second'")
    await refuse_freezes(world, bad, ERRORS["unforeseen"][0])
    await run_worker(world.runtime, concurrency=2, until_idle=True)
    assert await errors(world) == 1
    assert await world.find_status(bad.id) is PENDING
    assert await world.find_status(good.id) is DistributionStatus.COMPLETED


async def test_one_bad_series_keeps_no_other_from_going_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    runtime = world.runtime
    made = []
    for _ in range(2):
        terms = PayoutTerms(DistributionType.COUPON, PayoutType.FIXED, Decimal(3))
        plan = Calendar(Frequency.DAILY, DUE)
        made.append(await series.create(runtime, world.asset, terms, plan, now=DUE - timedelta(days=1)))
    bad, good = made
    await write(world, f"UPDATE series SET time_zone = 'Europe/Atlantis' WHERE id = '{bad.id}'")
    backoff = Backoff()
    for seconds in range(9):
        await run_due(world, DUE + seconds * SECOND, backoff)
    # Both first occurrences were made before; the next one of the bad series cannot be.
    assert await series_times(world, good) == [DUE, DUE + timedelta(days=1)]
    assert await series_times(world, bad) == [DUE]
    assert caplog.text.count(f"series {bad.id} has no next payout") == 2
    await write(world, f"UPDATE series SET time_zone = 'UTC' WHERE id = '{bad.id}'")
    await run_due(world, DUE + 60 * SECOND, backoff)
    assert await series_times(world, bad) == [DUE, DUE + timedelta(days=1)]


async def series_times(world: World, made: Series) -> list[datetime]:
    async with world.runtime.database.unit_of_work() as session:
        found = await Distributions(session).find_of_series(made.id, 100)
    return sorted(each.scheduled_time for each in found if each.scheduled_time)


async def test_one_contract_that_cannot_be_read_keeps_no_other_waiting(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = world.runtime
    for contract in (PAYMENT_TOKEN, world.asset.token_id):
        await event_listeners.add(runtime.database, contract)
    # A cursor that no moment can be: whoever reads from it fails as nobody foresaw.
    await write(
        world,
        "CREATE SEQUENCE refusals",
        "GRANT ALL ON SEQUENCE refusals TO PUBLIC",
        SLOW.format(error=ERRORS["unforeseen"][0]),
        "CREATE TRIGGER refuse BEFORE UPDATE OF last_polled_at ON blockchain_event_listener_config FOR EACH ROW "
        f"WHEN (NEW.contract_id = '{PAYMENT_TOKEN}') EXECUTE FUNCTION refuse()",
    )
    reader = EventReader(runtime.database, runtime.ledger, runtime.settings)
    assert [polled.contract_id for polled in await reader.poll_enabled(DUE)] == [world.asset.token_id]
    assert await errors(world) >= 1
    assert "cannot be polled" in caplog.text


async def test_one_register_that_cannot_be_read_keeps_no_other_waiting(world: World) -> None:
    runtime = world.runtime
    other = await assets.import_asset(runtime.database, runtime.ledger, PAYMENT_TOKEN)
    for asset in (world.asset, other):
        await assets.set_sync_timer(runtime.database, asset.id, 60, DUE)
    await write(
        world,
        "CREATE SEQUENCE refusals",
        "GRANT ALL ON SEQUENCE refusals TO PUBLIC",
        SLOW.format(error=ERRORS["unforeseen"][0]),
        "CREATE TRIGGER refuse BEFORE INSERT ON holder FOR EACH ROW "
        f"WHEN (NEW.asset_id = '{world.asset.id}') EXECUTE FUNCTION refuse()",
    )
    assert await assets.sync_due(runtime.database, runtime.ledger, DUE) == 1
    assert await errors(world) == 1


@given(st.lists(st.integers(0, 2_000), max_size=60))
def test_pauses_grow_to_ten_minutes_and_no_further(waits: list[int]) -> None:
    backoff, now, tries = Backoff(), DUE, []
    for seconds in waits:
        now += seconds * SECOND
        if not backoff.holds("it", now):
            tries.append((now, backoff.failed("it", now)))
    for number, (at, (failures, until)) in enumerate(tries, 1):
        assert failures == number
        assert until - at == min(timedelta(seconds=5 * 2 ** (number - 1)), timedelta(minutes=10))
    assert all(later >= until for (_, (_, until)), (later, _) in pairwise(tries))
    backoff.succeeded("it")
    assert not backoff.holds("it", now)
