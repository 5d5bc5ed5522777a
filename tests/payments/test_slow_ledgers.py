"""Ledgers and custodians that take their time: nothing of the database waits for them, and nobody else does."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event

import transactions
from databases import run_sql
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus, ExecutionType
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import Ledger, Transfer
from masspayout.ledger.sandbox import Faults
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.settings import Settings
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts, make_runtime
from transactions import CountedLedger

HOLDERS = accounts(200)
BATCHES = 10


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_size": len(HOLDERS) // BATCHES, "statement_seconds": 0.0})


class SlowSigner:
    """A ledger whose custodian signs nothing until somebody lets it.

    Attributes:
        waiting: What it has been asked to sign, and has not.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.waiting: list[Transfer] = []
        self.signs = asyncio.Event()
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        self.waiting.append(transfer)
        await self.signs.wait()
        return await self._ledger.prepare(transfer)


async def make_world(database: Database, settings: Settings) -> World:
    return await World.make(make_runtime(database, settings), [(each, 100 + n) for n, each in enumerate(HOLDERS)])


async def test_no_ledger_is_called_inside_a_transaction_while_a_payout_is_paid(
    database: Database, settings: Settings
) -> None:
    """Also where holders are refused and answers are lost. That none is, is watched in every test."""
    world = await make_world(database, settings)
    await world.sandbox.admin.associate(HOLDERS[3:4], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze(HOLDERS[3:4], PAYMENT_TOKEN)
    await world.sandbox.admin.set_faults(Faults(lose_answer_percent=30, lose_request_percent=10))
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    runtime = world.runtime
    payer = DistributionPayer(database, world.sandbox, runtime.settings)
    assert await payer.pay(dividend.id) is DistributionStatus.FAILED
    verdict = await world.reconcile(dividend.id)
    await world.sandbox.close()
    assert verdict.agrees
    assert verdict.unpaid_count == 1
    assert {"identity", "sender", "prepare", "submit", "outcome", "statement"} <= set(transactions.calls)
    assert transactions.calls["statement"] > BATCHES
    assert not transactions.calls_inside


async def test_a_start_asks_the_ledger_for_its_identity_once_and_reads_the_asset_once(
    database: Database, settings: Settings
) -> None:
    """Whether it was frozen before or is frozen by it; what freezes reads the asset again under its lock."""
    world = await make_world(database, settings)
    due_at = datetime.now(UTC) + timedelta(seconds=1)
    frozen = await world.plan("1000")
    unfrozen = await world.plan("1000", execution_type=ExecutionType.SCHEDULED, scheduled_time=due_at)
    read: list[str] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute", lambda _c, _u, said, *_: read.append(said))
    for distribution in (frozen, unfrozen):
        transactions.calls.clear()
        read.clear()
        await starts.execute(world.runtime, distribution.id, now=due_at + timedelta(seconds=1))
        assert transactions.calls["identity"] == 1
        of_assets = [said for said in read if "FROM asset" in said]
        assert len(of_assets) == 1 or distribution is unfrozen
        assert of_assets
    await world.sandbox.close()


async def test_a_call_inside_a_transaction_is_noticed(database: Database, settings: Settings) -> None:
    """The watch that every test stands under: of a call, and of the pages of a stream."""
    world = await make_world(database, settings)
    async with database.unit_of_work():
        await world.sandbox.identity()
        assert len(transactions.calls_inside) == 1
        snapshot = await world.sandbox.holders(ASSET_TOKEN)
        transactions.calls_inside.clear()
        assert [page async for page in snapshot.pages]
        assert len(transactions.calls_inside) > 1
    transactions.calls_inside.clear()
    await world.sandbox.close()


async def test_a_batch_takes_four_calls_of_the_ledger_and_a_payout_a_few_more(
    database: Database, settings: Settings
) -> None:
    """Who sends, sign, send, look: what is read of the payer's statement does not grow with the batches."""
    settings = settings.model_copy(update={"statement_seconds": 60.0})
    world = await make_world(database, settings)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    ledger: Any = CountedLedger(world.sandbox)
    assert await DistributionPayer(database, ledger, settings).pay(dividend.id) is DistributionStatus.COMPLETED
    await world.sandbox.close()
    per_batch = {name: ledger.calls.pop(name) for name in ("prepare", "submit", "outcome")}
    assert per_batch == dict.fromkeys(per_batch, BATCHES)
    assert BATCHES <= ledger.calls.pop("sender") <= BATCHES + world.sandbox.traits.transactions_in_flight
    assert ledger.calls.total() < BATCHES


async def test_who_waits_for_a_signature_keeps_nobody_else_from_paying(database: Database, settings: Settings) -> None:
    world = await make_world(database, settings)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    slow = SlowSigner(world.sandbox)
    in_flight = world.sandbox.traits.transactions_in_flight
    waits = asyncio.create_task(DistributionPayer(database, slow, settings).pay(dividend.id))
    await until(lambda: len(slow.waiting) == in_flight)

    other = asyncio.create_task(world.pay(dividend.id))
    await until(lambda: count(database.url, _COMPLETED) == BATCHES - in_flight)
    assert not other.done()
    reserved = attempts(database.url, "RESERVED")
    assert sorted(reserved.values()) == sorted(transfer.number for transfer in slow.waiting)

    slow.signs.set()
    assert await waits is await other is DistributionStatus.COMPLETED
    assert reserved.items() <= attempts(database.url, "SETTLED").items()
    assert count(database.url, _TRANSFERS) == BATCHES
    assert (await world.reconcile(dividend.id)).agrees


async def test_a_number_whose_worker_is_gone_is_signed_with_by_another_one(
    database: Database, settings: Settings
) -> None:
    world = await make_world(database, settings)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    slow = SlowSigner(world.sandbox)
    waits = asyncio.create_task(DistributionPayer(database, slow, settings).pay(dividend.id))
    await until(lambda: len(slow.waiting) == world.sandbox.traits.transactions_in_flight)
    reserved = attempts(database.url, "RESERVED")
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits

    let_claims_lapse(database.url)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert len(reserved) == len(slow.waiting)
    assert reserved.items() <= attempts(database.url, "SETTLED").items()
    assert count(database.url, "SELECT count(*) FROM attempt") == BATCHES
    assert count(database.url, _TRANSFERS) == BATCHES
    assert (await world.reconcile(dividend.id)).agrees


async def test_a_signature_that_comes_after_somebody_else_has_paid_pays_nobody(
    database: Database, settings: Settings
) -> None:
    world = await make_world(database, settings)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    slow = SlowSigner(world.sandbox)
    waits = asyncio.create_task(DistributionPayer(database, slow, settings).pay(dividend.id))
    await until(lambda: len(slow.waiting) == world.sandbox.traits.transactions_in_flight)

    let_claims_lapse(database.url)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    slow.signs.set()
    assert await waits is DistributionStatus.COMPLETED
    assert count(database.url, "SELECT count(*) FROM attempt") == BATCHES
    assert count(database.url, _TRANSFERS) == BATCHES
    assert (await world.reconcile(dividend.id)).agrees


_COMPLETED = "SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'"
_TRANSFERS = "SELECT count(*) FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER'"


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - it is so in the database, which tells nobody
        await asyncio.sleep(0.02)


def let_claims_lapse(url: URL) -> None:
    """As if the time had passed after which a worker is taken for dead."""
    run_sql(url, "UPDATE batch_payout SET claimed_until = NULL WHERE status = 'PROCESSING'")


def attempts(url: URL, status: str) -> dict[object, int]:
    """Return the numbers of the attempts in a state, by id."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        return dict(connection.execute("SELECT id, number FROM attempt WHERE status = %s", [status]).fetchall())


def count(url: URL, query: str) -> int:
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
