"""A database that forgets: it is put back to an earlier state while the ledger stays, and nobody is paid twice.

The sandbox's books lie in a database of their own, as a real ledger's do. The oracle is these books, read by SQL.
"""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import URL

from databases import fresh_database, run_sql
from forgetting import HOLDERS, Books, Installation
from masspayout import distributions
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Distribution, DistributionStatus, EntryAnswer
from masspayout.distributions import payout_lists
from masspayout.distributions.csv_import import PayoutList
from masspayout.kernel.errors import Conflict, InsufficientFunds, Invalid, PayerStopped
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.payments import recovery
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

UNITS = 10**6
FUNDS_UNITS = 10**12


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_size": 20, "sandbox_valid_seconds": 10, "statement_seconds": 0.2})


@pytest.fixture
def books_url(embedded_server: URL) -> Iterator[URL]:
    """The database of the sandbox's books: it forgets nothing."""
    with fresh_database(embedded_server) as url:
        yield url


@pytest.fixture
def installation(database_url: URL, books_url: URL, settings: Settings) -> Installation:
    return Installation(database_url, Books(books_url), settings)


async def owed_units(world: World, distribution_id: uuid.UUID) -> dict[str, int]:
    found = await world.find(distribution_id)
    return {holder.account_id: int((holder.payment_amount or 0) * UNITS) for holder in found.holders}


async def pay_while_time_passes(world: World, distribution_id: uuid.UUID) -> DistributionStatus:
    """Pay, and let the ledger's clock go on quickly while the payer waits for what may have been lost."""
    payment = asyncio.create_task(world.pay(distribution_id))
    while not payment.done():
        await asyncio.sleep(0.05)
        if waits_for_the_ledger(world.runtime.database.url):
            await world.sandbox.admin.advance(5)
    return payment.result()


def waits_for_the_ledger(url: URL) -> bool:
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM payer WHERE cleared_for IS NULL AND read_at IS NOT NULL"
        ).fetchone()
    return row is not None and bool(row[0])


def count(url: URL, query: str) -> int:
    with psycopg.connect(**connect_arguments(url)) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_database_restored_to_before_a_payout_pays_nobody_of_it_again(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        dividend = await world.plan("1000")
        await world.execute(dividend.id)
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
        sent = count(installation.books.url, "SELECT count(*) FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER'")
        async with restored.opened(asset) as world:
            assert await pay_while_time_passes(world, dividend.id) is DistributionStatus.COMPLETED
            assert installation.books.received_units() == await owed_units(world, dividend.id)
            assert (await world.reconcile(dividend.id)).agrees
        assert count(restored.url, "SELECT count(*) FROM audit_entry WHERE action = 'payer.doubted'") == 1
        assert sent == len(HOLDERS) // installation.settings.batch_size
        assert (
            count(installation.books.url, "SELECT count(*) FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER'")
            == sent
        )


async def test_funds_that_a_forgotten_payout_has_spent_are_not_asked_for_again(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        dividend = await world.plan(str(FUNDS_UNITS // UNITS))
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            await world.execute(dividend.id)
            assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
        async with restored.opened(asset) as world:
            runtime = world.runtime
            parts = (runtime.database, runtime.ledger, runtime.settings)
            with pytest.raises(InsufficientFunds) as refused:
                await world.execute(dividend.id)
            assert "masspayout recover" in str(refused.value.hint)
            await recovery.recover(*parts)
            await world.sandbox.admin.advance(60)
            await recovery.recover(*parts)
            await world.execute(dividend.id)
            assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
            assert installation.books.received_units() == await owed_units(world, dividend.id)
            assert (await world.reconcile(dividend.id)).agrees


async def test_a_database_restored_to_the_middle_of_a_payout_pays_the_rest_only(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        dividend = await world.plan("1000")
        await world.execute(dividend.id)
        world.hold_back(dividend.id, after=3)
        await pay_until_held_back(world, dividend.id, batches=3)
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            world.hold_back(dividend.id, after=7)
            await pay_until_held_back(world, dividend.id, batches=7)
        run_sql(restored.url, "UPDATE batch_payout SET claimed_until = NULL")
        async with restored.opened(asset) as world:
            assert await pay_while_time_passes(world, dividend.id) is DistributionStatus.COMPLETED
            assert installation.books.received_units() == await owed_units(world, dividend.id)
        adopted = "SELECT count(*) FROM attempt WHERE signed_bytes IS NULL AND status = 'SETTLED'"
        assert count(restored.url, adopted) == 4


async def pay_until_held_back(world: World, distribution_id: uuid.UUID, *, batches: int) -> None:
    """Pay the batches that are not held back, then stop."""
    stop = asyncio.Event()
    runtime = world.runtime
    payer = DistributionPayer(runtime.database, runtime.ledger, runtime.settings, stop=stop)
    payment = asyncio.create_task(payer.pay(distribution_id))
    completed = "SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'"
    while count(runtime.database.url, completed) < batches:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    stop.set()
    assert await payment is DistributionStatus.PROCESSING


async def test_payments_of_a_payout_that_the_database_lost_stop_the_payer(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        kept = await world.plan("1000")
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            lost = await world.plan("500")
            await world.execute(lost.id)
            assert await world.pay(lost.id) is DistributionStatus.COMPLETED
            before = installation.books.received_units()
        async with restored.opened(asset) as world:
            await world.execute(kept.id)
            with pytest.raises(PayerStopped, match="a payout that this database does not know"):
                await pay_while_time_passes(world, kept.id)
        assert installation.books.received_units() == before


async def test_a_lost_payout_is_rebuilt_when_a_person_says_so_and_is_never_paid_again(
    installation: Installation,
) -> None:
    async with installation.opened() as world:
        asset = world.asset
        await world.plan("1")
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            made = await pay_list(world)
            before = installation.books.received_units()
        async with restored.opened(asset) as world:
            runtime = world.runtime
            parts = (runtime.database, runtime.ledger, runtime.settings)
            await world.sandbox.admin.advance(60)
            secured, (found,) = await recovery.recover(*parts)
            assert (secured is not None, found.unknown_count) == (True, 2)
            await world.sandbox.admin.advance(60)
            with pytest.raises(Invalid, match="reason is missing"):
                await recovery.answer(*parts, found.unknown[0].transaction_id, EntryAnswer.LOST_PAYOUT, " ")
            said = await recovery.answer(
                *parts, found.unknown[0].transaction_id, EntryAnswer.LOST_PAYOUT, "The list of March, see mail."
            )
            assert (said.entries, said.needs_another) == (2, False)
            assert said.distribution_id is not None
            rebuilt = await world.find(said.distribution_id)
            assert rebuilt.status is DistributionStatus.COMPLETED
            assert rebuilt.obligation_key == made.obligation_key
            assert (await world.reconcile(rebuilt.id)).agrees
            with pytest.raises(Conflict, match="a payout for this very list already"):
                await pay_list(world)
            _, (found,) = await recovery.recover(*parts)
            assert found.gate is not None
            assert found.gate.is_open
        assert installation.books.received_units() == before


async def pay_list(world: World) -> Distribution:
    """Pay everybody 5, as a list."""
    runtime = world.runtime
    token = await payout_lists.payment_token(runtime, PAYMENT_TOKEN)
    amounts = [5 * UNITS] * 40
    entries = PayoutList(tuple(sorted(HOLDERS[:40])), tuple(amounts), sum(amounts))
    made = await payout_lists.create(runtime, world.asset, token, entries, PayoutTerms(concept="March"))
    await world.execute(made.id)
    assert await world.pay(made.id) is DistributionStatus.COMPLETED
    return made


async def test_a_copy_signs_for_no_payer_that_it_inherited(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        first, second = await world.plan("100"), await world.plan("200")
        await world.execute(first.id)
        assert await world.pay(first.id) is DistributionStatus.COMPLETED
    with installation.backed_up() as copy:
        before = installation.books.received_units()
        async with copy.opened(asset) as world:
            await recovery.make_copy(world.runtime.database)
            await world.execute(second.id)
            with pytest.raises(PayerStopped, match="is a copy"):
                await world.pay(second.id)
        assert installation.books.received_units() == before


async def test_a_ledger_that_does_not_show_our_payments_any_more_stops_the_payer(installation: Installation) -> None:
    installation = replace(installation, settings=installation.settings.model_copy(update={"statement_seconds": 60}))
    async with installation.opened() as world:
        first, second = await world.plan("100"), await world.plan("200")
        await world.execute(first.id)
        assert await world.pay(first.id) is DistributionStatus.COMPLETED
        run_sql(installation.books.url, "DELETE FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER'")
        run_sql(installation.url, "UPDATE attempt SET settled_at = now() - interval '12 seconds'")
        await world.execute(second.id)
        with pytest.raises(PayerStopped, match=r"does not show .* any more"):
            await world.pay(second.id)
        found = await world.find(second.id)
        assert found.status is DistributionStatus.PROCESSING
        assert found.failure_message is not None
        assert "does not show" in found.failure_message


async def test_what_the_ledger_shows_as_paid_cannot_be_cancelled(installation: Installation) -> None:
    async with installation.opened() as world:
        asset = world.asset
        dividend = await world.plan("1000")
    with installation.backed_up() as restored:
        async with installation.opened(asset) as world:
            await world.execute(dividend.id)
            assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
            await world.sandbox.admin.advance(60)
        async with restored.opened(asset) as world:
            runtime = world.runtime
            await recovery.recover(runtime.database, runtime.ledger, runtime.settings)
            with pytest.raises(Conflict, match="cannot be cancelled"):
                async with runtime.database.unit_of_work() as session:
                    await distributions.cancel(session, dividend.id)
            await world.sandbox.admin.advance(60)
            await world.execute(dividend.id)
            assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
            assert installation.books.received_units() == await owed_units(world, dividend.id)
