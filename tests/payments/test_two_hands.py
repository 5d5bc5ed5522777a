"""Two databases sign for one payer at once: an old primary lives on while its standby was promoted."""

import asyncio
import uuid
from collections.abc import Iterator
from operator import ne
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from anvil import running_anvil
from databases import fresh_database, run_sql
from evm_harness import EvmHarness, evm_harness
from forgetting import Books, Installation, begin_payout, find_all, find_one, wait_until
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.registers import assets
from masspayout.settings import Settings
from payouts import World
from replicated import Pair, pay_until, running_pair

# Servers and workers take their time on a machine that is shared.
pytestmark = pytest.mark.timeout(900)

UNMATCHED = "SELECT transaction_id, accounts FROM payer_entry WHERE attempt_id IS NULL AND answer IS NULL"
HOLDERS = [f"0x{number:040x}" for number in range(0x20001, 0x20001 + 60)]


@pytest.fixture
def pair(tmp_path: Path, embedded_server: URL, settings: Settings) -> Iterator[Pair]:
    # So many batches that neither is done before it has looked at the statement again.
    few = settings.model_copy(update={"batch_size": 1, "sandbox_valid_seconds": 10, "statement_seconds": 0.2})
    with fresh_database(embedded_server) as books_url, running_pair(tmp_path, books_url, few) as pair:
        yield pair


def has_stopped(installation: Installation) -> bool:
    """Whether a payer is not signed for, because its statement has entries that nobody can explain."""
    query = "SELECT count(*) FROM payer WHERE cleared_for IS NULL"
    return bool(find_one(installation.url, query)) and bool(find_all(installation.url, UNMATCHED))


def last_reading(installation: Installation) -> Any:
    return find_one(installation.url, "SELECT read_at FROM payer")


def lag(books: Books, seconds: int) -> None:
    """Let the ledger show what happened only so much later."""
    statement = "UPDATE sandbox.network SET faults = jsonb_build_object('mirror_lag_seconds', %s::int) RETURNING 1"
    find_all(books.url, statement, [seconds])


async def pay_more(installation: Installation, books: Books, *, transfers: int) -> None:
    """Wait until so many more transactions paid, and let time pass while the payer waits for that."""
    wanted = books.transfers() + transfers
    while books.transfers() < wanted:
        if installation.waits_for_the_ledger():
            books.advance(2)
        await asyncio.sleep(0.05)


def paid_twice(installation: Installation, distribution_id: uuid.UUID) -> set[str]:
    owed = installation.owed_units(distribution_id)
    return {account for account, units in installation.books.received_units().items() if units > owed[account]}


@pytest.mark.longest
async def test_both_hands_stop_on_the_sandbox_and_what_was_paid_twice_is_named(pair: Pair, tmp_path: Path) -> None:
    distribution_id = await begin_payout(pair.installation)
    books, old, new = pair.installation.books, pair.on_primary, pair.on_standby
    pair.wait_for_standby()
    with pair.installation.working(tmp_path / "old", count=1):
        await pay_until(pair, 0.2)
        # What one side pays the other one can see late; without that, the one that comes back would stop at once.
        lag(books, 60)
        # The old server's network stands still for a while, and somebody takes it for dead.
        pair.front.hold()
        pair.replication.lead_to(None)
        pair.standby.promote()
        # As if the time had passed after which the worker of before is taken for dead.
        run_sql(new.url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        with new.working(tmp_path / "new", count=1):
            await pay_more(new, books, transfers=10)
            pair.front.let_through()
            await wait_until(lambda: paid_twice(new, distribution_id))
            lag(books, 0)
            await wait_until(lambda: has_stopped(old) and has_stopped(new))
            # Each looks once more, and would sign if it could.
            transfers, read_before = books.transfers(), [last_reading(old), last_reading(new)]
            books.advance(30)
            await wait_until(lambda: all(map(ne, [last_reading(old), last_reading(new)], read_before)))
            assert books.transfers() == transfers, "somebody signed on"

    twice = paid_twice(new, distribution_id)
    assert 0 < len(twice) < len(new.owed_units(distribution_id)) // 2, "the hands did not overlap, or did not stop"
    for installation in (old, new):
        assert installation.status(distribution_id) is DistributionStatus.PROCESSING
        entries = dict(find_all(installation.url, UNMATCHED))
        assert entries.keys() == installation.forgotten()
        assert twice <= {account for accounts in entries.values() for account in accounts}
        said = installation.run("payer", "show", "0.0.1001", "--json")
        assert all(transaction_id in said.out for transaction_id in list(entries)[:20]), said
        said = installation.run("reconcile", str(distribution_id), "--json")
        assert (said.status, said.out.count("UNKNOWN_PAYMENT") >= len(twice)) == (1, True), said


async def open_hand(harness: EvmHarness, database: Database, world: World | None, token: str) -> World:
    settings = harness.settings.model_copy(update={"payer_account_id": harness.payer_account_id})
    runtime = Context(settings, database, harness.ledger, Jobs(database.url))
    if world is not None:
        return World(runtime, world.asset)
    asset_token = harness.add_token(dict.fromkeys(HOLDERS, 100), decimals=2)
    harness.payer_account_id = runtime.settings.payer_account_id
    return World(runtime, await assets.import_asset(database, harness.ledger, asset_token, payment_token_id=token))


async def test_the_contract_pays_once_whichever_hands_sign(pair: Pair, tmp_path: Path) -> None:
    settings = pair.installation.settings
    with running_anvil(tmp_path / "anvil") as anvil:
        async with evm_harness(
            anvil, pair.primary.url(), settings, evm_recipients_per_transaction=5, claim_seconds=1.0
        ) as harness:
            token = harness.add_token({}, decimals=6)
            await harness.fund(token, harness.payer_account_id, 10**12)
            first = Database(pair.primary.url())
            old = await open_hand(harness, first, None, token)
            dividend = await old.plan("1000")
            await old.execute(dividend.id)
            pair.wait_for_standby()
            pair.replication.lead_to(None)
            pair.standby.promote()
            second = Database(pair.standby.url())
            harness.url = pair.standby.url()
            async with harness.another() as other:
                new = await open_hand(other, second, old, token)
                await asyncio.gather(old.pay(dividend.id), new.pay(dividend.id), return_exceptions=True)
                owed = pair.on_standby.owed_units(dividend.id)
                held = harness.tokens[token].ask_all("balanceOf", [(account,) for account in HOLDERS])
            signed = [
                find_one(installation.url, "SELECT count(*) FROM attempt")
                for installation in (pair.on_primary, pair.on_standby)
            ]
            await first.close()
            await second.close()
    assert min(signed) > 0, "only one of them signed"
    assert dict(zip(HOLDERS, held, strict=True)) == owed
