"""Rows of other programs that nothing would ever start are named, and stand in nobody's way."""

import asyncio
import uuid

import psycopg
import pytest

from databases import run_sql
from masspayout.automation import orphans
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.errors import Conflict
from masspayout.registers import assets
from masspayout.worker import run_worker
from payouts import PAYMENT_TOKEN, World, accounts

HOLDERS = accounts(3)


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in HOLDERS])


async def write(world: World, *statements: str) -> None:
    await asyncio.to_thread(run_sql, world.runtime.database.url, *statements)


async def insert(world: World, execution_type: str, status: str) -> uuid.UUID:
    """Write a distribution as another program does."""
    made = uuid.uuid4()
    await write(
        world,
        "INSERT INTO distribution (id, asset_id, type, execution_type, payout_type, amount, frequency, status) VALUES "
        f"('{made}', '{world.asset.id}', 'DIVIDEND', '{execution_type}', 'PERCENTAGE', 9, 'DAILY', '{status}')",
    )
    return made


async def test_one_that_says_it_is_being_paid_and_never_began_is_named_and_pays_nothing(world: World) -> None:
    orphan = await insert(world, "MANUAL", "PROCESSING")
    await write(
        world,
        "INSERT INTO batch_payout (distribution_id, batch_number, total_holders, status) "
        f"VALUES ('{orphan}', 1, 1, 'PENDING')",
        "INSERT INTO holder (asset_id, distribution_id, account_id, balance, payment_amount, batch_number) "
        f"VALUES ('{world.asset.id}', '{orphan}', '{HOLDERS[0]}', 100, 9, 1)",
    )
    with pytest.raises(Conflict, match="was never started by masspayout"):
        await world.pay(orphan)
    good = await world.plan()
    await world.execute(good.id)
    assert await orphans.flag_orphans(world.runtime.database) == 1
    # It ends, and by itself: what it has to do is done.
    await run_worker(world.runtime, concurrency=2, until_idle=True)
    assert await world.find_status(good.id) is DistributionStatus.COMPLETED
    found = await world.find(orphan)
    assert (found.status, found.batches[0].status) == (DistributionStatus.PROCESSING, "PENDING")
    assert "was never started by masspayout" in str(found.failure_message)
    assert "Set its status to PENDING" in str(found.failure_next_step)
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        ((jobs,),) = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded'"
        ).fetchall()
        ((paid,),) = connection.execute(
            "SELECT count(*) FROM sandbox.ledger_transaction WHERE kind = 'TRANSFER'"
        ).fetchall()
    assert (jobs, paid) == (0, 1)
    assert await orphans.flag_orphans(world.runtime.database) == 0


@pytest.mark.parametrize("execution_type", ["RECURRING", "AUTOMATIC"])
async def test_what_recurs_without_a_series_is_named(world: World, execution_type: str) -> None:
    orphan = await insert(world, execution_type, "PENDING")
    assert await orphans.flag_orphans(world.runtime.database) == 1
    found = await world.find(orphan)
    assert f"is {execution_type} and belongs to no series: nothing starts it." in str(found.failure_message)
    assert f"masspayout distribution cancel {orphan}" in str(found.failure_next_step)


async def test_an_asset_with_the_id_of_its_payment_token_alone_learns_the_rest_from_the_ledger(world: World) -> None:
    await write(world, "UPDATE asset SET payment_token_symbol = NULL, payment_token_decimals = NULL")
    written = await insert(world, "MANUAL", "PENDING")
    await world.execute(written)
    assert await world.pay(written) is DistributionStatus.COMPLETED
    async with world.runtime.database.unit_of_work() as work:
        asset = await work.assets.get(world.asset.id)
    assert (asset.payment_token_id, asset.payment_token_symbol, asset.payment_token_decimals) == (
        PAYMENT_TOKEN,
        "TUSD",
        6,
    )
    await assets.sync(world.runtime.database, world.runtime.ledger, world.asset.id)
