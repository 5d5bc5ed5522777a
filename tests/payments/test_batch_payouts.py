import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from masspayout.context import Context
from masspayout.db.entities import BatchStatus, DistributionStatus
from masspayout.db.session import Database
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime


@pytest.fixture
async def runtime(database: Database, settings: Settings) -> AsyncIterator[Context]:
    runtime = make_runtime(database, settings)
    yield runtime
    await runtime.ledger.close()


async def test_a_dividend_is_paid_to_everybody(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100 + n) for n, account in enumerate(accounts(250))])
    dividend = await world.plan("1000")
    await world.execute(dividend.id)

    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED

    verdict = await world.reconcile(dividend.id)
    assert verdict.agrees
    assert (verdict.paid_count, verdict.ledger_amount) == (250, Decimal(1000))


async def test_bad_recipients_are_found_by_splitting_and_the_others_are_paid(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(250)])
    frozen, gone = accounts(250)[7], accounts(250)[111]
    await world.sandbox.admin.associate([frozen, gone], "0.0.7001")
    await world.sandbox.admin.freeze([frozen], "0.0.7001")
    await world.sandbox.admin.delete_accounts([gone])
    dividend = await world.plan("1000")
    await world.execute(dividend.id)

    assert await world.pay(dividend.id) is DistributionStatus.FAILED

    found = await world.find(dividend.id)
    failures = {holder.account_id: holder.failure_code for holder in found.holders if holder.failure_code}
    assert failures == {frozen: "ACCOUNT_FROZEN_FOR_TOKEN", gone: "ACCOUNT_DELETED"}
    assert sum(bool(holder.paid) for holder in found.holders) == 248
    assert (await world.reconcile(dividend.id)).agrees

    await world.sandbox.admin.unfreeze([frozen], "0.0.7001")
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    verdict = await world.reconcile(dividend.id)
    assert verdict.agrees
    assert verdict.paid_count == 249


async def test_who_waits_for_a_payer_settles_what_is_under_way_of_its_other_payouts(runtime: Context) -> None:
    """As when all workers wait for a payer, and its gate for a transaction that none of them looks at."""
    world = await World.make(runtime, [(account, 100) for account in accounts(20)])
    database, ledger, settings = runtime.database, runtime.ledger, runtime.settings
    other, waiting = await world.plan("10"), await world.plan("20")
    for each in (other, waiting):
        await world.execute(each.id)
    attempts = BatchAttempts(database, ledger, settings)
    claimed = await attempts.claim(await world.find(other.id), after=0)
    assert claimed is not None
    assert claimed.attempt is not None
    assert claimed.holders is not None
    signed = await ledger.prepare(claimed.transfer(claimed.attempt, claimed.holders))
    async with database.single_statement() as work:
        assert await work.attempts.store_signed(claimed.attempt, signed, claim_seconds=0)
    await ledger.submit(signed.signed_bytes)
    stop = asyncio.Event()

    async def stop_waiting(_: float) -> None:
        stop.set()

    payer = DistributionPayer(database, ledger, settings, sleep=stop_waiting, stop=stop)
    payer._attempts.gate.close(settings.payer_account_id, "A row is gone.")

    assert await payer.pay(waiting.id) is DistributionStatus.PROCESSING

    (settled, *_), (untouched, *_) = [(await world.find(each.id)).batches for each in (other, waiting)]
    assert (settled.status, settled.transaction_id) == (BatchStatus.COMPLETED, signed.transaction_id)
    assert untouched.status is BatchStatus.PENDING
