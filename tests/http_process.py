"""The HTTP service as a process of its own, started as its users start it."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from command_line import environment
from masspayout.access import create_token
from masspayout.db.session import Database
from masspayout.roles import Role

_ADDRESS = re.compile(r"answers at (http://\S+);")
_PATIENCE_SECONDS = 120.0


@dataclass
class ServiceProcess:
    """A running ``masspayout serve`` or ``masspayout up``, and what it said when it began."""

    process: "subprocess.Popen[str]"
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
    """Start the service, on any free port unless told otherwise, and end it with the block."""
    port = () if "--port" in arguments else ("--port", "0")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "masspayout", command, *port, *arguments],
        cwd=directory,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield ServiceProcess(process, _read_until(process, until))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def make_token(url: URL, role: Role) -> str:
    """Make an API token, in the database of the service."""
    database = Database(url)
    async with database.unit_of_work() as session:
        _, text = await create_token(session, role, role=role)
    await database.close()
    return text


def _read_until(process: "subprocess.Popen[str]", wanted: str) -> str:
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while wanted.encode() not in said and time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0]:
            # Past the buffer of the file, which select does not see into.
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            said += chunk
    return said.decode()
