"""What tests of a database that forgets have in common: the books as the oracle, and workers whose time passes."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from command_line import Said, environment
from databases import copied_database
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Asset, DistributionStatus
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts
from places import ROOT
from workers import start_logged_worker

HOLDERS = accounts(300)
BATCHES = 60
_UNITS = 10**6

_TRANSFERS = "SELECT count(*) FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER' AND moved_units > 0"


def restore_points() -> list[float]:
    """Return at which parts of a payout something happens: three of them, or as many as ``RESTORE_POINTS`` says."""
    count = int(os.environ.get("RESTORE_POINTS", "3"))
    return [round((number + 1) / (count + 1), 3) for number in range(count)]


def find_all(url: URL, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        return connection.execute(query.encode(), list(parameters)).fetchall()


def find_one(url: URL, query: str, parameters: Sequence[Any] = ()) -> Any:
    ((value,),) = find_all(url, query, parameters)
    return value


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so; only the test's own time limit ends it otherwise."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - other processes bring it about
        await asyncio.sleep(0.02)


@dataclass
class Books:
    """The sandbox's books, in a database of their own that forgets nothing."""

    url: URL

    @property
    def setting(self) -> str:
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def transfers(self) -> int:
        """How many transactions moved money from the payer."""
        return int(find_one(self.url, _TRANSFERS))

    def received_units(self) -> dict[str, int]:
        """What each account got of the payment token, in how many transactions soever."""
        query = """
            SELECT account_id, balance_units FROM sandbox.holding
             WHERE token_id = %s AND balance_units > 0 AND account_id NOT IN ('0.0.1001', '0.0.900')
        """
        return {account_id: int(units) for account_id, units in find_all(self.url, query, [PAYMENT_TOKEN])}

    def transaction_ids(self) -> set[str]:
        query = "SELECT transaction_id FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER' AND moved_units > 0"
        return {transaction_id for (transaction_id,) in find_all(self.url, query)}

    def set_faults(self, **faults: int) -> None:
        """Let the network to the ledger misbehave like that from now on; without faults, no more."""
        statement = "UPDATE sandbox.network SET faults = %s::jsonb RETURNING 1"
        find_all(self.url, statement, [json.dumps(faults)])

    def advance(self, seconds: int) -> None:
        """Let time pass on the ledger."""
        statement = "UPDATE sandbox.network SET clock_offset_nanos = clock_offset_nanos + %s RETURNING 1"
        find_all(self.url, statement, [seconds * 10**9])


@dataclass
class Installation:
    """One database of ours, at some time of its life, beside the books."""

    url: URL
    books: Books
    settings: Settings

    @asynccontextmanager
    async def opened(self, asset: Asset | None = None) -> AsyncIterator[World]:
        """Open the database; without an asset, on a new ledger and with a new register."""
        async with self.context() as runtime:
            if asset is None:
                world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(HOLDERS)])
            else:
                world = World(runtime, asset)
            yield world

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        """Open the database, and the books beside it."""
        database = Database(self.url)
        ledger = SandboxLedger(self.books.url, self.settings)
        try:
            yield Context(self.settings, database, ledger, Jobs(self.url))
        finally:
            await ledger.close()
            await database.close()

    @contextmanager
    def backed_up(self) -> Iterator["Installation"]:
        """Copy the database as it is now; nobody may be connected."""
        with copied_database(self.url) as url:
            yield self.at(url)

    def at(self, url: URL) -> "Installation":
        return Installation(url, self.books, self.settings)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SANDBOX_DATABASE_URL": self.books.setting,
            "SANDBOX_VALID_SECONDS": str(self.settings.sandbox_valid_seconds),
            "STATEMENT_SECONDS": str(self.settings.statement_seconds),
            "BATCH_SIZE": str(self.settings.batch_size),
        }

    @contextmanager
    def working(self, log: Path, *, count: int = 2, **more: str) -> Iterator[None]:
        """Keep real workers running on the database, that write into a log."""
        with log.open("ab") as output:
            workers = [start_logged_worker(self.url, output, **{**self.environment, **more}) for _ in range(count)]
            try:
                yield
            finally:
                for worker in workers:
                    worker.kill()
                    worker.wait()

    def run(self, *arguments: str, **more: str) -> Said:
        """Run a command on the database, as a person does."""
        done = subprocess.run(
            [sys.executable, "-m", "masspayout", *arguments],
            env={**os.environ, **environment(self.url), **self.environment, "COLUMNS": "250", **more},
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def completed_batches(self) -> int:
        return int(find_one(self.url, "SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'"))

    def status(self, distribution_id: uuid.UUID) -> DistributionStatus:
        query = "SELECT status FROM distribution WHERE id = %s"
        return DistributionStatus(find_one(self.url, query, [distribution_id]))

    def forgotten(self) -> set[str]:
        """The transactions that paid, and that the database does not know."""
        known = {one for (one,) in find_all(self.url, "SELECT transaction_id FROM attempt WHERE transaction_id <> ''")}
        return self.books.transaction_ids() - known

    def owed_units(self, distribution_id: uuid.UUID) -> dict[str, int]:
        query = "SELECT account_id, payment_amount FROM holder WHERE distribution_id = %s AND payment_amount > 0"
        return {account: int(amount * _UNITS) for account, amount in find_all(self.url, query, [distribution_id])}

    def waits_for_the_ledger(self) -> bool:
        query = "SELECT count(*) FROM payer WHERE cleared_for IS NULL AND read_at IS NOT NULL"
        return bool(find_one(self.url, query))

    async def end(self, distribution_id: uuid.UUID) -> DistributionStatus:
        """Wait until a payout is over, and let the ledger's time pass quickly while its payer waits for that."""
        while (status := await asyncio.to_thread(self.status, distribution_id)) is DistributionStatus.PROCESSING:
            if await asyncio.to_thread(self.waits_for_the_ledger):
                await asyncio.to_thread(self.books.advance, 2)
            await asyncio.sleep(0.1)
        return status


async def begin_payout(installation: Installation) -> uuid.UUID:
    """Make a world, and a payout of as many batches as there are, which is ready to be paid."""
    async with installation.opened() as world:
        dividend = await world.plan("1000")
        await world.execute(dividend.id)
    return dividend.id
