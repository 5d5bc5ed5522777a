"""The database's server fails over while real workers pay: commits are lost, and nobody is paid twice or forgotten."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from clusters import Cluster
from databases import fresh_database
from forgetting import BATCHES, Installation, begin_payout, find_all, find_one, restore_points, wait_until
from masspayout.db.entities import DistributionStatus
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.settings import Settings
from replicated import Pair, pay_until, running_pair

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

# How late the standby is, from the first point of a payout to the last one.
_SHORTEST_LAG_SECONDS, _LONGEST_LAG_SECONDS = 0.05, 2.0


@pytest.fixture
def pair(tmp_path: Path, embedded_server: URL, settings: Settings) -> Iterator[Pair]:
    few = settings.model_copy(update={"batch_size": 5, "sandbox_valid_seconds": 10, "statement_seconds": 0.2})
    with fresh_database(embedded_server) as books_url, running_pair(tmp_path, books_url, few) as pair:
        yield pair


# How many payments the standby may still come to know of that it does not know yet.
_ON_ITS_WAY = 3


def lag_seconds(part: float) -> float:
    """Return how late the standby is when a part of the payout is paid: later towards its end, by factors."""
    return float(_SHORTEST_LAG_SECONDS * (_LONGEST_LAG_SECONDS / _SHORTEST_LAG_SECONDS) ** part)


def signed_count(installation: Installation) -> int:
    return int(find_one(installation.url, "SELECT count(*) FROM attempt WHERE signed_bytes IS NOT NULL"))


@pytest.mark.longest
@pytest.mark.parametrize("part", restore_points())
async def test_commits_that_a_failover_loses_pay_nobody_again(pair: Pair, tmp_path: Path, part: float) -> None:
    distribution_id = await begin_payout(pair.installation)
    pair.wait_for_standby()
    pair.replication.delay_seconds = lag_seconds(part)
    log = tmp_path / "log"
    with pair.installation.working(log):
        await pay_until(pair, part)
        pair.replication.lead_to(None)
        # The standby may have received, and be about to know, what was on its way when it was cut off.
        await wait_until(lambda: len(pair.on_standby.forgotten()) > _ON_ITS_WAY)
        pair.fail_over()
        lost = pair.on_standby.forgotten()
        pair.front.lead_to(pair.standby.port)
        assert len(lost) > 0, "no payment was lost: nothing was tried"
        assert await pair.installation.end(distribution_id) is DistributionStatus.COMPLETED

    installation = pair.on_standby
    assert installation.books.received_units() == installation.owed_units(distribution_id)
    assert installation.books.transfers() == BATCHES
    assert installation.forgotten() == set()
    assert "restored, copied or failed over" in log.read_text()
    said = installation.run("reconcile", str(distribution_id))
    assert (said.status, "No breaks" in said.out) == (0, True), said


async def test_a_synchronous_standby_loses_nothing(pair: Pair, tmp_path: Path) -> None:
    distribution_id = await begin_payout(pair.installation)
    pair.wait_for_standby()
    pair.primary.wait_for_standbys("*")
    pair.replication.delay_seconds = 0.02
    with pair.installation.working(tmp_path / "log", REQUIRE_SYNCHRONOUS="true"):
        await pay_until(pair, 0.5)
        pair.fail_over()
        assert 0 < pair.on_standby.completed_batches() < BATCHES
        assert pair.on_standby.forgotten() == set()
        # It is the only one now, and the payers ask for another one to be waited for.
        signed = signed_count(pair.on_standby)
        pair.front.lead_to(pair.standby.port)
        await wait_until(lambda: "REQUIRE_SYNCHRONOUS" in (tmp_path / "log").read_text())
        assert signed_count(pair.on_standby) == signed
    with pair.installation.working(tmp_path / "log"):
        assert await pair.installation.end(distribution_id) is DistributionStatus.COMPLETED
    installation = pair.on_standby
    assert installation.books.received_units() == installation.owed_units(distribution_id)
    assert installation.books.transfers() == BATCHES


@asynccontextmanager
async def cancelled_waits(server: Cluster) -> AsyncIterator[list[int]]:
    """Cancel every wait for a standby, and tell of which processes it was."""
    cancelled: list[int] = []
    query = """
        WITH waiting AS MATERIALIZED (
            SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'
        )
        SELECT pid FROM waiting WHERE pg_cancel_backend(pid)
    """

    async def cancel() -> None:
        while True:
            cancelled.extend(pid for (pid,) in await asyncio.to_thread(find_all, server.url(), query))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(cancel())
    try:
        yield cancelled
    finally:
        task.cancel()


@pytest.mark.parametrize("kind", ["unit_of_work", "single_statement"])
async def test_a_cancelled_wait_for_the_standby_is_a_failed_commit(pair: Pair, kind: str) -> None:
    """PostgreSQL warns and calls it committed; a failover would lose it."""
    statement = text("UPDATE installation SET updated_at = now()")
    database = Database(pair.installation.url)
    begin = getattr(database, kind)
    pair.standby.kill()
    pair.primary.wait_for_standbys("*")

    async def write_until_it_waits() -> None:
        while True:  # the server takes note of the setting in its own time
            async with begin() as session:
                await session.execute(statement)

    async with cancelled_waits(pair.primary) as cancelled:
        with pytest.raises(DatabaseUnavailable, match="stopped waiting for its synchronous standby"):
            await write_until_it_waits()
        await wait_until(lambda: cancelled)
    pair.primary.wait_for_standbys("")
    async with begin() as session:
        await session.execute(statement)
    await database.close()


async def test_the_doctor_says_what_a_failover_can_lose(pair: Pair) -> None:
    def said(**settings: str) -> str:
        lines = pair.on_primary.run("doctor", **settings).out.splitlines()
        return " ".join(next(line for line in lines if " replication: " in line).split())

    pair.wait_for_standby()
    asks = {"REQUIRE_SYNCHRONOUS": "true"}
    assert said().startswith("ok replication: 1 standby follows, and commits do not wait")
    assert said(**asks).startswith("problem replication: REQUIRE_SYNCHRONOUS=true")
    pair.primary.wait_for_standbys("*")
    assert said(**asks).startswith("ok replication: Commits wait for a standby, and 1 standby follows")
    pair.standby.kill()
    await wait_until(lambda: not find_one(pair.primary.url(), "SELECT count(*) FROM pg_stat_replication"))
    assert "and none follows" in said()
    pair.primary.wait_for_standbys("")
    assert said().startswith("ok replication: No standby follows")
