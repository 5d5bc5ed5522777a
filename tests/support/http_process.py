"""The HTTP service as a process of its own, started as its users start it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from command_line import environment
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.service.access import add_user, create_token

_ADDRESS = re.compile(r"answers at (http://\S+);")
_PATIENCE_SECONDS = 120.0
_LONGEST_SAID = 1 << 20


@dataclass
class ServiceProcess:
    """A running ``masspayout serve`` or ``masspayout up``, and what it said when it began."""

    process: "subprocess.Popen[bytes]"
    said: str

    @property
    def address(self) -> str:
        found = _ADDRESS.search(self.said)
        assert found, self.said
        return found[1]

    def stop(self) -> int:
        """Stop it as a service manager does, and return its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=_PATIENCE_SECONDS)


def settings_of(url: URL, directory: Path, **settings: str) -> dict[str, str]:
    """The environment of a process that works on a database, in a directory of its own."""
    return os.environ | environment(url) | {"DATA_DIR": str(directory / "data")} | settings


@contextmanager
def service_process(
    command: str, directory: Path, env: Mapping[str, str], *arguments: str, until: str = "Stop it with"
) -> Iterator[ServiceProcess]:
    """Start the service, on any free port unless told otherwise, or a worker, and end it with the block."""
    port = () if command == "worker" or "--port" in arguments else ("--port", "0")
    # Into a file, which takes as much as the service has to say, whether anybody reads it or not.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "masspayout", command, *port, *arguments],
            cwd=directory,
            env=dict(env),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield ServiceProcess(process, _read_until(process, output.fileno(), until))
        finally:
            process.kill()
            process.wait()


async def make_token(url: URL, role: Role) -> str:
    """Make an API token, in the database of the service."""
    database = Database(url)
    async with database.unit_of_work() as session:
        user = await add_user(session, f"the-{role}", role=role)
        _, text = await create_token(session, role, role=role, owner_id=user.id)
    await database.close()
    return text


def _read_until(process: "subprocess.Popen[bytes]", output: int, wanted: str) -> str:
    """Return what a process has said once it has said something, or has ended, or does not say it in time."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        is_last = process.poll() is not None or time.monotonic() > deadline
        said = os.pread(output, _LONGEST_SAID, 0).decode(errors="replace")  # without moving to where it writes next
        if wanted in said or is_last:
            return said
        time.sleep(0.02)
