"""A server and its standby, with a database of ours that real workers pay from."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from clusters import Cluster, require_debian_15
from databases import make_application_role, migrate, run_sql
from forgetting import BATCHES, Books, Installation, find_one, wait_until
from masspayout.settings import Settings
from proxies import Proxy


@dataclass
class Pair:
    """A server and the standby that follows it.

    Attributes:
        replication: The way from the one to the other.
        front: The address that workers know, which leads to the server that is to be used.
        installation: Our database behind that address.
    """

    primary: Cluster
    standby: Cluster
    replication: Proxy
    front: Proxy
    installation: Installation

    @property
    def on_primary(self) -> Installation:
        return self.installation.at(self.primary.url())

    @property
    def on_standby(self) -> Installation:
        return self.installation.at(self.standby.url())

    def wait_for_standby(self) -> None:
        """Wait until the standby has replayed all that the server wrote."""
        written = find_one(self.primary.url(), "SELECT pg_current_wal_lsn()::text")
        query = f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
        while not find_one(self.standby.url(), query):
            pass

    def fail_over(self) -> None:
        """Kill the server and promote the standby; nobody is led there yet."""
        self.front.target_port = None
        self.primary.kill()
        self.replication.lead_to(None)
        self.standby.promote()


@contextmanager
def running_pair(directory: Path, books_url: URL, settings: Settings) -> Iterator[Pair]:
    require_debian_15()
    with ExitStack() as opened:
        primary = Cluster.make(directory)
        opened.callback(primary.kill)
        run_sql(primary.url("postgres"), "CREATE DATABASE masspayout")
        make_application_role(primary.url("postgres"))
        migrate(primary.url())
        replication = opened.enter_context(Proxy(primary.port).running())
        standby = Cluster.standby_of(primary, directory, through_port=replication.port)
        opened.callback(standby.kill)
        front = opened.enter_context(Proxy(primary.port).running())
        installation = Installation(primary.url(port=front.port), Books(books_url), settings)
        yield Pair(primary, standby, replication, front, installation)


async def pay_until(pair: Pair, part: float) -> None:
    await wait_until(lambda: pair.on_primary.completed_batches() >= part * BATCHES)
