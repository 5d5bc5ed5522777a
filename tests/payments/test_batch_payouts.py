from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from masspayout.context import Context
from masspayout.db.entities import DistributionStatus
from masspayout.db.session import Database
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
