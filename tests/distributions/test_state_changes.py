"""State changes as races: whoever comes second gets a Conflict, and nobody is paid twice."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from masspayout import distributions
from masspayout.context import Context
from masspayout.db.entities import (
    AttemptStatus,
    BatchStatus,
    Distribution,
    DistributionStatus,
    DistributionType,
    ExecutionType,
    PayoutType,
)
from masspayout.db.repositories import Assets, Attempts, Distributions
from masspayout.db.session import Database
from masspayout.distributions import previews, starts
from masspayout.kernel.errors import Conflict, InsufficientFunds
from masspayout.kernel.money import to_decimal
from masspayout.kernel.movements import Payment
from masspayout.ledger.port import Settled, Transfer
from masspayout.ledger.sandbox import Faults, SandboxLedger
from masspayout.payments import recovery
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.registers import assets
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime

HOLDERS = [(account, 100 + number) for number, account in enumerate(accounts(24))]
Move = Callable[[Context, uuid.UUID], Awaitable[str]]


@pytest.fixture
async def others(world: World) -> AsyncIterator[list[Context]]:
    """Three more processes' worth of connections to the same database and ledger."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(3):
            other = make_runtime(Database(world.runtime.database.url), world.runtime.settings)
            stack.push_async_callback(other.ledger.close)
            stack.push_async_callback(other.database.close)
            made.append(other)
        yield made


async def race(*contestants: Awaitable[object]) -> list[object]:
    """Let all run at once; return what came of each: its result, or the Conflict that it got."""
    async with asyncio.timeout(240):
        results = await asyncio.gather(*contestants, return_exceptions=True)
    unexpected = [each for each in results if isinstance(each, BaseException) and not isinstance(each, Conflict)]
    assert not unexpected, unexpected
    return list(results)


def conflicts(results: Sequence[object]) -> int:
    return sum(isinstance(result, Conflict) for result in results)


async def execute(runtime: Context, distribution_id: uuid.UUID) -> str:
    await starts.execute(runtime, distribution_id)
    return "execute"


async def cancel(runtime: Context, distribution_id: uuid.UUID) -> str:
    async with runtime.database.unit_of_work() as session:
        await distributions.cancel(session, distribution_id)
    return "cancel"


async def retry(runtime: Context, distribution_id: uuid.UUID) -> str:
    await starts.retry(runtime, distribution_id)
    return "retry"


async def pay(runtime: Context, distribution_id: uuid.UUID) -> DistributionStatus:
    return await DistributionPayer(runtime.database, runtime.ledger, runtime.settings).pay(distribution_id)


async def received_units(world: World, account_ids: Sequence[str]) -> dict[str, int]:
    """What the sandbox's own books say that everybody holds of the payment token."""
    return {account: await world.sandbox.balance_units(account, PAYMENT_TOKEN) for account in account_ids}


async def assert_paid_exactly_once(world: World, distribution_id: uuid.UUID) -> None:
    found = await world.find(distribution_id)
    assert found.status is DistributionStatus.COMPLETED
    due = {h.account_id: int((h.payment_amount or Decimal(0)) * 10**6) for h in found.holders}
    assert len(due) == len(HOLDERS)
    assert await received_units(world, list(due)) == due
    assert all(batch.status is BatchStatus.COMPLETED for batch in found.batches)
    assert sum(batch.successful_payments or 0 for batch in found.batches) == len(HOLDERS)
    verdict = await world.reconcile(distribution_id)
    assert (verdict.agrees, verdict.unpaid_count) == (True, 0)


@pytest.fixture(params=["atomic", "per-recipient"])
async def world(request: pytest.FixtureRequest, runtime: Context) -> AsyncIterator[World]:
    """Twenty-four holders in eight batches, on a ledger of each kind."""
    settings = runtime.settings.model_copy(update={"batch_size": 3, "sandbox_results": request.param})
    mine = make_runtime(runtime.database, settings)
    yield await World.make(mine, HOLDERS)
    await mine.ledger.close()


class InterferingLedger:
    """The ledger, with something that happens to it just before the n-th transaction is sent."""

    def __init__(self, ledger: SandboxLedger, submission: int, interruption: Callable[[], Awaitable[None]]) -> None:
        self._ledger = ledger
        self._countdown = submission
        self._interruption = interruption

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def submit(self, signed_bytes: bytes) -> None:
        self._countdown -= 1
        if self._countdown == 0:
            await self._interruption()
        await self._ledger.submit(signed_bytes)


async def test_of_many_executions_one_starts(world: World, others: list[Context]) -> None:
    dividend = await world.plan()
    results = await race(*(execute(other, dividend.id) for other in [world.runtime, *others]))
    assert conflicts(results) == 3
    await race(*(pay(other, dividend.id) for other in others))
    await assert_paid_exactly_once(world, dividend.id)
    for move in (execute, cancel, retry):
        with pytest.raises(Conflict, match="COMPLETED"):
            await move(world.runtime, dividend.id)


@given(moves=st.lists(st.sampled_from([execute, cancel, retry]), min_size=2, max_size=6))
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_of_any_moves_at_once_one_wins(world: World, others: list[Context], moves: list[Move]) -> None:
    dividend = await world.plan()
    processes = [world.runtime, *others, *others]
    results = await race(*(move(process, dividend.id) for move, process in zip(moves, processes, strict=False)))
    won = [result for result in results if not isinstance(result, Conflict)]
    status = (await world.find(dividend.id)).status
    if {execute, cancel} & set(moves):
        outcome = {"execute": DistributionStatus.PROCESSING, "cancel": DistributionStatus.CANCELLED}
        assert [outcome[str(winner)] for winner in won] == [status]
    else:
        assert (won, status) == ([], DistributionStatus.PENDING)


async def test_what_was_not_frozen_is_frozen_once_by_whoever_executes_first(
    world: World, others: list[Context]
) -> None:
    async with world.runtime.database.unit_of_work() as session:
        asset = await Assets(session).get(world.asset.id)
    await assets.sync(world.runtime.database, world.runtime.ledger, asset.id)
    async with world.runtime.database.unit_of_work() as session:
        dividend = await Distributions(session).save(
            Distribution(
                asset_id=asset.id,
                type=DistributionType.DIVIDEND,
                execution_type=ExecutionType.MANUAL,
                payout_type=PayoutType.PERCENTAGE,
                amount=Decimal(1000),
            )
        )
        with pytest.raises(Conflict, match="not frozen"):
            await previews.preview(world.runtime, dividend)
    results = await race(*(execute(other, dividend.id) for other in [world.runtime, *others]))
    assert conflicts(results) == 3
    await pay(world.runtime, dividend.id)
    await assert_paid_exactly_once(world, dividend.id)


async def test_of_many_retries_one_starts_and_those_paid_before_are_not_paid_again(
    world: World, others: list[Context]
) -> None:
    bad = [HOLDERS[3][0], HOLDERS[17][0]]
    await world.sandbox.admin.freeze(bad, PAYMENT_TOKEN)
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)
    assert set(await race(*(pay(other, dividend.id) for other in others))) == {DistributionStatus.FAILED}
    found = await world.find(dividend.id)
    assert [h.account_id for h in found.holders if h.failure_code] == bad
    assert (await world.reconcile(dividend.id)).agrees
    await world.sandbox.admin.unfreeze(bad, PAYMENT_TOKEN)
    results = await race(*(retry(other, dividend.id) for other in [world.runtime, *others]))
    assert conflicts(results) == 3
    await race(*(pay(other, dividend.id) for other in others))
    await assert_paid_exactly_once(world, dividend.id)


async def test_a_retry_while_workers_pay_is_refused_or_waits_its_turn(world: World, others: list[Context]) -> None:
    bad = HOLDERS[11][0]
    await world.sandbox.admin.freeze([bad], PAYMENT_TOKEN)
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)

    async def insist() -> int:
        errors = 0
        for _ in range(15):
            errors += conflicts(await race(retry(world.runtime, dividend.id), pay(world.runtime, dividend.id)))
        return errors

    await race(insist(), *(pay(other, dividend.id) for other in others))
    assert (await world.reconcile(dividend.id)).agrees
    await world.sandbox.admin.unfreeze([bad], PAYMENT_TOKEN)
    if (await world.find(dividend.id)).status is DistributionStatus.FAILED:
        await retry(world.runtime, dividend.id)
    await race(*(pay(other, dividend.id) for other in others))
    await assert_paid_exactly_once(world, dividend.id)


async def test_a_token_that_is_paused_midway_stops_the_distribution_with_the_reason(world: World) -> None:
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)
    ledger: Any = InterferingLedger(
        world.sandbox, 6, lambda: world.sandbox.admin.set_paused(PAYMENT_TOKEN, paused=True)
    )
    payer = DistributionPayer(world.runtime.database, ledger, world.runtime.settings)
    assert await payer.pay(dividend.id) is DistributionStatus.FAILED
    await assert_stopped(world, dividend.id, "TOKEN_IS_PAUSED")
    await world.sandbox.admin.set_paused(PAYMENT_TOKEN, paused=False)
    await retry(world.runtime, dividend.id)
    assert (await world.find(dividend.id)).failure_code is None
    await pay(world.runtime, dividend.id)
    await assert_paid_exactly_once(world, dividend.id)


async def test_a_payer_that_runs_short_midway_pays_the_rest_when_funded(world: World) -> None:
    payer = world.runtime.settings.payer_account_id
    funds_units = await world.sandbox.balance_units(payer, PAYMENT_TOKEN)
    dividend = await world.plan(str(to_decimal(funds_units, 6)))
    await execute(world.runtime, dividend.id)
    await withdraw(world, 1000 * 10**6)
    assert await pay(world.runtime, dividend.id) is DistributionStatus.FAILED
    await assert_stopped(world, dividend.id, "INSUFFICIENT_TOKEN_BALANCE")
    with pytest.raises(InsufficientFunds, match="is missing"):
        await retry(world.runtime, dividend.id)
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 1000 * 10**6, payer)
    await retry(world.runtime, dividend.id)
    assert await pay(world.runtime, dividend.id) is DistributionStatus.COMPLETED
    verdict = await world.reconcile(dividend.id)
    assert (verdict.agrees, verdict.unpaid_count) == (True, 0)
    assert await world.sandbox.balance_units(payer, PAYMENT_TOKEN) == 0


async def withdraw(world: World, amount_units: int) -> None:
    """Take away what was promised to a payout, in a withdrawal that is known as one."""
    payer, ledger = world.runtime.settings.payer_account_id, world.runtime.ledger
    sender = await ledger.sender(payer)
    another = Transfer(
        number=sender.number_floor,
        payer_account_id=payer,
        token_id=PAYMENT_TOKEN,
        payments=[Payment("0.0.99", amount_units)],
        memo="rent",
        payment_key=None,
        sender_account_id=sender.account_id,
    )
    signed = await ledger.prepare(another)
    await recovery.note_withdrawal(world.runtime.database, ledger, payer, signed.transaction_id, PAYMENT_TOKEN)
    await ledger.submit(signed.signed_bytes)
    assert isinstance(await ledger.outcome(signed.transaction_id), Settled)


async def assert_stopped(world: World, distribution_id: uuid.UUID, code: str) -> None:
    """The reason is on the distribution, on its batches and on everybody who is unpaid; what was paid is on record."""
    found = await world.find(distribution_id)
    assert (found.status, found.failure_code) == (DistributionStatus.FAILED, code)
    assert found.failure_message
    unpaid = [holder for holder in found.holders if not holder.paid]
    assert {(holder.failure_code, holder.attempt_id) for holder in unpaid} == {(code, None)}
    failed = [batch for batch in found.batches if batch.status is BatchStatus.FAILED]
    assert sum(batch.failed_payments or 0 for batch in failed) == len(unpaid)
    assert all(batch.error_message for batch in failed)
    assert 0 < len(unpaid) < len(found.holders)
    assert (await world.reconcile(distribution_id)).agrees


async def test_a_transaction_that_was_lost_is_signed_anew_once_it_is_proven_dead(world: World) -> None:
    await world.sandbox.admin.set_faults(Faults(lose_request_percent=100))
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)

    async def wait(seconds: float) -> None:
        await world.sandbox.admin.set_faults(Faults())
        await world.sandbox.admin.advance(400)
        await asyncio.sleep(seconds)

    payer = DistributionPayer(world.runtime.database, world.runtime.ledger, world.runtime.settings, sleep=wait)
    async with asyncio.timeout(240):
        assert await payer.pay(dividend.id) is DistributionStatus.COMPLETED
    await assert_paid_exactly_once(world, dividend.id)
    async with world.runtime.database.unit_of_work() as session:
        attempts = await Attempts(session).find_of_batches(dividend.id, 1, 100)
    assert Counter(attempt.status for attempt in attempts) == {AttemptStatus.DEAD: 8, AttemptStatus.SETTLED: 8}


async def test_what_arrives_after_its_validity_pays_nobody(world: World) -> None:
    await world.sandbox.admin.set_faults(Faults(delay_percent=100, delay_seconds=300))
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)

    async def wait(seconds: float) -> None:
        await world.sandbox.admin.set_faults(Faults())
        await world.sandbox.admin.advance(130)
        await asyncio.sleep(seconds)

    payer = DistributionPayer(world.runtime.database, world.runtime.ledger, world.runtime.settings, sleep=wait)
    async with asyncio.timeout(240):
        await payer.pay(dividend.id)
    await world.sandbox.admin.advance(1000)
    await assert_paid_exactly_once(world, dividend.id)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(lose_answer_percent=100),
        Faults(duplicate_percent=100, lose_answer_percent=50),
        Faults(delay_percent=100, delay_seconds=0.2),
        Faults(mirror_lag_seconds=0.4),
        Faults(throttle_percent=60),
        Faults(
            lose_answer_percent=30, delay_percent=30, delay_seconds=0.1, throttle_percent=30, mirror_lag_seconds=0.2
        ),
    ],
    ids=["lost answers", "duplicates", "delay", "mirror lag", "throttling", "all together"],
)
async def test_a_bad_network_pays_everybody_once(world: World, others: list[Context], faults: Faults) -> None:
    bad = HOLDERS[5][0]
    await world.sandbox.admin.set_faults(replace(faults, rejections={bad: "TRANSFER_REVERTED"}))
    dividend = await world.plan()
    await execute(world.runtime, dividend.id)
    assert set(await race(*(pay(other, dividend.id) for other in others))) == {DistributionStatus.FAILED}
    assert (await world.reconcile(dividend.id)).unpaid_count == 1
    await world.sandbox.admin.set_faults(faults)
    await retry(world.runtime, dividend.id)
    await race(*(pay(other, dividend.id) for other in others))
    await assert_paid_exactly_once(world, dividend.id)
