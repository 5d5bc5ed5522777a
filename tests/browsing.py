"""A real browser on a real ``masspayout up``: Debian's Chromium, one process, a database of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page
from sqlalchemy import URL

from command_line import environment
from masspayout.roles import Role
from masspayout.runtime import Runtime
from payouts import World, accounts

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]
PASSWORD = "correct horse battery"
USERS = {"oscar": Role.OPERATOR, "olga": Role.OPERATOR, "ben": Role.APPROVER, "vera": Role.VIEWER, "ana": Role.ADMIN}
HOLDERS = 300
FROZEN = accounts(HOLDERS)[3:5]
STRANGERS = accounts(HOLDERS)[150:153]
BATCH_SIZE = 5
IMPORTED_LATER = "0.0.5002"


@dataclass(frozen=True)
class Service:
    """A dashboard that is served, and the world behind it."""

    address: str
    world: World

    @property
    def runtime(self) -> Runtime:
        """The same database and ledger, from this process."""
        return self.world.runtime


Open = Callable[..., Awaitable[Page]]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_until_served(address: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        assert process.poll() is None, "masspayout up ended"
        try:
            urllib.request.urlopen(f"{address}/sign-in").close()
        except OSError:
            time.sleep(0.1)
        else:
            return


@contextmanager
def served(url: URL) -> Iterator[str]:
    """Run ``masspayout up`` on a database."""
    port = free_port()
    variables = {**environment(url), "APPROVALS_REQUIRED": "1", "BATCH_SIZE": str(BATCH_SIZE)}
    variables["EXPLORER_URL"] = "https://explorer.example/transaction/{transaction}"
    command = [sys.executable, "-m", "masspayout", "up", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
    try:
        wait_until_served(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
