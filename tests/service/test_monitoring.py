"""Readiness and metrics: what monitoring is told is what the tables say, and costs little."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import URL

from databases import run_sql
from masspayout.automation import event_listeners
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus, ExecutionType
from masspayout.db.session import Database
from masspayout.ledger.sandbox import Faults
from masspayout.registers import assets
from masspayout.service.doctor.examination import Status
from masspayout.service.doctor.readiness import CHECKS, Readiness, is_ready
from masspayout.service.metrics import Metrics
from masspayout.service.webhooks import targets
from masspayout.service.webhooks.deliveries import Deliverer
from masspayout.worker import run_worker
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime
from places import DOCS
from web_targets import answer, listening

DOCUMENT = DOCS / "monitoring.md"


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in accounts(30)])


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def metrics_of(database: Database) -> dict[tuple[str, str], float]:
    """Read the metrics as Prometheus does: by name and the value of their label."""
    text = (await Metrics(database).text()).decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def problems_of(runtime: Context) -> dict[str, str]:
    results = await Readiness(runtime, patience_seconds=60).results()
    assert [result.name for result in results] == [check.name for check in CHECKS]
    assert is_ready(results) == all(result.status is Status.OK for result in results)
    return {result.name: result.message for result in results if result.status is Status.PROBLEM}


async def test_metrics_tell_how_payouts_stand(world: World) -> None:
    bad = accounts(30)[3]
    await world.sandbox.admin.associate([bad], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    settings = world.runtime.settings.model_copy(update={"batch_size": 10})
    small = World(Context(settings, world.runtime.database, world.runtime.ledger, world.runtime.jobs), world.asset)
    dividend = await small.plan("100")
    await small.execute(dividend.id)
    running = await metrics_of(small.runtime.database)
    assert running["masspayout_distributions", "PROCESSING"] == 1
    assert running["masspayout_open_batches", ""] == 3
    assert running["masspayout_jobs", "todo"] == 3
    assert await small.pay(dividend.id) is DistributionStatus.FAILED
    await small.plan("50", execution_type=ExecutionType.SCHEDULED, scheduled_time=datetime.now(UTC) + timedelta(days=1))

    found = await metrics_of(small.runtime.database)
    assert found["masspayout_distributions", "FAILED"] == 1
    assert found["masspayout_distributions", "PENDING"] == 1
    assert (found["masspayout_open_batches", ""], found["masspayout_failed_batches", ""]) == (0, 1)
    assert (found["masspayout_batches_24h", "COMPLETED"], found["masspayout_batches_24h", "FAILED"]) == (2, 1)
    assert found["masspayout_batch_success_ratio", ""] == pytest.approx(2 / 3)
    assert found["masspayout_payouts_ended_24h", ""] == 1
    assert found["masspayout_payout_duration_seconds", "1"] > 0
    assert found["masspayout_undecided_attempts", ""] == 0
    assert found["masspayout_audit_entries", ""] > 3


async def test_metrics_tell_what_is_undecided(world: World) -> None:
    await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))
    dividend = await world.plan("100")
    await world.execute(dividend.id)
    paying = asyncio.create_task(world.pay(dividend.id))
    while not (await metrics_of(world.runtime.database))["masspayout_undecided_attempts", ""]:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    paying.cancel()
    await asyncio.gather(paying, return_exceptions=True)
    assert (await metrics_of(world.runtime.database))["masspayout_oldest_undecided_seconds", ""] > 0


async def test_metrics_tell_lags_and_backlogs(world: World) -> None:
    runtime, database = world.runtime, world.runtime.database
    await assets.sync(database, runtime.ledger, world.asset.id)
    await assets.set_sync_timer(database, world.asset.id, 3600, datetime.now(UTC))
    await event_listeners.add(database, "0.0.6001")
    long_ago = "UPDATE asset SET last_synced_at = now() - interval '2 hours'"
    since = "UPDATE blockchain_event_listener_config SET last_polled_at = now() - interval '1 hour'"
    webhook = (
        "INSERT INTO webhook (id, url, events, sealed_secret) "
        "VALUES (masspayout_uuid7(), 'https://example.com/', '{distribution.*}', '')"
    )
    await asyncio.to_thread(run_sql, database.url, webhook)
    await world.plan("100")
    await asyncio.to_thread(run_sql, database.url, long_ago, since)
    found = await metrics_of(database)
    assert found["masspayout_sync_lag_seconds", world.asset.token_id] == pytest.approx(7200, abs=600)
    assert found["masspayout_listener_lag_seconds", "0.0.6001"] == pytest.approx(3600, abs=600)
    assert found["masspayout_webhook_events_new", ""] == 2


async def test_metrics_are_read_once_for_everybody_who_asks_at_once(world: World) -> None:
    clock = Clock()
    metrics = Metrics(world.runtime.database, clock=clock)
    first, second = await asyncio.gather(metrics.text(), metrics.text())
    await world.plan("100")
    assert first is second is await metrics.text()
    clock.now += 6
    assert (await metrics.text()) != first


async def test_every_metric_is_explained_and_none_is_made_up(world: World) -> None:
    await assets.set_sync_timer(world.runtime.database, world.asset.id, 3600, datetime.now(UTC))
    await event_listeners.add(world.runtime.database, "0.0.6001")
    dividend = await world.plan("100")
    await world.execute(dividend.id)
    await world.pay(dividend.id)
    text = (await Metrics(world.runtime.database).text()).decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    explained = set(re.findall(r"^\| `(masspayout_[a-z0-9_]+)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == families


async def test_no_metric_reads_the_table_of_holders(world: World, database_url: URL) -> None:
    await world.plan("100")
    await asyncio.to_thread(run_sql, database_url, "ALTER TABLE holder RENAME TO out_of_reach")
    assert (await metrics_of(world.runtime.database))["masspayout_distributions", "PENDING"] == 1


@asynccontextmanager
async def working(runtime: Context) -> AsyncIterator[None]:
    """Run a worker until the block ends."""
    other = make_runtime(runtime.database, runtime.settings)
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(other, concurrency=1, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await worker
        await other.ledger.close()


async def test_a_process_is_ready_when_all_that_it_needs_is_there(world: World) -> None:
    assert await problems_of(world.runtime) == {}
    dividend = await world.plan("100")
    await world.execute(dividend.id)
    assert "No worker is running, and 1 payout(s)" in (await problems_of(world.runtime))["worker"]
    async with working(world.runtime):
        while await problems_of(world.runtime):  # noqa: ASYNC110 - the worker comes up by itself
            await asyncio.sleep(0.02)


async def test_a_listener_that_nobody_reads_is_told(world: World) -> None:
    await event_listeners.add(world.runtime.database, "0.0.6001")
    assert await problems_of(world.runtime) == {}
    long_ago = "UPDATE blockchain_event_listener_config SET created_at = now() - interval '1 hour'"
    await asyncio.to_thread(run_sql, world.runtime.database.url, long_ago)
    assert "0.0.6001 was read never" in (await problems_of(world.runtime))["listeners"]


async def test_a_database_that_is_behind_is_told(world: World) -> None:
    await asyncio.to_thread(run_sql, world.runtime.database.url, "UPDATE alembic_version SET version_num = '0004'")
    assert set(await problems_of(world.runtime)) == {"migrations"}


async def test_a_database_that_is_gone_is_told(world: World) -> None:
    gone = Context(
        world.runtime.settings,
        Database(world.runtime.database.url.set(database="nowhere")),
        world.runtime.ledger,
        world.runtime.jobs,
    )
    assert set(await problems_of(gone)) == {"database"}
    await gone.database.close()


async def test_an_answer_is_kept_for_a_moment(world: World) -> None:
    clock = Clock()
    readiness = Readiness(world.runtime, clock=clock)
    first = await readiness.results()
    assert await readiness.results() is first
    clock.now += 3
    assert await readiness.results() is not first


async def test_webhooks_show_in_the_metrics_until_they_are_taken(world: World) -> None:
    settings = world.runtime.settings.model_copy(update={"webhook_allow_private": True, "webhook_tries": 1})
    async with listening(answer(500)) as target:
        await targets.add(world.runtime.database, settings, target.url, ["distribution.created"])
        await world.plan("100")
        await Deliverer(world.runtime.database, settings).deliver_due()
    assert (await metrics_of(world.runtime.database))["masspayout_webhook_deliveries_failed", ""] == 1
