"""Whoever changes a batch and its attempt locks the batch first, so that no two wait for each other."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from forgetting import find_one
from masspayout.context import Context
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import NEVER_EXPIRES, Undecided
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.claimed_batch import ClaimedBatch
from payouts import World, accounts

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in accounts(20)])


@pytest.fixture
async def attempts(world: World) -> BatchAttempts:
    return BatchAttempts(world.runtime.database, world.runtime.ledger, world.runtime.settings)


@pytest.fixture
async def claimed(world: World, attempts: BatchAttempts) -> ClaimedBatch:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    claimed = await attempts.claim(await world.find(dividend.id), after=0)
    assert claimed is not None
    return claimed


async def begun(world: World, act: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Begin something that has to wait for a lock, and return it when it does."""
    task = asyncio.create_task(act)
    while not task.done() and not await asyncio.to_thread(find_one, world.runtime.database.url, WAITING):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert not task.done()
    return task


async def test_who_stores_what_was_signed_waits_for_who_closes_it_unsigned(world: World, claimed: ClaimedBatch) -> None:
    database, attempt = world.runtime.database, claimed.attempt
    assert attempt is not None

    async def store() -> bool:
        async with database.single_statement() as work:
            signed = SignedTransaction("0.0.1001@1.000000001", b"signed", NEVER_EXPIRES)
            return await work.attempts.store_signed(attempt, signed, claim_seconds=1)

    async with database.unit_of_work() as work:
        await work.batch_payouts.lock(claimed.batch_id)
        storing = await begun(world, store())
        assert await work.attempts.close_unsigned(attempt, "INSUFFICIENT_TOKEN_BALANCE")
    assert not await storing


async def test_who_saw_nothing_of_a_transaction_waits_for_who_settles_it(
    world: World, attempts: BatchAttempts, claimed: ClaimedBatch
) -> None:
    database, attempt = world.runtime.database, claimed.attempt
    assert attempt is not None
    async with database.single_statement() as work:
        signed = SignedTransaction("0.0.1001@1.000000001", b"signed", NEVER_EXPIRES)
        assert await work.attempts.store_signed(attempt, signed, claim_seconds=1)
    async with database.unit_of_work() as work:
        await work.batch_payouts.lock(claimed.batch_id)
        looking = await begun(world, attempts._poll_later(attempt, Undecided("Nothing is known of it.")))
        assert await work.attempts.mark_settled(attempt.id, "SUCCESS")
    await looking
