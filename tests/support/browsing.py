"""A real browser on a real ``masspayout up``: Debian's Chromium, one process, a database of its own."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page
from sqlalchemy import URL

from http_process import service_process, settings_of
from masspayout.context import Context
from masspayout.kernel.roles import Role
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
    def runtime(self) -> Context:
        """The same database and ledger, from this process."""
        return self.world.runtime


Open = Callable[..., Awaitable[Page]]


@contextmanager
def served(url: URL, directory: Path) -> Iterator[str]:
    """Run ``masspayout up`` on a database, in a directory of its own."""
    env = settings_of(
        url,
        directory,
        APPROVALS_REQUIRED="1",
        BATCH_SIZE=str(BATCH_SIZE),
        EXPLORER_URL="https://explorer.example/transaction/{transaction}",
    )
    with service_process("up", directory, env) as service:
        yield service.address
        assert service.stop() == 0
