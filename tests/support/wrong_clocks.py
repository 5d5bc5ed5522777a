"""Processes on a machine whose clock is wrong, and can be set: Debian's libfaketime lies to them about the time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import environment
from places import ROOT


@dataclass(frozen=True)
class WrongMachine:
    """A machine with a clock of its own.

    Attributes:
        library: What is loaded into each process on it.
        clock: The file that says how far the clock is off.
        log: What its worker writes.
    """

    library: Path
    clock: Path
    log: Path

    def set_clock(self, off: str) -> None:
        """Set the clock: by how much it is off, such as ``+26h``, ``-10m`` or ``+0``."""
        self.clock.write_text(off)

    @property
    def environment(self) -> dict[str, str]:
        """What processes on this machine are started with. Time passes for them as it does for everybody."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @contextmanager
    def worker(self, url: URL, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker on it, and end it afterwards."""
        with self.log.open("wb") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "masspayout", "worker"],
                env={**os.environ, **environment(url), **settings, **self.environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
            )
            try:
                yield running
            finally:
                running.terminate()
                running.wait()

    def lines(self, text: str) -> int:
        """Return how many lines of its worker's log have a text in them."""
        return sum(text in line for line in self.log.read_text(encoding="utf-8").splitlines())


def wrong_machine(directory: Path, off: str) -> WrongMachine:
    """Return a machine whose clock is off; without libfaketime the test is skipped."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if sys.platform != "linux" or not found:
        pytest.skip("libfaketime is not installed (Debian: apt-get install libfaketime)")
    machine = WrongMachine(found[0], directory / "clock", directory / "log")
    machine.set_clock(off)
    return machine
