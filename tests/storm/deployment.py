"""What a storm strikes: a database with a standby, workers on it in three ways, two payers, and the sandbox's books."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import URL

import web_targets
from clusters import Cluster
from databases import fresh_database, run_sql
from forgetting import Books, Installation, find_one
from masspayout.db.entities import ExecutionType
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.registers import assets
from masspayout.service.webhooks import targets
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts
from poolers import pooled
from replicated import Pair, running_pair
from workers import start_logged_worker
from wrong_clocks import WrongMachine, wrong_machine

PAYERS = ("0.0.1001", "0.0.1002")
HOLDERS = [(account, 100 + number) for number, account in enumerate(accounts(200))]
FUNDS_UNITS = 10**12
# A hundred units for each token that is held: every share is whole, and can be worked out in one line.
_EVEN_AMOUNT = Decimal(sum(held for _, held in HOLDERS)) / 10_000
# How many payouts are due that cannot begin.
POISONED = 2

_BATCH_SIZE = 4
_LARGE_PAYOUTS = 3  # of the second payer, begun before the first fault
_DUE_EVERY_SECONDS = 3  # of the first payer, one after the other
_WEBHOOKS = {"WEBHOOK_ALLOW_PRIVATE": "true", "WEBHOOK_TIMEOUT_SECONDS": "2", "WEBHOOK_RETRY_SECONDS": "0.5"}


@dataclass
class StormWorker:
    """A worker process, and how it is started again after it was killed."""

    name: str
    url: URL
    log: Path
    settings: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None

    async def start(self) -> None:
        """Start it, and wait until it runs: before, it ends with a sentence if the database is away."""
        starts = self._starts() + 1
        self._start()
        async with asyncio.timeout(60):
            while self._starts() < starts:
                assert self.running.poll() is None, f"the worker {self.name} did not start"
                await asyncio.sleep(0.1)

    def _starts(self) -> int:
        return (
            self.log.read_text(encoding="utf-8", errors="replace").count("Worker is running")
            if self.log.exists()
            else 0
        )

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = start_logged_worker(self.url, log, "--concurrency", "4", **self.settings)

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None, f"{self.name} was not started"
        return self.process


@dataclass
class Deployment:
    """All of it, while a storm goes on.

    Attributes:
        directory: Where the servers keep their files: a file system of its own, where that is possible.
        server: The server that is to be used: the standby once it was promoted.
        live_target: The webhook target that takes everything.
        longest_pause_seconds: How long payouts stood still at most, after a fault or beside one.
    """

    directory: Path
    pair: Pair
    server: Cluster
    workers: list[StormWorker]
    wrong_machine: WrongMachine
    pooler: URL
    live_target: web_targets.Target
    longest_pause_seconds: float = 0.0

    @property
    def books(self) -> Books:
        return self.pair.installation.books

    @property
    def here(self) -> Installation:
        """The database on the server itself, past everything that stands before it."""
        return self.pair.installation.at(self.server.url())

    def has_unfinished(self) -> bool:
        return bool(find_one(self.here.url, "SELECT count(*) FROM distribution WHERE status = 'PROCESSING'"))

    async def go_on(self, seconds: float) -> None:
        """Wait until another batch is paid, while something is left to pay, and note how long that took.

        Raises:
            TimeoutError: Nothing was paid for so long.
        """
        began, before = time.monotonic(), await asyncio.to_thread(self.here.completed_batches)
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(self.has_unfinished):
                if await asyncio.to_thread(self.here.completed_batches) > before:
                    break
                await asyncio.sleep(0.1)
        self.longest_pause_seconds = max(self.longest_pause_seconds, time.monotonic() - began)


@asynccontextmanager
async def installed(directory: Path, logs: Path, books_server: URL, *, seconds: int) -> AsyncIterator[Deployment]:
    """Run an deployment whose payouts fall due over so many seconds."""
    settings = Settings(batch_size=_BATCH_SIZE, sandbox_valid_seconds=10, statement_seconds=0.5)
    async with (
        web_targets.listening(web_targets.answer(200)) as live,
        web_targets.listening(web_targets.never) as dead,
    ):
        with ExitStack() as opened:
            books_url = opened.enter_context(fresh_database(books_server))
            pair = opened.enter_context(running_pair(directory, books_url, settings))
            pooler = opened.enter_context(
                pooled(pair.installation.url, logs, pool_mode="session", admin_users="masspayout", server_lifetime="30")
            )
            await _plan(pair.installation, seconds, [live.url, dead.url])
            machine = wrong_machine(logs, "+0")
            workers = _workers(pair.installation, pooler.set(database=pair.installation.url.database), machine, logs)
            opened.enter_context(_ended(workers))
            yield Deployment(directory, pair, pair.primary, workers, machine, pooler, live)


def _workers(installation: Installation, pooler: URL, machine: WrongMachine, logs: Path) -> list[StormWorker]:
    settings = {**installation.environment, **_WEBHOOKS, "PAYER_ACCOUNT_ID": PAYERS[0], "CLAIM_SECONDS": "5"}
    return [
        StormWorker("direct", installation.url, logs / "direct.log", settings),
        StormWorker("through the pooler", pooler, logs / "pooled.log", settings),
        StormWorker("with a clock of its own", installation.url, machine.log, {**settings, **machine.environment}),
    ]


@contextmanager
def _ended(workers: list[StormWorker]) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in workers:
            if worker.process is not None:
                worker.process.kill()
                worker.process.wait()


async def _plan(installation: Installation, seconds: int, webhook_urls: list[str]) -> None:
    """Make tokens, funds and payouts: large ones that begin at once, and small ones that fall due one by one."""
    first, second = (
        replace(installation, settings=installation.settings.model_copy(update={"payer_account_id": payer}))
        for payer in PAYERS
    )
    async with second.context() as context:
        sandbox = context.ledger
        assert isinstance(sandbox, SandboxLedger)
        await World.make_tokens(sandbox, HOLDERS, payer=PAYERS[0], funds_units=FUNDS_UNITS)
        await sandbox.admin.deposit(PAYMENT_TOKEN, FUNDS_UNITS, PAYERS[1])
        asset = await assets.import_asset(context.database, sandbox, ASSET_TOKEN, payment_token_id=PAYMENT_TOKEN)
        allowing = installation.settings.model_copy(update={"webhook_allow_private": True})
        for url in webhook_urls:
            await targets.add(context.database, allowing, url, ("distribution.*", "batch.*"))
        world = World(context, asset)
        for number in range(_LARGE_PAYOUTS):
            await world.execute((await world.plan(str((number + 1) * _EVEN_AMOUNT * 100))).id)
    async with first.context() as context:
        world, now = World(context, asset), await context.database.clock.database_now()
        for number in range(seconds // _DUE_EVERY_SECONDS):
            await world.plan(
                str((number + 1) * _EVEN_AMOUNT),
                execution_type=ExecutionType.SCHEDULED,
                scheduled_time=now + timedelta(seconds=5 + number * _DUE_EVERY_SECONDS),
            )
        await _plan_poison(installation, world)


async def _plan_poison(installation: Installation, world: World) -> None:
    """Have payouts due among the others that cannot begin: one with rows of a stranger's, one that raises an error."""
    now = await world.runtime.database.clock.database_now()
    strangers, raising = [
        await world.plan(amount, execution_type=ExecutionType.SCHEDULED, scheduled_time=now + timedelta(seconds=4))
        for amount in ("7", "8")
    ]
    run_sql(
        installation.url,
        f"""
        INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount)
        VALUES (gen_random_uuid(), '{strangers.asset_id}', '{strangers.id}', '{HOLDERS[0][0]}', 100, 9)
        """,
        """
        CREATE FUNCTION raise_at_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'nobody foresaw this'; END $$
        """,
        f"""
        CREATE TRIGGER poison BEFORE UPDATE OF status ON distribution FOR EACH ROW
          WHEN (NEW.id = '{raising.id}' AND NEW.status = 'PROCESSING') EXECUTE FUNCTION raise_at_poison()
        """,
    )
