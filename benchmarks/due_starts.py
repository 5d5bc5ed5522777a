"""Measures how many distributions start a second, when many fall due in the same one and two workers look for them.

N distributions of ten holders each, on the sandbox ledger: all of one asset, and again spread over 500 assets, each
with a register of its own. Two real worker processes are idle when all of them fall due; what they have started they
pay meanwhile, as workers do. Processor time is what counts on a shared machine: that of both workers, and of the
database's server, which keeps the sandbox's books as well. The budget is that of 10,000 in ten minutes on two cores.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import URL

from masspayout.db.connecting import connect_arguments
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.registers import assets
from masspayout.runtime import open_runtime
from measurements import PAYMENT_TOKEN, MeasurementError, World
from servers import temporary_server

_HOLDERS = 10
_ASSETS = 500
_WORKERS = 2
_TARGET_STARTS, _TARGET_SECONDS, _TARGET_CORES = 10_000, 600.0, 2
_BUDGET_MS = 1000 * _TARGET_CORES * _TARGET_SECONDS / _TARGET_STARTS
_POLL_SECONDS = 0.25
_LONGEST_SECONDS = 3600.0
_PARTS = 4

_PLAN = """
    INSERT INTO distribution (id, asset_id, type, execution_type, payout_type, amount, status, scheduled_time)
    SELECT masspayout_uuid7(), asset.id, 'DIVIDEND', 'SCHEDULED', 'PERCENTAGE', 100, 'PENDING',
           now() + interval '1 day'
      FROM generate_series(0, %s - 1) AS n
      JOIN (SELECT id, row_number() OVER (ORDER BY token_id) - 1 AS number, count(*) OVER () AS assets FROM asset)
           AS asset ON asset.number = n %% asset.assets
"""
_FALL_DUE = "UPDATE distribution SET scheduled_time = date_trunc('second', now())"
_COUNT = """
    SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'COMPLETED'),
           count(*) FILTER (WHERE status IN ('FAILED', 'CANCELLED'))
      FROM distribution
"""


@dataclass(frozen=True)
class Started:
    """What one shape came to.

    Attributes:
        shape: How the distributions are spread.
        starts: How many there were.
        seconds: Until the last had started.
        worker_ms: Processor time of the workers for each start, what was paid meanwhile included.
        server_ms: That of the database's server.
        paid: How many were paid completely when the last had started.
        parts: Starts a second in each quarter of the starts: what is quadratic shows here.
        all_seconds: Until the last was paid.
        all_ms: Processor time of workers and server for each, start and payment.
    """

    shape: str
    starts: int
    seconds: float
    worker_ms: float
    server_ms: float
    paid: int
    parts: Sequence[float]
    all_seconds: float
    all_ms: float

    @property
    def per_second(self) -> float:
        """Starts a second."""
        return self.starts / self.seconds

    @property
    def projected_minutes(self) -> float:
        """How long the target would take at this pace."""
        return _TARGET_STARTS / self.per_second / 60

    @property
    def holds(self) -> bool:
        """Whether the processor time of a start, its share of payments included, is within the budget."""
        return self.worker_ms + self.server_ms <= _BUDGET_MS


class ProcessorTime:
    """The processor time of some processes and their children, those included that ended since they were last seen."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in roots]
        self._seen: dict[tuple[int, float], float] = {}

    def seconds(self) -> float:
        """Return what they have used so far."""
        for process in (each for root in self._roots for each in (root, *root.children(recursive=True))):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system
        return sum(self._seen.values())


def main() -> None:
    arguments = _arguments()
    found = [
        _measure(arguments.starts, asset_count, arguments.directory)
        for asset_count in (1, _ASSETS)
        if arguments.assets in (None, asset_count)
    ]
    _print_table(found)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    if not all(each.holds for each in found):
        sys.exit("The budget does not hold: see the rows marked with !")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how many due distributions two workers start a second.")
    parser.add_argument("--starts", type=int, default=1000, metavar="N", help="how many fall due (default: 1000)")
    parser.add_argument("--assets", type=int, choices=(1, _ASSETS), help="only one of the two shapes")
    parser.add_argument("--directory", type=Path, help="where the workers' logs go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def _measure(count: int, asset_count: int, logs: Path | None) -> Started:
    with temporary_server() as (data_dir, url):
        shape = "one asset" if asset_count == 1 else f"{asset_count} assets"
        print(f"{shape}: preparing {count:,} … ", end="", file=sys.stderr, flush=True)
        asyncio.run(_prepare(World(data_dir, _HOLDERS), asset_count))
        with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
            connection.execute(_PLAN, (count,))
            connection.execute("VACUUM ANALYZE")
            print("starting … ", end="", file=sys.stderr, flush=True)
            with _workers(data_dir, logs or data_dir) as workers:
                return _watch(connection, shape, count, url, workers)


async def _prepare(world: World, asset_count: int) -> None:
    """Make the ledger's side: assets with ten holders each, of their own, a payment token, a payer with funds."""
    async with open_runtime(world.settings) as runtime:
        ledger = runtime.ledger
        if not isinstance(ledger, SandboxLedger):
            raise MeasurementError("only the sandbox can be measured")
        await ledger.admin.create_token(PAYMENT_TOKEN, name="Dollar", symbol="USD", decimals=6)
        await ledger.admin.deposit(PAYMENT_TOKEN, 10**18, runtime.settings.payer_account_id)
        for number in range(asset_count):
            token_id, first = f"0.0.{100_000 + number}", 10_000_000 + number * _HOLDERS
            holders = [(f"0.0.{first + each}", 1 + each) for each in range(_HOLDERS)]
            await ledger.admin.create_token(token_id, name="Bond", symbol="BND", decimals=0, holders=holders)
            await assets.import_asset(runtime.database, ledger, token_id, payment_token_id=PAYMENT_TOKEN)


@contextmanager
def _workers(data_dir: Path, logs: Path) -> Iterator[Sequence[int]]:
    """Run the workers, as users do, each with its log."""
    running, files = [], []
    try:
        for number in range(_WORKERS):
            files.append((logs / f"worker-{number}.log").open("wb"))
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "masspayout", "worker"],
                    env={**os.environ, "DATA_DIR": str(data_dir)},
                    stdout=subprocess.DEVNULL,
                    stderr=files[-1],
                    cwd=data_dir,
                )
            )
        time.sleep(5)  # until both are idle
        yield [worker.pid for worker in running]
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait()
        for file in files:
            file.close()


def _watch(
    connection: "psycopg.Connection[tuple[int, int, int]]", shape: str, count: int, url: URL, workers: Sequence[int]
) -> Started:
    """Let all fall due, and look until they are paid."""
    postmaster = int((Path(str(url.query["host"])) / "postmaster.pid").read_text().split("\n", 1)[0])
    of_workers, of_server = ProcessorTime(workers), ProcessorTime([postmaster])
    workers_before, server_before = of_workers.seconds(), of_server.seconds()
    connection.execute(_FALL_DUE)
    begin = time.perf_counter()
    marks: list[float] = []
    started: tuple[float, float, float, int] | None = None
    while True:
        time.sleep(_POLL_SECONDS)
        pending, completed, failed = connection.execute(_COUNT).fetchall()[0]
        seconds = time.perf_counter() - begin
        worker_seconds = of_workers.seconds() - workers_before
        server_seconds = of_server.seconds() - server_before
        while len(marks) < (count - pending) * _PARTS // count:
            marks.append(seconds)
        if failed or seconds > _LONGEST_SECONDS:
            raise MeasurementError(f"after {seconds:.0f} s {pending} are pending and {failed} failed")
        if not pending and started is None:
            started = (seconds, worker_seconds, server_seconds, completed)
            print(f"{seconds:.1f} s, paying … ", end="", file=sys.stderr, flush=True)
        if completed == count and started is not None:
            break
    print(f"{seconds:.1f} s", file=sys.stderr, flush=True)
    ends = [0.0, *marks]
    return Started(
        shape=shape,
        starts=count,
        seconds=started[0],
        worker_ms=1000 * started[1] / count,
        server_ms=1000 * started[2] / count,
        paid=started[3],
        parts=[count / _PARTS / max(ends[n + 1] - ends[n], _POLL_SECONDS) for n in range(_PARTS)],
        all_seconds=seconds,
        all_ms=1000 * (worker_seconds + server_seconds) / count,
    )


def _print_table(found: Sequence[Started]) -> None:
    """Print Markdown, so that it can go into the README as it is."""
    version = sys.version.split()[0]
    print(
        f"\n{found[0].starts:,} distributions of {_HOLDERS} holders due in one second, {_WORKERS} workers, "
        f"{os.cpu_count()} cores, Python {version}, embedded PostgreSQL 18; {_BUDGET_MS:.0f} ms a start may be used\n"
    )
    quarters = "starts/s by quarter"
    print(
        f"| | starts/s | {_TARGET_STARTS:,} in minutes | ms of workers | ms of server | {quarters} | paid by then "
        "| ms with all payments |"
    )
    print("| --- |" + " --: |" * 7)
    for each in found:
        print(
            f"| {each.shape if each.holds else f'{each.shape} !'} | {each.per_second:.1f} "
            f"| {each.projected_minutes:.1f} | {each.worker_ms:.1f} | {each.server_ms:.1f} "
            f"| {', '.join(f'{part:.0f}' for part in each.parts)} | {each.paid / each.starts:.0%} | {each.all_ms:.1f} |"
        )


if __name__ == "__main__":
    main()
