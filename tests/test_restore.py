"""A dump that was taken amid a payout is restored: real workers pay the rest of it, and nobody again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from clusters import DEBIAN_15
from databases import fresh_database, run_sql
from forgetting import BATCHES, Books, House, begin_payout, storm_points, wait_until
from masspayout.db import migrations
from masspayout.db.entities import DistributionStatus
from masspayout.settings import Settings


@pytest.fixture
def house(debian_server: URL, embedded_server: URL, settings: Settings) -> Iterator[House]:
    """A migrated database on PostgreSQL 15, whose tools dump and restore it, and the books on another server."""
    few = settings.model_copy(update={"batch_size": 5, "sandbox_valid_seconds": 10, "statement_seconds": 0.2})
    with fresh_database(debian_server) as url, fresh_database(embedded_server) as books_url:
        migrations.upgrade(url)
        yield House(url, Books(books_url), few)


def run_tool(name: str, house: House, *arguments: str) -> None:
    done = subprocess.run(
        [str(DEBIAN_15 / name), "-h", str(house.url.query["host"]), "-U", "masspayout", *arguments],
        env={**os.environ, "PGPORT": str(house.url.query["port"])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.longest
@pytest.mark.parametrize("part", storm_points())
async def test_a_payout_that_was_restored_amid_it_is_paid_once(house: House, tmp_path: Path, part: float) -> None:
    dump, log = tmp_path / "dump", tmp_path / "log"
    distribution_id = await begin_payout(house)
    with house.working(tmp_path / "first log"):
        await wait_until(lambda: house.completed_batches() >= part * BATCHES)
        run_tool("pg_dump", house, "-Fc", "-f", str(dump), str(house.url.database))
        assert await house.end(distribution_id) is DistributionStatus.COMPLETED
    paid_units, transfers = house.books.received_units(), house.books.transfers()
    assert transfers == BATCHES

    run_sql(house.url.set(database="postgres"), f'DROP DATABASE "{house.url.database}" WITH (FORCE)')
    run_tool("pg_restore", house, "-C", "-d", "postgres", str(dump))
    forgotten = house.forgotten()
    assert len(forgotten) > 0, "the dump knew everything: nothing was tried"

    said = house.run("reconcile", str(distribution_id))
    assert said.status == 1, said
    assert "UNKNOWN_PAYMENT" in said.out, said
    said = house.run("recover")
    assert said.status == 1, said
    assert "restored, copied or failed over" in said.out, said
    assert "in doubt" in house.run("payer", "list").out
    assert house.books.transfers() == transfers

    # As if the time had passed after which the workers of before are taken for dead.
    run_sql(house.url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    with house.working(log):
        assert await house.end(distribution_id) is DistributionStatus.COMPLETED
    assert "restored, copied or failed over" in log.read_text()
    assert house.books.transfers() == transfers
    assert house.books.received_units() == paid_units == house.owed_units(distribution_id)
    assert house.forgotten() == set()
    said = house.run("reconcile", str(distribution_id))
    assert (said.status, "No breaks" in said.out) == (0, True), said
    assert house.run("recover").status == 0
