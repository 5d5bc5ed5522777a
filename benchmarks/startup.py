"""``make bench``: what a command costs before it does anything, against loading SQLAlchemy and the driver.

Each is a process of its own on a running embedded server, and all take turns, so that other work on the machine slows
them alike. A command's figure is the median of the CPU time of its processes, the system's included; the unit's is what
``import sqlalchemy.ext.asyncio, psycopg`` takes in the same run.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from statistics import median

from sqlalchemy import URL

from masspayout.db.entities import Asset, Distribution, DistributionType, ExecutionType, PayoutType
from masspayout.db.session import Database
from servers import temporary_server

_UNIT = ("-c", "import sqlalchemy.ext.asyncio, psycopg")
_MASSPAYOUT = ("-m", "masspayout")
_MEMORY_LIMIT_BYTES = 90_000_000
_MEGABYTE = 1_000_000
_LISTED = 20


@dataclass(frozen=True)
class Command:
    """A command, and how much of the unit's time it may take."""

    name: str
    arguments: tuple[str, ...]
    limit: float | None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    cpu_seconds: float
    multiple: float
    limit: float | None
    peak_bytes: int

    @property
    def holds(self) -> bool:
        """Whether the row keeps its limits of time and memory."""
        return self.limit is None or (self.multiple <= self.limit and self.peak_bytes <= _MEMORY_LIMIT_BYTES)


def _completing(shell: str, typed: str) -> dict[str, str]:
    """Return what a shell's completion script sets."""
    return {
        "_MASSPAYOUT_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": typed,
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }


def _commands() -> list[Command]:
    return [
        Command("import sqlalchemy.ext.asyncio, psycopg", _UNIT, None),
        Command("--help", (*_MASSPAYOUT, "--help"), 0.5),
        Command("--version", (*_MASSPAYOUT, "--version"), 0.5),
        Command("completion in bash", _MASSPAYOUT, 0.5, _completing("bash", "masspayout distribution ")),
        Command("completion in zsh", _MASSPAYOUT, 0.5, _completing("zsh", "masspayout distribution ")),
        Command("distribution list", (*_MASSPAYOUT, "distribution", "list"), 2.0),
    ]


def main() -> None:
    arguments = _arguments()
    with temporary_server() as (data_dir, url):
        asyncio.run(_make_distributions(url))
        rows = _measure(_commands(), data_dir, arguments.rounds)
    _print_table(rows)
    if not all(row.holds for row in rows):
        sys.exit("Some limits do not hold: see the rows marked with !")


def _measure(commands: list[Command], data_dir: Path, rounds: int) -> list[Row]:
    # Python keeps what it compiles, as it does wherever the package is installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["DATA_DIR"] = str(data_dir)
    processes = [
        {"arguments": command.arguments, "environment": {**environment, **command.environment}} for command in commands
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", Path(__file__).with_name("taking_turns.py")],
        input=json.dumps({"processes": processes, "rounds": 1 + rounds}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    cpu_seconds = []
    peaks_bytes = []
    for usages in json.loads(done.stdout):
        cpu_seconds.append(median(seconds for seconds, _ in usages))
        peaks_bytes.append(max(peak_bytes for _, peak_bytes in usages))
    return [
        Row(command.name, seconds, seconds / cpu_seconds[0], command.limit, peak_bytes)
        for command, seconds, peak_bytes in zip(commands, cpu_seconds, peaks_bytes, strict=True)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what commands cost before they do anything.")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is run (default: 15)")
    return parser.parse_args()


async def _make_distributions(url: URL) -> None:
    """Write a page of distributions to list."""
    database = Database(url)
    async with database.unit_of_work() as work:
        asset = Asset(token_id="0.0.7001", name="Bond", symbol="BND", decimals=0, total_supply=10**6)
        work.add(asset)
        await work.flush()
        for number in range(_LISTED):
            distribution = Distribution(
                asset_id=asset.id,
                type=DistributionType.DIVIDEND,
                execution_type=ExecutionType.MANUAL,
                payout_type=PayoutType.PERCENTAGE,
                amount=Decimal(1000),
                concept=f"Dividend {number + 1}",
            )
            await work.distributions.save(distribution)
    await database.close()


def _print_table(rows: list[Row]) -> None:
    """Print Markdown, so that it can go into the README as it is."""
    print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    print("| | CPU seconds | of the unit | limit | memory |")
    print("| --- | --: | --: | --: | --: |")
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:.2f}"
        print(
            f"| {row.name if row.holds else f'{row.name} !'} | {row.cpu_seconds:.3f} | {row.multiple:.2f} | {limit} "
            f"| {row.peak_bytes / _MEGABYTE:.0f} MB |"
        )


if __name__ == "__main__":
    main()
