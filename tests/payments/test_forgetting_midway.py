"""The database is put back while something is under way: between two units of work, another database answers.

Each of these was found by the simulator on a store of dictionaries, and is held here on SQL.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import URL

from databases import fresh_database, run_sql
from forgetting import HOLDERS, Books, Installation, find_all, find_one
from masspayout.db.entities import Asset
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.distributions import lifecycle
from masspayout.kernel.clock import Clock
from masspayout.kernel.errors import Conflict, DatabaseForgot, DatabaseUnavailable
from masspayout.kernel.movements import Payment, StatementPage
from masspayout.ledger.port import Outcome, Transfer, Undecided
from masspayout.payments import payer_statements
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.payer_gate import PayerGate
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World

PAYER = "0.0.1001"
CLEARED = "SELECT cleared_for FROM payer"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_size": 100, "sandbox_valid_seconds": 10})


@pytest.fixture
def installation(database_url: URL, embedded_server: URL, settings: Settings) -> Iterator[Installation]:
    with fresh_database(embedded_server) as books_url:
        yield Installation(database_url, Books(books_url), settings)


class SwitchedStore:
    """The database until another one takes its place."""

    def __init__(self, database: Database, other: Database | None = None) -> None:
        self.current = database
        self.other = other
        self.failures = 0

    def switch(self) -> None:
        assert self.other is not None
        self.current = self.other

    @property
    def clock(self) -> Clock:
        return self.current.clock

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        async with self.current.unit_of_work() as work:
            yield work
            if self.failures:
                self.failures -= 1
                raise DatabaseUnavailable("The connection broke.", "Try again.")

    def single_statement(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self.current.single_statement()


class WatchedLedger:
    """A ledger; something else happens once, when a statement has been read, or when an outcome is asked for."""

    def __init__(self, ledger: Any, happen: Any) -> None:
        self._ledger = ledger
        self.happen = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def statement(self, payer: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        async for page in self._ledger.statement(payer, after=after):
            yield page
        self._let_happen()

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        found: Outcome = await self._ledger.outcome(transaction_id, signed_bytes)
        if not isinstance(found, Undecided):
            self._let_happen()
        return found

    def _let_happen(self) -> None:
        happen, self.happen = self.happen, lambda: None
        happen()


@asynccontextmanager
async def beside_a_backup(
    installation: Installation, asset: Asset
) -> AsyncIterator[tuple[World, SwitchedStore, Installation]]:
    """Open a database, and a backup of it as it is now, which may take its place at any moment."""
    with installation.backed_up() as backup:
        restored = Database(backup.url)
        async with installation.opened(asset) as world:
            yield world, SwitchedStore(world.runtime.database, restored), backup
        await restored.close()


async def test_a_payer_is_not_cleared_by_a_statement_that_another_database_holds(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        await PayerGate(world.runtime.database, world.sandbox, installation.settings).sync(PAYER)
    async with beside_a_backup(installation, asset) as (world, store, backup):
        gate = PayerGate(store, WatchedLedger(world.sandbox, store.switch), installation.settings)
        assert not (await gate.sync(PAYER)).is_open
        assert store.current is store.other
        # What the backup was cleared for is the database that it was taken of.
        assert find_one(backup.url, CLEARED) == find_one(installation.url, CLEARED)
        payer_id = (await gate.sync(PAYER)).payer_id
        async with store.unit_of_work() as work:
            assert not await work.payers.is_cleared(payer_id)
        assert find_one(backup.url, "SELECT doubt_reason FROM payer").startswith("The database is not the one")


async def test_a_payer_that_is_gone_is_met_with_an_error_and_not_a_crash(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
    async with beside_a_backup(installation, asset) as (world, store, _):
        gate = PayerGate(store, WatchedLedger(world.sandbox, store.switch), installation.settings)
        with pytest.raises(DatabaseForgot, match=r"does not know payer .* any more"):
            await gate.sync(PAYER)
        assert not (await gate.sync(PAYER)).is_open


async def test_a_batch_that_is_gone_puts_its_payer_in_doubt(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
    async with beside_a_backup(installation, asset) as (world, store, _):
        dividend = await world.plan("1000")
        await world.execute(dividend.id)
        ledger = WatchedLedger(world.sandbox, lambda: None)
        attempts = BatchAttempts(store, ledger, installation.settings)
        await attempts.gate.sync(PAYER)
        ledger.happen = store.switch
        claimed = await attempts.claim(await world.find(dividend.id), after=0)
        assert claimed is not None
        # So that what became of it is written row by row, with the batch locked.
        await world.sandbox.admin.freeze([HOLDERS[0]], PAYMENT_TOKEN)
        await attempts.pay(claimed)
        assert store.current is store.other
        state = attempts.gate.state(PAYER)
        assert state is not None
        assert not state.is_open


async def test_nothing_is_signed_for_a_start_that_is_forgotten(installation: Installation) -> None:
    async with installation.opened() as world:
        dividend = await world.plan("1000")
        await world.execute(dividend.id)
        attempts = BatchAttempts(world.runtime.database, world.sandbox, installation.settings)
        assert (await attempts.gate.sync(PAYER)).is_open
        known_as_started = await world.find(dividend.id)
        run_sql(installation.url, "UPDATE distribution SET status = 'PENDING'")
        claimed = await attempts.claim(known_as_started, after=0)
        assert claimed is not None
        assert claimed.attempt is None
        assert find_all(installation.url, "SELECT id FROM attempt") == []
        assert find_one(installation.url, "SELECT count(*) FROM batch_payout WHERE status <> 'PENDING'") == 0


async def test_a_restored_payout_is_not_called_off_before_the_ledger_was_asked(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        dividend = await world.plan("1000")
        await PayerGate(world.runtime.database, world.sandbox, installation.settings).sync(PAYER)
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            await world.execute(dividend.id)
            await world.pay(dividend.id)
        async with restored.opened(asset) as world:
            database = world.runtime.database
            async with database.unit_of_work() as work:
                with pytest.raises(Conflict, match="may have been paid: the database was restored"):
                    await lifecycle.cancel(work, dividend.id)
            said = restored.run("distribution", "cancel", str(dividend.id))
            assert (said.status, "masspayout recover" in said.err) == (1, True)


async def pay_by_hand(world: World, payments: list[Payment]) -> None:
    """Have somebody pay from the payer's account with a program of their own."""
    sender = await world.sandbox.sender(PAYER)
    transfer = Transfer(sender.number_floor, PAYER, PAYMENT_TOKEN, payments, "rent", None, sender.account_id)
    signed = await world.sandbox.prepare(transfer)
    await world.sandbox.submit(signed.signed_bytes)


@pytest.mark.parametrize(("accounts", "is_adopted"), [(1, False), (2, True)])
async def test_one_account_that_is_sent_what_it_is_owed_may_be_sent_it_for_something_else(
    installation: Installation, accounts: int, is_adopted: bool
) -> None:
    async with installation.opened() as world:
        holders = HOLDERS[accounts:]
        dividend = await world.plan("1000", excluded_accounts=holders)
        gate = PayerGate(world.runtime.database, world.sandbox, installation.settings)
        await gate.sync(PAYER)
        owed = installation.owed_units(dividend.id)
        assert len(owed) == accounts
        await pay_by_hand(world, [Payment(account, units) for account, units in sorted(owed.items())])
        await world.sandbox.admin.advance(60)
        state = await PayerGate(world.runtime.database, world.sandbox, installation.settings).sync(PAYER)
        assert state.is_open is is_adopted
        if not is_adopted:
            assert "it carries no mark of a payout" in state.sentence
        assert find_all(installation.url, "SELECT DISTINCT paid FROM holder WHERE distribution_id IS NOT NULL") == [
            (is_adopted,)
        ]


async def test_who_is_overtaken_while_reading_a_statement_reads_on_to_its_end(installation: Installation) -> None:
    async with installation.opened() as world:
        for _ in range(3):
            await pay_by_hand(world, [Payment(HOLDERS[0], 1)])
        await PayerGate(world.runtime.database, world.sandbox, installation.settings).sync(PAYER)
        database = world.runtime.database
        async with database.unit_of_work() as work:
            (payer,) = await work.payers.find_of_account(PAYER)
        run_sql(installation.url, "UPDATE payer SET cursor = NULL, read_until = NULL")
        overtaken, payer.cursor = payer.cursor, 12345
        await payer_statements.read_on(database, world.sandbox, payer)
        assert find_one(installation.url, "SELECT cursor FROM payer") >= overtaken
        assert payer.cursor == find_one(installation.url, "SELECT cursor FROM payer")


async def test_a_doubt_outlives_the_transaction_that_failed_to_write_it(installation: Installation) -> None:
    async with installation.opened() as world:
        store = SwitchedStore(world.runtime.database)
        gate = PayerGate(store, world.sandbox, installation.settings)
        assert (await gate.sync(PAYER)).is_open
        gate.close(PAYER, "An attempt is gone.")
        store.failures = 1
        with pytest.raises(DatabaseUnavailable):
            await gate.sync(PAYER)
        assert not (await gate.sync(PAYER)).is_open
        assert find_one(installation.url, "SELECT doubt_reason FROM payer") == "An attempt is gone."


async def test_a_doubt_that_comes_up_while_a_statement_is_read_closes_the_gate(installation: Installation) -> None:
    async with installation.opened() as world:
        gates: list[PayerGate] = []
        ledger = WatchedLedger(world.sandbox, lambda: gates[0].close(PAYER, "An attempt is gone."))
        gates.append(PayerGate(world.runtime.database, ledger, installation.settings))
        assert not (await gates[0].sync(PAYER)).is_open
        assert not (await asyncio.wait_for(gates[0].sync(PAYER), 60)).is_open
        assert find_one(installation.url, "SELECT doubt_reason FROM payer") == "An attempt is gone."
