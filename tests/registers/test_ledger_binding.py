"""What began on one ledger ends there, wherever the settings lead meanwhile."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from databases import fresh_database, run_sql
from listening import CONTRACT, arm, listen, made_by, poll, use_contract
from masspayout.automation import event_listeners, scheduler
from masspayout.context import Context
from masspayout.db.entities import AttemptStatus, DistributionStatus, ExecutionType
from masspayout.db.repositories import Attempts
from masspayout.distributions import payout_lists, previews, starts
from masspayout.distributions.csv_import import PayoutList
from masspayout.kernel.errors import AnotherLedger
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.ledger.identity import contradict, make_identity, settings_of
from masspayout.ledger.sandbox import Faults, SandboxLedger
from masspayout.payments.attempts import BatchAttempts
from masspayout.registers import assets
from payouts import PAYMENT_TOKEN, World, accounts

HOLDERS = [(account, 100) for account in accounts(10)]
FUNDS_UNITS = 10**12
SOON = datetime(2031, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, HOLDERS)


@pytest.fixture
async def other_world(world: World, embedded_server: URL) -> AsyncIterator[World]:
    """The same database with settings that lead to another sandbox: same tokens, same payer, a day ahead."""
    with fresh_database(embedded_server) as url:
        ledger = SandboxLedger(url, world.runtime.settings)
        await World.make_tokens(ledger, HOLDERS, payer=world.runtime.settings.payer_account_id, funds_units=FUNDS_UNITS)
        await ledger.admin.advance(86_400)
        yield World(replace(world.runtime, ledger=ledger), world.asset)
        await ledger.close()


async def nobody_was_paid(world: World) -> bool:
    payer = world.runtime.settings.payer_account_id
    return await world.sandbox.balance_units(payer, PAYMENT_TOKEN) == FUNDS_UNITS


async def test_what_is_half_paid_is_neither_given_up_nor_paid_again_on_another_ledger(
    world: World, other_world: World
) -> None:
    dividend = await world.plan()
    await world.execute(dividend.id)
    dividend = await world.find(dividend.id)
    await world.sandbox.admin.set_faults(Faults(lose_answer_percent=100, mirror_lag_seconds=3600))
    attempts = BatchAttempts(world.runtime.database, world.sandbox, world.runtime.settings)
    claimed = await attempts.claim(dividend, after=0)
    assert claimed is not None
    await attempts.pay(claimed)

    with pytest.raises(AnotherLedger) as refusal:
        await other_world.pay(dividend.id)

    assert f"Payout {dividend.id} began on the ledger {await world.sandbox.identity()}" in refusal.value.message
    assert f"lead to {await other_world.sandbox.identity()} now" in refusal.value.message
    async with world.runtime.database.unit_of_work() as session:
        (attempt,) = await Attempts(session).find_of_batches(dividend.id, 1, 1)
    assert attempt.status is AttemptStatus.SUBMITTED
    assert await nobody_was_paid(other_world)

    await world.sandbox.admin.set_faults(Faults())
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    verdict = await world.reconcile(dividend.id)
    assert (verdict.agrees, verdict.paid_count) == (True, 10)


async def execute(world: World, distribution_id: uuid.UUID) -> None:
    await world.execute(distribution_id)


async def make_ready(world: World, distribution_id: uuid.UUID) -> None:
    runtime = world.runtime
    settings = runtime.settings.model_copy(update={"approvals_required": 1})
    await starts.prepare(replace(runtime, settings=settings), distribution_id, datetime.now(UTC))


async def reconcile(world: World, distribution_id: uuid.UUID) -> None:
    await world.reconcile(distribution_id)


async def preview(world: World, distribution_id: uuid.UUID) -> None:
    await previews.preview(world.runtime, await world.find(distribution_id))


async def sync(world: World, _: uuid.UUID) -> None:
    await assets.sync(world.runtime.database, world.runtime.ledger, world.asset.id)


async def plan(world: World, _: uuid.UUID) -> None:
    await world.plan(concept="another one")


async def plan_list(world: World, _: uuid.UUID) -> None:
    runtime = world.runtime
    token = await payout_lists.payment_token(runtime, PAYMENT_TOKEN)
    wanted = PayoutList(("0.0.77",), (5,), 5)
    await payout_lists.create(runtime, world.asset, token, wanted, PayoutTerms())


@pytest.mark.parametrize("step", [execute, make_ready, reconcile, preview, sync, plan, plan_list])
async def test_no_step_is_done_on_another_ledger(
    world: World, other_world: World, step: Callable[[World, uuid.UUID], Awaitable[None]]
) -> None:
    dividend = await world.plan()

    with pytest.raises(AnotherLedger, match="nothing was done"):
        await step(other_world, dividend.id)

    assert await world.find_status(dividend.id) is DistributionStatus.PENDING
    await step(world, dividend.id)


async def test_what_failed_is_not_retried_on_another_ledger(world: World, other_world: World) -> None:
    await world.sandbox.admin.freeze([HOLDERS[0][0]], PAYMENT_TOKEN)
    dividend = await world.plan()
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED

    with pytest.raises(AnotherLedger):
        await other_world.retry(dividend.id)

    assert await world.find_status(dividend.id) is DistributionStatus.FAILED
    assert await nobody_was_paid(other_world)


async def test_what_is_due_waits_until_the_settings_lead_to_its_ledger_again(world: World, other_world: World) -> None:
    frozen = await world.plan()
    due = await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=SOON)

    async def run_due(world: World) -> int:
        runtime, later = world.runtime, SOON + timedelta(minutes=1)
        return await scheduler.run_due(runtime, later)

    assert await run_due(other_world) == 0
    assert await world.find_status(due.id) is DistributionStatus.PENDING
    assert await run_due(world) == 1
    assert await world.find_status(due.id) is DistributionStatus.PROCESSING
    assert await world.find_status(frozen.id) is DistributionStatus.PENDING


async def test_a_listener_reads_the_events_of_one_ledger(world: World, other_world: World) -> None:
    await use_contract(world)
    series = await arm(world)
    listener_id = await listen(world, CONTRACT)
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 10**6, CONTRACT)
    assert (await poll(world.runtime, listener_id)).handled == 1
    await other_world.sandbox.admin.deposit(PAYMENT_TOKEN, 2 * 10**6, CONTRACT)

    with pytest.raises(AnotherLedger, match=f"The listener for {CONTRACT} reads the ledger"):
        await poll(other_world.runtime, listener_id)
    assert "nothing was done" in str((await event_listeners.find(world.runtime.database, CONTRACT)).poll_error)

    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 3 * 10**6, CONTRACT)
    assert (await poll(world.runtime, listener_id)).handled == 1
    assert [made.amount for made in await made_by(world, series.id)] == [1, 3]


async def import_it(world: World) -> str | None:
    asset = await assets.import_asset(world.runtime.database, world.runtime.ledger, world.asset.token_id)
    return asset.ledger_identity


async def test_an_asset_moves_to_another_ledger_when_it_is_imported_there_with_nothing_planned(
    world: World, other_world: World
) -> None:
    frozen = await world.plan()

    assert await import_it(other_world) == await other_world.sandbox.identity()

    assert (await other_world.plan(concept="there")).ledger_identity == await other_world.sandbox.identity()
    with pytest.raises(AnotherLedger):
        await other_world.execute(frozen.id)
    await world.execute(frozen.id)


async def test_an_asset_with_plans_does_not_move_to_another_ledger(world: World, other_world: World) -> None:
    await world.plan(execution_type=ExecutionType.SCHEDULED, scheduled_time=SOON)
    with pytest.raises(AnotherLedger, match="payouts on it are still to come"):
        await import_it(other_world)
    assert await import_it(world) == await world.sandbox.identity()


async def test_an_emptied_sandbox_is_another_ledger(world: World) -> None:
    before = await world.sandbox.identity()
    dividend = await world.plan()
    await world.sandbox.admin.reset()
    assert await world.sandbox.identity() != before
    with pytest.raises(AnotherLedger):
        await world.execute(dividend.id)


async def test_of_rows_that_do_not_say_where_they_belong_it_is_written_down(world: World, other_world: World) -> None:
    url = world.runtime.database.url
    dividend = await world.plan()
    run_sql(url, "UPDATE distribution SET ledger_identity = NULL", "UPDATE asset SET ledger_identity = NULL")

    await world.execute(dividend.id)

    assert (await world.find(dividend.id)).ledger_identity == await world.sandbox.identity()
    with pytest.raises(AnotherLedger):
        await other_world.pay(dividend.id)
    await sync(world, dividend.id)
    assert (await world.find(dividend.id)).asset.ledger_identity == await world.sandbox.identity()


WORDS = st.lists(st.sampled_from(["hedera", "testnet", "mainnet", "0x" + "a" * 96, "0x" + "b" * 96]), min_size=1)


@given(WORDS, WORDS)
def test_two_names_contradict_each_other_where_both_say_something_else(one: list[str], other: list[str]) -> None:
    names = make_identity(*one), make_identity(*other)
    common = min(len(one), len(other))
    assert contradict(*names) == contradict(*reversed(names)) == (one[:common] != other[:common])


@pytest.mark.parametrize(
    ("identity", "settings"),
    [
        ("hedera:testnet:0xab", "HEDERA_NETWORK=testnet"),
        ("eip155:1337:0xab", "chain 1337"),
        ("sandbox:7", "LEDGER=sandbox"),
        ("new:7", "the settings for new:7"),
    ],
)
def test_a_name_tells_the_settings_that_lead_there(identity: str, settings: str) -> None:
    assert settings in settings_of(identity)
