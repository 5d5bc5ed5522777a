"""A running payout is paused while real workers pay it: the ledger's books stand still, and nobody is paid twice."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from databases import fresh_database, migrate, run_sql
from forgetting import BATCHES, Books, Installation, begin_payout, find_one, wait_until
from masspayout.db.entities import DistributionStatus
from masspayout.settings import Settings

# Workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(300)

ATTEMPTS = "SELECT count(*) FROM attempt"
# The second half waits until the payout is paused: workers may be quicker than a command.
HELD_BACK = f"batch_number > {BATCHES // 2}"
HOLD_BACK = f"UPDATE batch_payout SET claimed_until = now() + interval '1 day' WHERE {HELD_BACK}"
LET_GO = f"UPDATE batch_payout SET claimed_until = NULL WHERE {HELD_BACK}"
LET_GO_SOME = f"{LET_GO} AND batch_number <= {BATCHES * 3 // 4}"
UNDECIDED = "SELECT count(*) FROM attempt WHERE status = 'SUBMITTED' AND looks > 0"
OPEN_ATTEMPTS = "SELECT count(*) FROM attempt WHERE status IN ('RESERVED', 'SIGNED', 'SUBMITTED')"


@pytest.fixture
def installation(embedded_server: URL, settings: Settings) -> Iterator[Installation]:
    few = settings.model_copy(update={"batch_size": 5, "statement_seconds": 0.2})
    with fresh_database(embedded_server) as url, fresh_database(embedded_server) as books_url:
        migrate(url)
        yield Installation(url, Books(books_url), few)


def counts(installation: Installation) -> tuple[int, int]:
    """How many transactions were ever begun, and how many moved money, by the books."""
    return int(find_one(installation.url, ATTEMPTS)), installation.books.transfers()


def is_settled(installation: Installation) -> bool:
    return not find_one(installation.url, OPEN_ATTEMPTS)


def pause(installation: Installation, *arguments: str) -> int:
    """Pause by the command; return how many transactions had been begun when it returned."""
    said = installation.run(*arguments)
    assert said.status == 0, said.err
    return int(find_one(installation.url, ATTEMPTS))


async def begin_slowly(installation: Installation) -> uuid.UUID:
    distribution_id = await begin_payout(installation)
    run_sql(installation.url, HOLD_BACK)
    return distribution_id


def work_until_idle(installation: Installation) -> None:
    """Have one more worker do all that it finds to do."""
    assert installation.run("worker", "--until-idle").status == 0


async def finish(installation: Installation, distribution_id: uuid.UUID, log: Path) -> None:
    """Let workers pay the rest, and see that everybody got what they are owed, once."""
    with installation.working(log):
        assert await installation.end(distribution_id) is DistributionStatus.COMPLETED
    assert installation.books.received_units() == installation.owed_units(distribution_id)
    assert installation.books.transfers() == BATCHES


@pytest.mark.parametrize(
    ("paused", "resumed"),
    [
        (["distribution", "pause", "latest", "--reason", "The bank called."], ["distribution", "resume", "latest"]),
        (["pause", "--asset", "0.0.5001"], ["resume", "--asset", "0.0.5001"]),
        (["pause", "--reason", "An audit."], ["resume"]),
    ],
    ids=["payout", "asset", "installation"],
)
async def test_after_a_pause_no_further_transaction_begins(
    installation: Installation, tmp_path: Path, paused: list[str], resumed: list[str]
) -> None:
    distribution_id = await begin_slowly(installation)
    with installation.working(tmp_path / "log"):
        await wait_until(lambda: installation.completed_batches() >= BATCHES // 4)
        begun = pause(installation, *paused)
        run_sql(installation.url, LET_GO)
        assert 0 < begun < BATCHES, "it was paused in the middle"
        await wait_until(lambda: is_settled(installation))
        work_until_idle(installation)
        assert counts(installation) == (begun, begun)
        assert installation.status(distribution_id) is DistributionStatus.PROCESSING

        assert installation.run(*resumed).status == 0
        assert await installation.end(distribution_id) is DistributionStatus.COMPLETED
    await finish(installation, distribution_id, tmp_path / "log")


async def test_what_a_worker_that_died_had_sent_is_settled_by_another_one_and_nothing_else(
    installation: Installation, tmp_path: Path
) -> None:
    distribution_id = await begin_slowly(installation)
    with installation.working(tmp_path / "log"):
        await wait_until(lambda: installation.completed_batches() == BATCHES // 2)
        installation.books.set_faults(mirror_lag_seconds=3600)
        run_sql(installation.url, LET_GO_SOME)
        await wait_until(lambda: find_one(installation.url, UNDECIDED))
    begun = pause(installation, "distribution", "pause", str(distribution_id))
    assert not is_settled(installation), "its workers died before they knew what became of it"
    installation.books.set_faults()
    run_sql(installation.url, LET_GO)

    with installation.working(tmp_path / "log"):
        await wait_until(lambda: is_settled(installation))
    work_until_idle(installation)
    assert counts(installation) == (begun, begun)

    assert installation.run("distribution", "resume", str(distribution_id)).status == 0
    await finish(installation, distribution_id, tmp_path / "log")


async def test_a_paused_payout_tells_so_and_no_process_pays_it(installation: Installation, tmp_path: Path) -> None:
    distribution_id = await begin_payout(installation)
    reason = ["--reason", "The bank called"]
    assert "Paused" in installation.run("distribution", "pause", str(distribution_id), *reason).out
    again = installation.run("distribution", "pause", str(distribution_id), "--reason", "Another one", "--json")
    assert json.loads(again.out) | {"paused_at": None} == {
        "id": str(distribution_id),
        "changed": False,
        "paused": True,
        "paused_by_name": json.loads(again.out)["paused_by_name"],
        "paused_at": None,
        "reason": "The bank called",
    }
    shown = installation.run("distribution", "show", str(distribution_id)).out
    assert ": The bank called. Resume it with: masspayout distribution resume" in shown
    assert "The bank called" in installation.run("distribution", "list").out
    assert "The bank called" in installation.run("pause", "--list").out

    work_until_idle(installation)
    assert counts(installation) == (0, 0)
    assert installation.run("distribution", "resume", str(distribution_id)).status == 0
    twice = installation.run("distribution", "resume", str(distribution_id))
    assert (twice.status, "was not paused" in twice.out) == (0, True)
    await finish(installation, distribution_id, tmp_path / "log")
