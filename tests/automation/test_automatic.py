"""Payouts that money starts, contracts that stop them, and registers that are read on a timer."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from databases import run_sql
from listening import CONTRACT, NOW, arm, listen, made_by, poll, use_contract
from masspayout.automation import contract_pauses, scheduler, series
from masspayout.db.entities import Asset, DistributionStatus, PayoutType
from masspayout.db.repositories import Assets, Holders
from masspayout.kernel.errors import ContractPaused, Invalid
from masspayout.ledger.failures import CONTRACT_PAUSED
from masspayout.ledger.sandbox import Faults
from masspayout.payments.attempts import BatchAttempts
from masspayout.registers import assets
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, TREASURY, World, accounts, make_runtime

UNIT = 10**6
PAYER = "0.0.1001"
LATER = NOW + timedelta(seconds=1)


async def deposit(world: World, amount: int, to: str = PAYER, token_id: str = PAYMENT_TOKEN) -> None:
    await world.sandbox.admin.deposit(token_id, amount * UNIT, to)


async def send_back(world: World, sender: str, amount: int, to: str = PAYER) -> None:
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, amount * UNIT, to, sender_account_id=sender)


async def amounts_made_by(world: World, series_id: uuid.UUID) -> list[int]:
    return [int(each.amount or 0) for each in await made_by(world, series_id)]


async def run_due(world: World) -> int:
    runtime = world.runtime
    return await scheduler.run_due(runtime, LATER)


async def stop_and_resume(world: World) -> None:
    runtime = world.runtime
    await contract_pauses.stop_and_resume(runtime)


async def find_asset(world: World) -> Asset:
    async with world.runtime.database.unit_of_work() as session:
        return await Assets(session).get(world.asset.id)


@pytest.mark.parametrize(
    ("trigger", "amount", "paid"),
    [
        ("ON_DEPOSIT", None, ["999", "1000", "1001"]),
        ("ON_DEPOSIT", "300", ["300", "300", "300"]),
        ("ON_DEPOSIT >= 1000", None, ["1000", "1001"]),
        ("ON_DEPOSIT >= 1000.000001", "300", ["300"]),
    ],
)
async def test_each_matching_deposit_makes_one_payout(
    world: World, trigger: str, amount: str | None, paid: list[str]
) -> None:
    armed = await arm(world, trigger, amount)
    listener_id = await listen(world, PAYER)
    for deposited in (999, 1000, 1001):
        await deposit(world, deposited)
        await poll(world.runtime, listener_id)
    await poll(world.runtime, listener_id)

    made = await made_by(world, armed.id)
    assert [each.amount for each in made] == [Decimal(each) for each in paid]
    assert await run_due(world) == len(paid)
    for each in made:
        assert await world.pay(each.id) is DistributionStatus.COMPLETED
        assert (await world.reconcile(each.id)).agrees
    await deposit(world, 5000)
    await poll(world.runtime, listener_id)
    assert len(await made_by(world, armed.id)) == len(paid) + 1, "a series stays armed"


async def test_what_was_deposited_before_a_series_was_armed_does_not_start_it(world: World) -> None:
    await deposit(world, 5)
    armed = await arm(world)
    await deposit(world, 6)

    await poll(world.runtime, await listen(world, PAYER))

    assert [each.amount for each in await made_by(world, armed.id)] == [6]


async def test_deposits_of_other_tokens_and_elsewhere_start_nothing(world: World) -> None:
    armed = await arm(world)
    await deposit(world, 5, token_id=ASSET_TOKEN)
    await deposit(world, 5, to="0.0.4444")
    for contract_id in (PAYER, "0.0.4444"):
        await poll(world.runtime, await listen(world, contract_id))

    assert await made_by(world, armed.id) == []


@pytest.mark.parametrize("change", [series.pause, series.cancel], ids=["paused", "cancelled"])
async def test_a_series_that_is_not_active_is_not_started(
    world: World, change: Callable[..., Awaitable[object]]
) -> None:
    armed = await arm(world)
    async with world.runtime.database.unit_of_work() as session:
        await change(session, await series.find(session, str(armed.id)))
    await deposit(world, 5)
    await poll(world.runtime, await listen(world, PAYER))

    assert await made_by(world, armed.id) == []


async def test_our_own_transfers_start_nothing(world: World) -> None:
    """Neither between payer and contract, nor when the payout of one issuer reaches another's paying account."""
    await use_contract(world)
    armed = await arm(world)
    other_payer = "0.0.1002"
    others = make_runtime(
        world.runtime.database, world.runtime.settings.model_copy(update={"payer_account_id": other_payer})
    )
    recipients = [CONTRACT, other_payer]
    await world.sandbox.admin.deposit(ASSET_TOKEN, 300, CONTRACT)
    await world.sandbox.admin.deposit(ASSET_TOKEN, 300, other_payer)
    dividend = await world.plan("1000", included_accounts=recipients)
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED

    polled = [await poll(world.runtime, await listen(world, CONTRACT))]
    polled.append(await poll(others, await listen(world, other_payer)))
    await others.ledger.close()

    assert [each.handled for each in polled] == [2, 2], "the asset's tokens, and the payout"
    assert await made_by(world, armed.id) == []


async def pay_out(world: World, amount: str, *included_accounts: str) -> None:
    dividend = await world.plan(amount, included_accounts=included_accounts)
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED


async def test_payments_that_are_sent_back_start_nothing(world: World) -> None:
    """Whole or in part, at once or in pieces, to payer or contract; but nobody sends back more than he got."""
    await use_contract(world)
    armed = await arm(world)
    await pay_out(world, "300")
    await pay_out(world, "30")
    holder, other, *_ = accounts(3)
    for sender, amount, to in ((holder, 100, PAYER), (holder, 4, CONTRACT), (other, 109, PAYER)):
        await send_back(world, sender, amount, to)
    for sender, amount in ((holder, 6), (holder, 1), (other, 2)):
        await world.sandbox.admin.deposit(PAYMENT_TOKEN, UNIT, sender)
        await send_back(world, sender, amount)
    for listener_id in (await listen(world, CONTRACT), await listen(world, PAYER), await listen(world, PAYER)):
        await poll(world.runtime, listener_id)

    assert await amounts_made_by(world, armed.id) == [1, 2]


async def test_what_came_before_the_payment_is_no_refund(world: World) -> None:
    armed = await arm(world)
    holder = accounts(1)[0]
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 50 * UNIT, holder)
    await send_back(world, holder, 50)
    await pay_out(world, "300")
    await poll(world.runtime, await listen(world, PAYER))

    assert await amounts_made_by(world, armed.id) == [50]


async def test_a_payment_that_comes_back_before_it_is_written_down_starts_nothing(world: World) -> None:
    armed = await arm(world)
    await world.sandbox.admin.set_faults(Faults(lose_answer_percent=100, mirror_lag_seconds=3600))
    dividend = await world.plan("300")
    await world.execute(dividend.id)
    runtime = world.runtime
    attempts = BatchAttempts(runtime.database, runtime.ledger, runtime.settings)
    claimed = await attempts.claim(await world.find(dividend.id), after=0)
    assert claimed is not None
    await attempts.pay(claimed)
    await world.sandbox.admin.set_faults(Faults())
    await send_back(world, accounts(1)[0], 100)
    await poll(runtime, await listen(world, PAYER))

    assert not [holder for holder in (await world.find(dividend.id)).holders if holder.paid]
    assert await amounts_made_by(world, armed.id) == []


async def test_a_treasury_that_is_paid_as_a_holder_funds_payouts_all_the_same(world: World) -> None:
    armed = await arm(world)
    await pay_out(world, "3000", TREASURY)
    await deposit(world, 5)  # the sandbox mints what comes from the token's treasury
    await send_back(world, TREASURY, 6)
    await poll(world.runtime, await listen(world, PAYER))

    assert await amounts_made_by(world, armed.id) == [5, 6]


async def test_a_paused_contract_stops_payouts_and_an_unpaused_one_goes_on(world: World) -> None:
    await use_contract(world)
    listener_id = await listen(world, CONTRACT)
    running = await world.plan("300", PayoutType.FIXED)
    waiting = await world.plan("600", PayoutType.FIXED)
    armed = await arm(world)
    await world.execute(running.id)
    await deposit(world, 9, CONTRACT)
    await world.sandbox.admin.emit(CONTRACT, "Paused", {})
    await poll(world.runtime, listener_id)

    assert await world.pay(running.id) is DistributionStatus.FAILED
    assert await run_due(world) == 0
    with pytest.raises(ContractPaused, match="paused"):
        await world.execute(waiting.id)
    (automatic,) = await made_by(world, armed.id)
    for stopped in (await world.find(running.id), automatic):
        assert (stopped.status, stopped.failure_code) == (DistributionStatus.FAILED, CONTRACT_PAUSED)
        assert "paused" in str(stopped.failure_message)
    assert not [holder for holder in (await world.find(running.id)).holders if holder.paid]
    await stop_and_resume(world)
    assert await world.find_status(running.id) is DistributionStatus.FAILED

    await world.sandbox.admin.emit(CONTRACT, "Unpaused", {})
    await poll(world.runtime, listener_id)
    await stop_and_resume(world)
    assert await run_due(world) == 1
    await world.execute(waiting.id)
    for distribution_id in (running.id, waiting.id, automatic.id):
        assert await world.pay(distribution_id) is DistributionStatus.COMPLETED
        assert (await world.reconcile(distribution_id)).agrees


async def test_the_latest_pause_on_the_ledger_counts_whatever_is_read_last(world: World) -> None:
    await use_contract(world)
    listener_id = await listen(world, CONTRACT)
    now = int((await world.sandbox.admin.now()).timestamp())
    await world.sandbox.admin.emit(CONTRACT, "Paused", {}, timestamp_nanos=(now - 10) * 10**9)
    await poll(world.runtime, listener_id)
    await world.sandbox.admin.emit(CONTRACT, "Unpaused", {}, timestamp_nanos=(now - 20) * 10**9)
    await poll(world.runtime, listener_id)

    assert (await find_asset(world)).contract_paused


async def test_a_payout_that_cannot_go_on_after_a_pause_stays_for_a_person(world: World) -> None:
    await use_contract(world)
    listener_id = await listen(world, CONTRACT)
    running = await world.plan("999999")
    await world.execute(running.id)
    await world.sandbox.admin.emit(CONTRACT, "Paused", {})
    await poll(world.runtime, listener_id)
    await world.pay(running.id)
    await world.sandbox.admin.freeze([PAYER], PAYMENT_TOKEN)
    await world.sandbox.admin.emit(CONTRACT, "Unpaused", {})
    await poll(world.runtime, listener_id)
    await stop_and_resume(world)

    assert await world.pay(running.id) is DistributionStatus.FAILED
    assert (await world.find(running.id)).failure_code == "PAYER_NOT_ABLE"
    await stop_and_resume(world)
    assert await world.find_status(running.id) is DistributionStatus.FAILED


async def test_a_register_is_read_on_its_timer_until_that_is_switched_off(world: World) -> None:
    runtime = world.runtime
    minute = timedelta(minutes=1)

    async def due(when: object) -> int:
        return await assets.sync_due(runtime.database, runtime.ledger, when)  # type: ignore[arg-type]

    assert await due(NOW) == 0
    await assets.set_sync_timer(runtime.database, world.asset.id, 60, NOW)
    assert [await due(NOW + step * minute / 2) for step in range(5)] == [1, 0, 1, 0, 1]
    async with runtime.database.unit_of_work() as session:
        assert (await Holders(session).find_register(world.asset.id)).total == 4

    await assets.set_sync_timer(runtime.database, world.asset.id, None, NOW)
    assert await due(NOW + 10 * minute) == 0


async def test_a_sync_that_fails_is_tried_again_and_says_why(world: World) -> None:
    runtime = world.runtime
    await assets.set_sync_timer(runtime.database, world.asset.id, 86_400, NOW)
    run_sql(runtime.database.url, "TRUNCATE sandbox.token")

    assert await assets.sync_due(runtime.database, runtime.ledger, NOW) == 0

    assert "The sandbox has no token" in str((await find_asset(world)).sync_error)
    assert (await find_asset(world)).sync_requested_at == NOW + timedelta(minutes=1)


async def test_a_transfer_during_a_sync_is_not_forgotten(world: World) -> None:
    runtime = world.runtime
    until = NOW + timedelta(minutes=10)
    async with runtime.database.unit_of_work() as session:
        repository = Assets(session)
        await repository.request_sync(ASSET_TOKEN, NOW)
        assert await repository.claim_due_sync(NOW, until)
        assert await repository.claim_due_sync(NOW, until) is None
        await repository.request_sync(ASSET_TOKEN, LATER)
        await repository.end_claimed_sync(world.asset.id, until, None)
    assert (await find_asset(world)).sync_requested_at == LATER
    assert await assets.sync_due(runtime.database, runtime.ledger, LATER) == 1
    assert (await find_asset(world)).sync_requested_at is None


@pytest.mark.parametrize("seconds", [0, 59, 365 * 86_400 + 1])
async def test_a_timer_that_is_too_short_or_too_long_is_refused(world: World, seconds: int) -> None:
    with pytest.raises(Invalid, match="cannot be read every"):
        await assets.set_sync_timer(world.runtime.database, world.asset.id, seconds, NOW)
    assert (await find_asset(world)).sync_every_seconds is None
