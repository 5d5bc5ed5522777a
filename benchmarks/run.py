"""``make bench``: measures Mass Payout on an embedded PostgreSQL of its own, and prints a table.

Everything is compared with a raw COPY of the same rows into the same table in the same run, because that is what the
machine can do at best. The COPY is measured three times, before, between and after the others; its median counts.
"""

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import psycopg
from sqlalchemy import URL

from masspayout.db.connecting import connect_arguments
from measurements import Measured, World, measure, peak_bytes_of
from servers import temporary_server

_SAMPLE_SECONDS = 0.05
_MEGABYTE = 1_000_000
_MEMORY_LIMIT_BYTES = 400 * _MEGABYTE

_PLAN = (
    ("raw COPY, before", "raw_copy"),
    ("persist", "persist"),
    ("first sync", "sync"),
    ("sync without changes", "sync"),
    ("freeze", "freeze"),
    ("raw COPY, between", "raw_copy"),
    ("pay", "pay"),
    ("payer statement", "payer_statement"),
    ("reconcile", "reconcile"),
    ("second payout", "second_payout"),
    ("two workers", "two_workers"),
    ("tenth payout", "tenth_payout"),
    ("raw COPY, after", "raw_copy"),
    ("first page", "first_page"),
    ("page at nine tenths", "deep_page"),
    ("page of a filtered list", "filtered_list"),
    ("asset's page in the dashboard", "asset_page"),
    ("payout's page in the dashboard", "payout_page"),
)

# The most that each may take, as a multiple of the raw COPY's time. Three are promised for a million holders: raw COPY
# slows down as its indexes outgrow the caches, so with fewer holders it is a harder measure.
_LIMITS = {"persist": 1 / 0.9}
_LIMITS_AT_A_MILLION = {"freeze": 1.3, "pay": 4.5, "second payout": 4.5, "tenth payout": 4.5}
_A_MILLION = 1_000_000

# Two runs of one thing differ by so much.
_AS_FAST = 1.05

# What it costs to read all debits of the payout from the ledger, and to keep them: at most this much of paying it.
_STATEMENT_SHARE = 0.1


@dataclass(frozen=True)
class Row:
    """One line of the table. ``multiple`` is in times of the raw COPY's; pages have none."""

    name: str
    seconds: float
    multiple: float | None
    limit: float | None
    client_peak_bytes: int
    server_peak_bytes: int

    @property
    def holds(self) -> bool:
        """Whether the row keeps its limits of time and memory."""
        in_time = self.multiple is None or self.limit is None or self.multiple <= self.limit
        return in_time and max(self.client_peak_bytes, self.server_peak_bytes) < _MEMORY_LIMIT_BYTES


class ServerMemory:
    """Watches how much memory the largest process of the server ever has resident."""

    def __init__(self, postmaster_pid: int) -> None:
        self._postmaster = psutil.Process(postmaster_pid)
        self.peak_bytes = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch while the block runs."""
        self.peak_bytes = 0
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(done,))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(_SAMPLE_SECONDS):
            for process in self._postmaster.children():
                try:
                    self.peak_bytes = max(self.peak_bytes, peak_bytes_of(process.pid))
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it has just ended; an earlier look saw it


def main() -> None:
    arguments = _arguments()
    with temporary_server() as (data_dir, url):
        rows = _run(World(data_dir, arguments.holders), url)
    _print_table(rows, arguments.holders)
    if arguments.json:
        arguments.json.write_text(json.dumps(_as_json(rows, arguments.holders), indent=2) + "\n")
    if not all(row.holds for row in rows):
        sys.exit("Some limits do not hold: see the rows marked with !")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Mass Payout against raw COPY.")
    parser.add_argument("--holders", type=int, default=100_000, help="how many holders (default: 100000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    if arguments.holders < 2_000:  # noqa: PLR2004 - a page at nine tenths must be full
        parser.error("--holders must be at least 2000")
    return arguments


def _run(world: World, url: URL) -> list[Row]:
    memory = ServerMemory(int((world.data_dir / "postgresql" / "postmaster.pid").read_text().split("\n", 1)[0]))
    results: dict[str, tuple[Measured, int]] = {}
    print(f"Preparing {world.holder_count:,} holders …", file=sys.stderr, flush=True)
    _in_own_process("prepare", world)
    for title, name in _PLAN:
        _settle_server(url)
        print(f"{title} … ", end="", file=sys.stderr, flush=True)
        with memory.watched():
            measured = _in_own_process(name, world)
        print(f"{measured.seconds:.3f} s", file=sys.stderr, flush=True)
        results[title] = (measured, memory.peak_bytes)
    limits = _LIMITS | (_LIMITS_AT_A_MILLION if world.holder_count >= _A_MILLION else {})
    unit_seconds = median(measured.seconds for title, (measured, _) in results.items() if title.startswith("raw"))
    paid_multiple = results["second payout"][0].seconds / unit_seconds
    limits["payer statement"] = _STATEMENT_SHARE * paid_multiple
    if world.holder_count >= _A_MILLION:  # in a shorter run, it counts how long two take to share the last batches
        limits["two workers"] = paid_multiple * _AS_FAST
    return [
        Row(
            name=title,
            seconds=measured.seconds,
            multiple=None if "page" in title else measured.seconds / unit_seconds,
            limit=limits.get(title),
            client_peak_bytes=measured.peak_bytes,
            server_peak_bytes=server_peak_bytes,
        )
        for title, (measured, server_peak_bytes) in results.items()
    ]


def _in_own_process(name: str, world: World) -> Measured:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(measure, name, world).result()


def _settle_server(url: URL) -> None:
    """Let no measurement pay for what an earlier one left to be written or cleaned up."""
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _print_table(rows: list[Row], holder_count: int) -> None:
    """Print Markdown, so that it can go into the README as it is."""
    version = sys.version.split()[0]
    print(f"\n{holder_count:,} holders, {os.cpu_count()} cores, Python {version}, embedded PostgreSQL 18\n")
    _print_line("", "seconds", "holders/s", "of raw COPY", "limit", "our process", "largest server process")
    _print_line("---", *["--:"] * 6)
    for row in rows:
        has_rate = row.multiple is not None
        _print_line(
            row.name if row.holds else f"{row.name} !",
            f"{row.seconds:.4f}",
            f"{holder_count / row.seconds:,.0f}" if has_rate else "",
            f"{row.multiple:.2f}" if has_rate else "",
            "" if row.limit is None else f"{row.limit:.2f}",
            f"{row.client_peak_bytes / _MEGABYTE:.0f} MB",
            f"{row.server_peak_bytes / _MEGABYTE:.0f} MB",
        )


def _print_line(name: str, *cells: str) -> None:
    widths = (9, 9, 11, 5, 11, 22)
    print(f"| {name:22} |", *(f"{cell:>{width}} |" for cell, width in zip(cells, widths, strict=True)))


def _as_json(rows: list[Row], holder_count: int) -> dict[str, object]:
    return {
        "holders": holder_count,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rows": [{**vars(row), "holds": row.holds} for row in rows],
    }


if __name__ == "__main__":
    main()
