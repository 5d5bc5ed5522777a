"""Series: each occurrence begins once, in order, at its second, and an outage is made up for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from dateutil import rrule

from masspayout import distributions
from masspayout.automation import scheduler, series
from masspayout.automation.scheduler import StartFailure, run_due
from masspayout.automation.series import Calendar
from masspayout.automation.triggers import parse_trigger
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import (
    DistributionStatus,
    ExecutionType,
    Frequency,
    Series,
    SeriesStatus,
)
from masspayout.db.repositories import Distributions, SeriesRepository
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.kernel.errors import Conflict, Invalid, LedgerUnavailable
from masspayout.ledger.sandbox import SandboxLedger
from payouts import World, make_runtime
from recurring import DAY, FAILED, HOUR, NOW, PENDING, PROCESSING, SECOND, START, made_by, make, terms

MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
async def other(world: World) -> AsyncIterator[Context]:
    """A second process' worth of connections to the same database and ledger."""
    async with AsyncExitStack() as stack:
        made = make_runtime(Database(world.runtime.database.url), world.runtime.settings)
        stack.push_async_callback(made.ledger.close)
        stack.push_async_callback(made.database.close)
        yield made


async def status_of(world: World, made: Series) -> SeriesStatus:
    async with world.runtime.database.unit_of_work() as session:
        return (await SeriesRepository(session).get(made.id)).status


def begun_in_order(world: World) -> list[str]:
    """Return the ids of what was begun, in the order of its jobs."""
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        rows = connection.execute("SELECT args->>'distribution_id' FROM procrastinate_jobs ORDER BY id").fetchall()
    return [row[0] for row in rows]


def in_utc(wall: datetime) -> datetime:
    return wall.replace(tzinfo=MADRID).astimezone(UTC)


@pytest.mark.parametrize(
    ("frequency", "rule", "count"),
    [
        # Five years of month ends, two leap years' among them.
        (Frequency.MONTHLY, {"freq": rrule.MONTHLY, "bymonthday": (28, 29, 30, 31), "bysetpos": -1}, 62),
        (Frequency.WEEKLY, {"freq": rrule.WEEKLY}, 53),
        (Frequency.DAILY, {"freq": rrule.DAILY}, 70),
    ],
)
async def test_years_pass_and_each_occurrence_begins_at_its_second(
    world: World, frequency: Frequency, rule: dict[str, Any], count: int
) -> None:
    wall = datetime(2031, 1, 31, 9)  # noqa: DTZ001 - a wall clock has no zone
    expected = [in_utc(due) for due in rrule.rrule(dtstart=wall, count=count + 1, **rule)]
    made = await make(world, frequency, expected[0], time_zone="Europe/Madrid")
    for due in expected[:-1]:
        assert await run_due(world.runtime, due - SECOND) == 0
        assert await run_due(world.runtime, due) == 1
    found = await made_by(world, made)
    assert [each.scheduled_time for each in found] == expected
    assert [each.executed_at for each in found] == [*expected[:-1], None]
    assert [each.status for each in found] == [PROCESSING] * count + [PENDING]
    assert {each.scheduled_time.astimezone(MADRID).hour for each in found if each.scheduled_time} == {9}


async def test_after_ten_years_down_everything_missed_is_on_record(world: World) -> None:
    made = await make(world, Frequency.DAILY, catch_up=2 * DAY)
    now = START + 3652 * DAY + HOUR
    assert await run_due(world.runtime, now) == 2
    found = await made_by(world, made)
    wall = START.replace(tzinfo=None)
    expected = [due.replace(tzinfo=UTC) for due in rrule.rrule(rrule.DAILY, dtstart=wall, count=3654)]
    assert [each.scheduled_time for each in found] == expected
    assert [each.status for each in found] == [FAILED] * 3651 + [PROCESSING] * 2 + [PENDING]


async def test_after_a_week_down_the_missed_run_in_order_and_older_ones_fail(world: World) -> None:
    made = await make(world, catch_up=3 * DAY)
    assert await run_due(world.runtime, START) == 1
    assert await run_due(world.runtime, START + 8 * DAY) == 4
    found = await made_by(world, made)
    assert [each.status for each in found] == [PROCESSING] + [FAILED] * 4 + [PROCESSING] * 4 + [PENDING]
    assert {each.failure_code for each in found if each.status is FAILED} == {StartFailure.MISSED}
    assert begun_in_order(world) == [str(each.id) for each in found if each.status is PROCESSING]
    assert await run_due(world.runtime, START + 8 * DAY + SECOND) == 0


class BrieflyAwayLedger:
    """The ledger, which does not answer the first question about funds."""

    def __init__(self, ledger: SandboxLedger) -> None:
        self._ledger = ledger
        self._is_away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def balance_units(self, account_id: str, token_id: str) -> int:
        if self._is_away:
            self._is_away = False
            raise LedgerUnavailable("The ledger cannot be reached.")
        return await self._ledger.balance_units(account_id, token_id)


async def test_none_begins_while_one_before_it_waits(world: World) -> None:
    made = await make(world, catch_up=3 * DAY)
    now, runtime = START + DAY, world.runtime
    ledger: Any = BrieflyAwayLedger(world.sandbox)
    assert await scheduler.run_due(replace(runtime, ledger=ledger), now) == 0
    assert await run_due(runtime, now) == 2
    found = await made_by(world, made)
    assert begun_in_order(world) == [str(each.id) for each in found[:2]]


async def test_a_missed_one_is_paid_by_a_retry(world: World) -> None:
    made = await make(world)
    await run_due(world.runtime, START + 3 * DAY)
    missed = (await made_by(world, made))[0]
    assert missed.failure_code == StartFailure.MISSED
    assert str(missed.failure_next_step) == "To pay it now, retry it."
    runtime = world.runtime
    now = START + 3 * DAY
    await starts.retry(runtime, missed.id, now=now)
    assert await world.pay(missed.id) is DistributionStatus.COMPLETED
    assert (await world.find(missed.id)).failure_code is None


async def test_what_does_not_start_does_not_stop_the_series(world: World) -> None:
    runtime = world.runtime
    too_much = terms(amount=Decimal(10**9))
    made = await series.create(runtime, world.asset, too_much, Calendar(Frequency.DAILY, START), now=NOW)
    for day in range(3):
        assert await run_due(runtime, START + day * DAY) == 0
    found = await made_by(world, made)
    assert [each.failure_code for each in found] == [StartFailure.INSUFFICIENT_FUNDS] * 3 + [None]


async def test_of_two_schedulers_one_begins_each_occurrence(world: World, other: Context) -> None:
    made = [await make(world, Frequency.HOURLY, START + n * SECOND) for n in range(3)]
    started = 0
    for hours in (0, 1, 1, 9, 10, 40):
        now = START + hours * HOUR + 3 * SECOND
        started += sum(await asyncio.gather(run_due(world.runtime, now), run_due(other, now)))
    begun = Counter(begun_in_order(world))
    assert started == len(begun) == begun.total()
    for each in made:
        found = await made_by(world, each)
        assert [one.scheduled_time for one in found] == [START + (n * HOUR) + _offset(each) for n in range(42)]
        ours = [str(one.id) for one in found if one.status is PROCESSING]
        assert [one for one in begun_in_order(world) if one in ours] == ours
        # Down from hour 10 to hour 40: of hours 11 to 40, those of the last day run.
        assert [one.status for one in found] == [PROCESSING] * 11 + [FAILED] * 6 + [PROCESSING] * 24 + [PENDING]


def _offset(made: Series) -> timedelta:
    assert made.start_time is not None
    return made.start_time - START


async def test_it_ends_with_the_last_occurrence_up_to_its_end(world: World) -> None:
    made = await make(world, end_time=START + 2 * DAY)
    for day in range(2):
        assert await run_due(world.runtime, START + day * DAY) == 1
    assert await status_of(world, made) is SeriesStatus.ACTIVE
    assert await run_due(world.runtime, START + 2 * DAY) == 1
    assert await run_due(world.runtime, START + 3 * DAY) == 0
    assert await status_of(world, made) is SeriesStatus.ENDED
    assert [each.status for each in await made_by(world, made)] == [PROCESSING] * 3


async def test_nothing_of_a_paused_series_begins_and_a_resumed_one_catches_up(world: World) -> None:
    made = await make(world, catch_up=2 * DAY)
    async with world.runtime.database.unit_of_work() as session:
        await series.pause(session, made)
        with pytest.raises(Conflict, match="cannot be paused: it is PAUSED"):
            await series.pause(session, made)
    for day in range(6):
        assert await run_due(world.runtime, START + day * DAY) == 0
    assert [each.status for each in await made_by(world, made)] == [PENDING]
    async with world.runtime.database.unit_of_work() as session:
        await series.resume(session, made)
        with pytest.raises(Conflict, match="cannot be resumed: it is ACTIVE"):
            await series.resume(session, made)
    assert await run_due(world.runtime, START + 5 * DAY) == 3
    assert [each.status for each in await made_by(world, made)] == [FAILED] * 3 + [PROCESSING] * 3 + [PENDING]


async def test_a_cancelled_series_pays_nothing_any_more(world: World) -> None:
    made = await make(world)
    assert await run_due(world.runtime, START) == 1
    async with world.runtime.database.unit_of_work() as session:
        assert await series.cancel(session, made) == 1
    assert await run_due(world.runtime, START + 3 * DAY) == 0
    assert [each.status for each in await made_by(world, made)] == [PROCESSING, DistributionStatus.CANCELLED]
    for change in (series.pause, series.resume, series.cancel):
        with pytest.raises(Conflict, match="it is CANCELLED"):
            async with world.runtime.database.unit_of_work() as session:
                await change(session, made)


async def test_a_cancellation_and_two_schedulers_agree(world: World, other: Context) -> None:
    for _ in range(6):
        made = await make(world, Frequency.HOURLY)

        async def cancel(made: Series = made) -> int:
            async with world.runtime.database.unit_of_work() as session:
                return await series.cancel(session, made)

        now = START + 3 * HOUR
        await asyncio.gather(cancel(), run_due(world.runtime, now), run_due(other, now))
        await run_due(other, now + 5 * HOUR)
        found = await made_by(world, made)
        statuses = [each.status for each in found]
        assert statuses == sorted(statuses, key=[PROCESSING, DistributionStatus.CANCELLED].index)
        assert len({each.scheduled_time for each in found}) == len(found)
        assert await status_of(world, made) is SeriesStatus.CANCELLED


async def test_after_one_that_is_called_off_comes_the_next(world: World) -> None:
    made = await make(world)
    async with world.runtime.database.unit_of_work() as session:
        await distributions.cancel(session, (await Distributions(session).find_of_series(made.id, 1))[0].id)
    assert await run_due(world.runtime, START - HOUR) == 0
    assert await run_due(world.runtime, START + DAY) == 1
    found = await made_by(world, made)
    assert [each.scheduled_time for each in found] == [START, START + DAY, START + 2 * DAY]
    assert [each.status for each in found] == [DistributionStatus.CANCELLED, PROCESSING, PENDING]


async def test_an_automatic_series_waits_for_its_trigger(world: World) -> None:
    runtime = world.runtime
    made = await series.create(runtime, world.asset, terms(amount=None), parse_trigger("ON_DEPOSIT>=5"), now=NOW)
    assert (made.execution_type, made.trigger_condition, made.amount) == (
        ExecutionType.AUTOMATIC,
        "ON_DEPOSIT >= 5",
        None,
    )
    assert await run_due(runtime, START) == 0
    assert await made_by(world, made) == []


@pytest.mark.parametrize(
    ("calendar", "sentence"),
    [
        ({"start": NOW}, "The start 2031-01-01 00:00:00 UTC has passed"),
        ({"start": NOW + 40_000 * DAY}, "more than a century ahead"),
        ({"end_time": START - SECOND}, "before it starts"),
        ({"time_zone": "Europe/Atlantis"}, "'Europe/Atlantis' is not a time zone"),
        ({"catch_up": SECOND}, "A catch-up window of 0:00:01 cannot be kept"),
    ],
)
async def test_a_calendar_that_cannot_be_is_refused(world: World, calendar: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        await make(world, **calendar)
    async with world.runtime.database.unit_of_work() as session:
        assert (await SeriesRepository(session).find_of_asset(None, None)).total == 0
