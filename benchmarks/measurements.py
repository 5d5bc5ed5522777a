"""What is measured. Each measurement runs in a process of its own, so that its memory is its own.

It prepares what it needs, then times one piece of work. Rows are made up by formula, so that every measurement handles
the same holders and nothing but the work itself takes memory.
"""

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import IO

import httpx
import psycopg
from sqlalchemy import func, select

from masspayout.api import create_app
from masspayout.context import Context
from masspayout.dashboard import mount
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import (
    Asset,
    Distribution,
    DistributionStatus,
    DistributionType,
    Entitlement,
    ExecutionType,
    PayerEntry,
    PayoutType,
    RegisterEntry,
)
from masspayout.db.repositories import (
    Assets,
    Distributions,
    EntitlementFilter,
    Entitlements,
    Holders,
    HolderSort,
    PageRequest,
    Payers,
    ReadModels,
)
from masspayout.db.repositories.keyset_paging import MOST_COUNTED
from masspayout.db.session import Database
from masspayout.db.types import uuid7
from masspayout.distributions import starts
from masspayout.entitlements import freezing
from masspayout.kernel.money import to_decimal
from masspayout.kernel.roles import Role
from masspayout.kernel.types import Share
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.payments import payer_statements, reconciliation
from masspayout.registers import assets, ledger_binding
from masspayout.runtime import open_runtime
from masspayout.service import access
from masspayout.service.access import SESSION_COOKIE
from masspayout.service.access.sessions import WayIn, begin_session
from masspayout.settings import Settings
from masspayout.worker import run_worker

ASSET_TOKEN, PAYMENT_TOKEN = "0.0.5001", "0.0.7001"
PAYMENT_DECIMALS = 6
BATCH_SIZE = 100
PAID_DISTRIBUTION, SECOND_DISTRIBUTION, SHARED_DISTRIBUTION, *FROZEN_DISTRIBUTIONS, TENTH_DISTRIBUTION = (
    uuid.UUID(f"00000000-0000-7000-8000-{number:012}") for number in range(1, 12)
)

_WORKERS = 2
_COPY_BLOCK_BYTES = 1 << 18
_PAGE_SIZE, _PAGES_READ = 100, 101
_COPY = "COPY holder (id, asset_id, distribution_id, account_id, balance, payment_amount, batch_number) FROM STDIN"


class MeasurementError(Exception):
    """What was measured did not do what it should have done, so its time says nothing."""


@dataclass(frozen=True)
class World:
    """Where to measure and with how many holders. It goes to the process that measures."""

    data_dir: Path
    holder_count: int

    @property
    def settings(self) -> Settings:
        """Settings that owe nothing to this machine's environment file."""
        return Settings(_env_file=None, data_dir=self.data_dir, batch_size=BATCH_SIZE)  # type: ignore[call-arg]


@dataclass(frozen=True)
class Measured:
    """How long something took, and the most memory that this process ever held."""

    seconds: float
    peak_bytes: int


def measure(name: str, world: World) -> Measured:
    """Run one measurement in this process."""
    seconds = asyncio.run(_with_runtime(MEASUREMENTS[name], world))
    return Measured(seconds, own_peak_bytes())


def own_peak_bytes() -> int:
    """Return the most memory that this process ever had resident."""
    return peak_bytes_of(os.getpid())


def peak_bytes_of(pid: int) -> int:
    """Return the most memory that a process ever had resident, shared memory that it touched included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0  # it has just ended


async def _with_runtime(work: Callable[[Context, int], Awaitable[float]], world: World) -> float:
    async with open_runtime(world.settings) as runtime:
        return await work(runtime, world.holder_count)


def shares(count: int) -> Iterator[Share]:
    """Make up holders in order of their account ids: balances between 1 and 99,991 units, three units paid on each."""
    for number in range(count):
        balance_units = 1 + number * 7919 % 99_991
        yield Share(f"0.0.{10_000_000 + number}", balance_units, 3 * balance_units)


async def prepare(runtime: Context, count: int) -> float:
    """Make the ledger's side: an asset with so many holders, a payment token, and a payer with funds."""
    ledger = runtime.ledger
    if not isinstance(ledger, SandboxLedger):
        raise MeasurementError("only the sandbox can be measured")
    start = time.perf_counter()
    holders = ((share.account_id, share.balance_units) for share in shares(count))
    await ledger.admin.create_token(ASSET_TOKEN, name="Bond", symbol="BND", decimals=0, holders=holders)
    await ledger.admin.create_token(PAYMENT_TOKEN, name="Dollar", symbol="USD", decimals=PAYMENT_DECIMALS)
    await ledger.admin.deposit(PAYMENT_TOKEN, 10**18, runtime.settings.payer_account_id)
    await assets.import_asset(runtime.database, ledger, ASSET_TOKEN, payment_token_id=PAYMENT_TOKEN)
    return time.perf_counter() - start


async def raw_copy(runtime: Context, count: int) -> float:
    """COPY the rows from a text file that is ready: the unit of all the others."""
    asset = await _asset(runtime.database)
    distribution = _distribution(asset)
    async with runtime.database.unit_of_work() as session:
        await Distributions(session).save(distribution)
    with tempfile.TemporaryFile() as file:
        for number, share in enumerate(shares(count)):
            amount = to_decimal(share.amount_units, PAYMENT_DECIMALS)
            fields = (uuid7(), asset.id, distribution.id, *share[:2], amount, number // BATCH_SIZE + 1)
            file.write("\t".join(map(str, fields)).encode() + b"\n")
        file.seek(0)
        start = time.perf_counter()
        _copy_file(runtime.database, file)
        return time.perf_counter() - start


def _copy_file(database: Database, file: IO[bytes]) -> None:
    with (
        psycopg.connect(**connect_arguments(database.url)) as connection,
        connection.cursor() as cursor,
        cursor.copy(_COPY) as copy,
    ):
        while block := file.read(_COPY_BLOCK_BYTES):
            copy.write(block)


async def persist(runtime: Context, count: int) -> float:
    """Write a distribution with the same rows through the repository: rows, batches, totals, hash."""
    asset = await _asset(runtime.database)
    start = time.perf_counter()
    async with runtime.database.unit_of_work() as session:
        await Distributions(session).create_distribution_with_holders(
            _distribution(asset), shares(count), decimals=PAYMENT_DECIMALS, batch_size=BATCH_SIZE
        )
    return time.perf_counter() - start


async def sync(runtime: Context, count: int) -> float:
    """Make the register what the ledger says."""
    asset = await _asset(runtime.database)
    start = time.perf_counter()
    result = await assets.sync(runtime.database, runtime.ledger, asset.id)
    seconds = time.perf_counter() - start
    _require(result.holder_count == count, f"the sync found {result.holder_count} holders")
    return seconds


async def freeze(runtime: Context, count: int) -> float:
    """Work out from the register what everybody is owed, and write it."""
    return await _freeze_seconds(runtime, count, PAID_DISTRIBUTION)


async def _freeze_seconds(runtime: Context, count: int, distribution_id: uuid.UUID) -> float:
    asset = await _asset(runtime.database)
    distribution = _distribution(asset)
    distribution.id = distribution_id
    start = time.perf_counter()
    binding = await ledger_binding.bind(runtime.ledger, runtime.settings)
    reading = await freezing.read(runtime.ledger, runtime.settings, binding, distribution, asset)
    async with runtime.database.unit_of_work() as session:
        await Distributions(session).save(distribution)
        totals = await freezing.freeze(session, runtime.settings, distribution, reading)
    seconds = time.perf_counter() - start
    _require(totals.payable_count == count, f"{totals.payable_count} holders are to be paid")
    return seconds


async def pay(runtime: Context, count: int) -> float:  # noqa: ARG001 - all measurements are called alike
    """Execute what was frozen, and run one worker until everybody is paid."""
    return await _pay_seconds(runtime, PAID_DISTRIBUTION)


async def payer_statement(runtime: Context, count: int) -> float:
    """Read the statement of the payer from its beginning, and keep every debit, as is done beside the payments."""
    async with runtime.database.unit_of_work() as session:
        (payer,) = await Payers(session).find_of_account(runtime.settings.payer_account_id)
    await payer_statements.read_on(runtime.database, runtime.ledger, payer)
    start = time.perf_counter()
    await payer_statements.read_again(runtime.database, runtime.ledger, payer, 0, payer.cursor or 0)
    seconds = time.perf_counter() - start
    async with runtime.database.unit_of_work() as session:
        read = await session.scalar(select(func.sum(func.cardinality(PayerEntry.accounts))))
    _require(read == count, f"the statement shows {read} payments")
    return seconds


async def second_payout(runtime: Context, count: int) -> float:
    """Freeze another payout to the same holders, and pay it at once: nothing is analysed but by the freeze."""
    await _freeze_seconds(runtime, count, SECOND_DISTRIBUTION)
    return await _pay_seconds(runtime, SECOND_DISTRIBUTION)


async def two_workers(runtime: Context, count: int) -> float:
    """Freeze another payout to the same holders, and have two worker processes pay it, which have started before."""
    await _freeze_seconds(runtime, count, SHARED_DISTRIBUTION)
    spawning = multiprocessing.get_context("spawn")
    begin = spawning.Barrier(_WORKERS + 1)
    workers = [spawning.Process(target=_work, args=(runtime.settings, begin)) for _ in range(_WORKERS)]
    for worker in workers:
        worker.start()
    await starts.execute(runtime, SHARED_DISTRIBUTION)
    begin.wait()  # until both have imported what they need
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    await _require_completed(runtime, SHARED_DISTRIBUTION)
    return seconds


def _work(settings: Settings, begin: Barrier) -> None:
    async def pay_when_all_are_there() -> None:
        async with open_runtime(settings) as runtime:
            begin.wait()
            await run_worker(runtime, concurrency=1, until_idle=True)

    asyncio.run(pay_when_all_are_there())


async def tenth_payout(runtime: Context, count: int) -> float:
    """Pay the tenth payout to the same holders, right after eight more were frozen."""
    for distribution_id in (*FROZEN_DISTRIBUTIONS, TENTH_DISTRIBUTION):
        await _freeze_seconds(runtime, count, distribution_id)
    return await _pay_seconds(runtime, TENTH_DISTRIBUTION)


async def _pay_seconds(runtime: Context, distribution_id: uuid.UUID) -> float:
    start = time.perf_counter()
    await starts.execute(runtime, distribution_id)
    await run_worker(runtime, concurrency=1, until_idle=True)
    seconds = time.perf_counter() - start
    await _require_completed(runtime, distribution_id)
    return seconds


async def _require_completed(runtime: Context, distribution_id: uuid.UUID) -> None:
    async with runtime.database.unit_of_work() as session:
        status = (await Distributions(session).get(distribution_id)).status
    _require(status is DistributionStatus.COMPLETED, f"the distribution is {status}")


async def reconcile(runtime: Context, count: int) -> float:
    """Compare the ledger's books with the database, account by account."""
    start = time.perf_counter()
    verdict = await reconciliation.reconcile(runtime.database, runtime.ledger, PAID_DISTRIBUTION)
    seconds = time.perf_counter() - start
    _require(verdict.agrees and verdict.ledger_count == count, f"the reconciliation says {verdict}")
    return seconds


async def first_page(runtime: Context, count: int) -> float:  # noqa: ARG001 - all measurements are called alike
    """Read the first page of the entitlements and of the register."""
    return await _page_seconds(runtime, after="")


async def deep_page(runtime: Context, count: int) -> float:
    """Read the page that has nine tenths of the holders before it."""
    return await _page_seconds(runtime, after=f"0.0.{10_000_000 + count * 9 // 10}")


async def _page_seconds(runtime: Context, *, after: str) -> float:
    """Return the median time of reading one page after an account: of the entitlements, then of the register."""
    durations = []
    async with runtime.database.unit_of_work() as session:
        distribution = await Distributions(session).get(PAID_DISTRIBUTION)
        for _ in range(_PAGES_READ):
            session.expunge_all()
            start = time.perf_counter()
            pages: Sequence[Sequence[Entitlement | RegisterEntry]] = (
                await Entitlements(session, distribution).find_after(after, _PAGE_SIZE),
                await Holders(session).find_register_after(distribution.asset_id, after, _PAGE_SIZE),
            )
            durations.append(time.perf_counter() - start)
            _require(all(len(page) == _PAGE_SIZE for page in pages), "a page was not full")
    return statistics.median(durations)


async def filtered_list(runtime: Context, count: int) -> float:
    """Return the median time of the first page of a filtered list, as the API gives it, with as much as it counts."""
    durations = []
    async with runtime.database.unit_of_work() as session:
        distribution = await Distributions(session).get(PAID_DISTRIBUTION)
        for _ in range(_PAGES_READ):
            session.expunge_all()
            start = time.perf_counter()
            wanted, request = EntitlementFilter(paid=True), PageRequest(_PAGE_SIZE)
            part = await ReadModels(session).entitlements(distribution, wanted, request, HolderSort.ACCOUNT)
            durations.append(time.perf_counter() - start)
    _require(part.total == (count if count <= MOST_COUNTED else None), f"the list says that it has {part.total} rows")
    return statistics.median(durations)


async def asset_page(runtime: Context, count: int) -> float:  # noqa: ARG001 - all measurements are called alike
    """Open the dashboard's page of the asset, as a browser's first request does, in a process that just started."""
    return await _view_seconds(runtime, f"/assets/{ASSET_TOKEN}")


async def payout_page(runtime: Context, count: int) -> float:  # noqa: ARG001 - all measurements are called alike
    """Open the dashboard's page of the payout likewise."""
    return await _view_seconds(runtime, f"/payouts/{PAID_DISTRIBUTION}")


async def _view_seconds(runtime: Context, path: str) -> float:
    """Return how long a signed-in browser waits for the first view of a page of the dashboard."""
    async with runtime.database.unit_of_work() as session:
        user = await access.add_user(session, f"viewer-{uuid7()}", role=Role.VIEWER)
        _, cookie = await begin_session(session, runtime.settings, user, None, WayIn.LINK)
    app = create_app(runtime, with_sign_in_links=False)
    mount(app, runtime)
    browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", cookies={SESSION_COOKIE: cookie}
    )
    async with app.router.lifespan_context(app), browser:
        start = time.perf_counter()
        answer = await browser.get(path)
        seconds = time.perf_counter() - start
    _require(answer.status_code == HTTPStatus.OK, f"the page answers {answer.status_code}")
    return seconds


async def _asset(database: Database) -> Asset:
    async with database.unit_of_work() as session:
        return await Assets(session).get_by_reference(ASSET_TOKEN)


def _distribution(asset: Asset) -> Distribution:
    return Distribution(
        asset_id=asset.id,
        type=DistributionType.DIVIDEND,
        execution_type=ExecutionType.MANUAL,
        payout_type=PayoutType.PERCENTAGE,
        amount=Decimal(10**9),
    )


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise MeasurementError(otherwise)


MEASUREMENTS: dict[str, Callable[[Context, int], Awaitable[float]]] = {
    work.__name__: work
    for work in (
        *(prepare, raw_copy, persist, sync, freeze, pay, payer_statement, reconcile, second_payout),
        *(two_workers, tenth_payout, first_page, deep_page, filtered_list, asset_page, payout_page),
    )
}
