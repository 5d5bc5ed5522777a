"""What a series makes, for any terms, any calendar and any rounds of the scheduler."""

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from masspayout.automation import series
from masspayout.automation.scheduler import run_due
from masspayout.automation.scheduling import occurrences
from masspayout.automation.series import Calendar
from masspayout.automation.triggers import Trigger
from masspayout.db.entities import (
    TERM_COLUMNS,
    DistributionType,
    ExecutionType,
    Frequency,
    PayoutType,
    SeriesStatus,
)
from masspayout.db.repositories import SeriesRepository
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.payout_terms import TIMING, PayoutTerms
from payouts import World
from recurring import FAILED, HOUR, NOW, PENDING, PROCESSING, SECOND, START, made_by, make

TERMS = st.builds(
    PayoutTerms,
    type=st.sampled_from(DistributionType),
    payout_type=st.sampled_from(PayoutType),
    amount=st.integers(1, 10**15).map(lambda units: Decimal(units).scaleb(-6)),
    concept=st.none() | st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40),
    reference=st.none() | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=140),
    excluded_accounts=st.lists(st.integers(1, 10**6).map("0.0.{}".format), max_size=3, unique=True),
    included_accounts=st.lists(st.integers(1, 10**6).map("0.0.{}".format), max_size=3, unique=True),
)
# The plan has the others.
TERMS_OF_ALL = {field.name for field in fields(PayoutTerms)} - {*TIMING, "execution_type"}
PLANS = st.builds(
    Calendar, st.sampled_from(Frequency), st.integers(1, 10**6).map(lambda n: NOW + n * SECOND)
) | st.builds(Trigger, st.none() | st.integers(1, 10**9).map(Decimal))


def test_the_terms_are_all_that_a_distribution_has_from_its_series() -> None:
    assert set(TERM_COLUMNS) == {
        *("asset_id", "type", "execution_type", "payout_type", "amount", "concept", "reference"),
        *("frequency", "start_time"),
        *("trigger_condition", "excluded_accounts", "included_accounts", "created_by", "created_by_name"),
    }


@given(terms=TERMS, plan=PLANS, has_amount=st.booleans(), deposit=st.integers(1, 10**12))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_all_terms_of_a_series_are_those_of_its_distributions(
    world: World, terms: PayoutTerms, plan: Calendar | Trigger, has_amount: bool, deposit: int
) -> None:
    runtime, deposit_amount = world.runtime, Decimal(deposit).scaleb(-6)
    is_trigger = isinstance(plan, Trigger)
    if is_trigger and not has_amount:
        terms = replace(terms, amount=None)
    dora = Actor(ActorKind.USER, "7", "dora")
    with acting_as(dora):
        made = await series.create(runtime, world.asset, terms, plan, now=NOW)
    if is_trigger:
        async with runtime.database.unit_of_work() as session:
            await series.make_distributions(session, made.id, [START], deposit_amount=deposit_amount)
    (found,) = await made_by(world, made)
    for name in set(TERM_COLUMNS) & TERMS_OF_ALL:
        value = getattr(terms, name)
        if name == "amount" and value is None:
            value = deposit_amount
        assert getattr(found, name) == (list(value) if isinstance(value, tuple | list) else value), name
    assert (found.asset_id, found.series_id, found.status) == (world.asset.id, made.id, PENDING)
    assert (found.created_by, found.created_by_name) == (dora.person, "dora")
    if isinstance(plan, Calendar):
        assert (found.execution_type, found.trigger_condition) == (ExecutionType.RECURRING, None)
        assert (found.frequency, found.start_time, found.scheduled_time) == (plan.frequency, *[plan.start_time] * 2)
    else:
        assert (found.execution_type, found.trigger_condition) == (ExecutionType.AUTOMATIC, str(plan))
        assert (found.frequency, found.start_time, found.scheduled_time) == (None, None, START)


GAPS = st.lists(st.integers(0, 30 * 3600), min_size=1, max_size=6).map(
    lambda gaps: [timedelta(seconds=gap) for gap in gaps]
)


@given(gaps=GAPS, catch_up_hours=st.integers(1, 5), length_hours=st.none() | st.integers(0, 60))
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whenever_it_runs_what_is_made_follows_from_the_calendar(
    world: World, gaps: list[timedelta], catch_up_hours: int, length_hours: int | None
) -> None:
    end = None if length_hours is None else START + length_hours * HOUR
    window = catch_up_hours * HOUR
    made = await make(world, Frequency.HOURLY, end_time=end, catch_up=window)
    rounds = [START - HOUR]
    for gap in gaps:
        rounds.append(rounds[-1] + gap)
        await run_due(world.runtime, rounds[-1])
    async with world.runtime.database.unit_of_work() as session:
        ended = made.id and (await SeriesRepository(session).get(made.id)).status is SeriesStatus.ENDED
        if not ended:
            await SeriesRepository(session).move(made.id, {SeriesStatus.ACTIVE}, SeriesStatus.PAUSED)
    calendar = occurrences("HOURLY", START, ZoneInfo("UTC"), end=end)
    due = list(takewhile(lambda time: time <= rounds[-1], calendar))
    lies_ahead = end is None or START + len(due) * HOUR <= end
    begun_at = {time: next(now for now in rounds if now >= time) for time in due}
    expected = [PROCESSING if begun_at[time] - time <= window else FAILED for time in due] + [PENDING] * lies_ahead
    found = await made_by(world, made)
    assert [each.status for each in found] == expected
    assert all(b.scheduled_time - a.scheduled_time == HOUR for a, b in pairwise(found))  # type: ignore[operator]
    assert ended is not lies_ahead
