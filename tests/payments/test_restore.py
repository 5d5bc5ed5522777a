"""A dump that was taken amid a payout is restored: real workers pay the rest of it, and nobody again."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from clusters import DEBIAN_15
from databases import fresh_database, migrate, run_sql
from forgetting import BATCHES, HOLDERS, Books, Installation, begin_payout, restore_points, wait_until
from masspayout.db.entities import DistributionStatus
from masspayout.settings import Settings

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=[10])
def installation(
    request: pytest.FixtureRequest, debian_server: URL, embedded_server: URL, settings: Settings
) -> Iterator[Installation]:
    """A migrated database on PostgreSQL 15, whose tools dump and restore it, and the books on another server.

    A transaction is valid for as many seconds as the test asks for.
    """
    few = settings.model_copy(
        update={"batch_size": 5, "sandbox_valid_seconds": request.param, "statement_seconds": 0.2}
    )
    with fresh_database(debian_server) as url, fresh_database(embedded_server) as books_url:
        migrate(url)
        yield Installation(url, Books(books_url), few)


# How many batches may be paid while the database is dumped.
_PAID_MEANWHILE = 8


def run_tool(name: str, installation: Installation, *arguments: str) -> None:
    done = subprocess.run(
        [str(DEBIAN_15 / name), "-h", str(installation.url.query["host"]), "-U", "masspayout", *arguments],
        env={**os.environ, "PGPORT": str(installation.url.query["port"])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


async def restore_amid_a_payout(installation: Installation, tmp_path: Path, part: float) -> uuid.UUID:
    """Dump the database when a part of a payout is paid, let the rest be paid, and restore the dump."""
    dump = tmp_path / "dump"
    distribution_id = await begin_payout(installation)
    # The last batch at least waits until the dump is made: however quick the machine is, it does not know all.
    let_pay = min(int(part * BATCHES) + _PAID_MEANWHILE, BATCHES - 1)
    held_back = f"batch_number > {let_pay} AND status = 'PENDING'"
    run_sql(installation.url, f"UPDATE batch_payout SET claimed_until = now() + interval '1 day' WHERE {held_back}")
    let_go = f"UPDATE batch_payout SET claimed_until = NULL WHERE {held_back}"
    with installation.working(tmp_path / "first log"):
        await wait_until(lambda: installation.completed_batches() >= part * BATCHES)
        run_tool("pg_dump", installation, "-Fc", "-f", str(dump), str(installation.url.database))
        run_sql(installation.url, let_go)
        assert await installation.end(distribution_id) is DistributionStatus.COMPLETED
    assert installation.books.transfers() == BATCHES
    run_sql(installation.url.set(database="postgres"), f'DROP DATABASE "{installation.url.database}" WITH (FORCE)')
    run_tool("pg_restore", installation, "-C", "-d", "postgres", str(dump))
    run_sql(installation.url, let_go)
    # As if the time had passed after which the workers of before are taken for dead.
    run_sql(installation.url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    assert len(installation.forgotten()) > 0, "the dump knew everything: nothing was tried"
    return distribution_id


def require_paid_once(installation: Installation, distribution_id: uuid.UUID) -> None:
    """Compare the books with what is owed, and have the software prove the same."""
    assert installation.books.transfers() == BATCHES
    assert installation.books.received_units() == installation.owed_units(distribution_id)
    assert installation.forgotten() == set()
    said = installation.run("reconcile", str(distribution_id))
    assert (said.status, "No breaks" in said.out) == (0, True), said
    assert installation.run("recover").status == 0


@pytest.mark.longest
@pytest.mark.parametrize("part", restore_points())
async def test_workers_pay_nobody_again_after_a_restore(
    installation: Installation, tmp_path: Path, part: float
) -> None:
    distribution_id = await restore_amid_a_payout(installation, tmp_path, part)
    said = installation.run("reconcile", str(distribution_id), "--json")
    holders_of_a_batch = len(HOLDERS) // BATCHES
    assert said.status == 1, said
    assert said.out.count("UNKNOWN_PAYMENT") == holders_of_a_batch * len(installation.forgotten()), said
    log = tmp_path / "log"
    with installation.working(log):
        assert await installation.end(distribution_id) is DistributionStatus.COMPLETED
    assert "restored, copied or failed over" in log.read_text()
    require_paid_once(installation, distribution_id)


# However long the restore takes, what was paid before it may still be under way.
@pytest.mark.parametrize("installation", [150], indirect=True)
async def test_a_person_recovers_a_restored_database_before_any_worker_runs(
    installation: Installation, tmp_path: Path
) -> None:
    distribution_id = await restore_amid_a_payout(installation, tmp_path, 0.5)
    said = installation.run("recover")
    assert said.status == 1, said
    assert "This database was restored, copied or failed over." in said.out
    assert "Its statement is read until" in said.out
    assert "in doubt" in installation.run("payer", "list").out
    (first, *_) = installation.forgotten()
    refused = installation.run("recover", "--no-payout", first, "--reason", "I do not remember it.")
    assert (refused.status, "may still explain itself" in refused.err) == (1, True), refused

    installation.books.advance(300)
    said = installation.run("recover")
    assert (said.status, "Everything that the ledger shows is explained." in said.out) == (0, True), said
    assert "clear" in installation.run("payer", "list").out
    assert installation.forgotten() == set()
    with installation.working(tmp_path / "log"):
        assert await installation.end(distribution_id) is DistributionStatus.COMPLETED
    require_paid_once(installation, distribution_id)
