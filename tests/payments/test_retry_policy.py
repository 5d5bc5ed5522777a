"""Failures by class: what is nobody's fault is tried again for a while, what is a recipient's waits for a person."""

import uuid
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.rows import dict_row

from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import BatchStatus, DistributionStatus
from masspayout.db.repositories import Attempts, BatchPayouts
from masspayout.db.session import Database
from masspayout.ledger.sandbox import Faults
from masspayout.payments.attempts import BatchAttempts
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime

BUSY = Faults(busy_percent=100)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"transient_retries": 3, "look_again_max_seconds": 0.04, "batch_size": 10})


@pytest.fixture
async def world(runtime: Context) -> World:
    return await World.make(runtime, [(account, 100) for account in accounts(20)])


async def attempts_of(world: World, distribution_id: uuid.UUID) -> list[str | None]:
    """Return the outcome codes of all attempts, by batch and age."""
    async with world.runtime.database.unit_of_work() as session:
        found = await Attempts(session).find_of_batches(distribution_id, 1, 1000)
    return [attempt.outcome_code for attempt in found]


async def test_a_busy_ledger_is_asked_again_until_patience_ends_and_then_a_person_retries(world: World) -> None:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    await world.sandbox.admin.set_faults(BUSY)

    assert await world.pay(dividend.id) is DistributionStatus.FAILED

    assert await attempts_of(world, dividend.id) == ["THROTTLED_AT_CONSENSUS"] * 2 * (1 + 3)
    found = await world.find(dividend.id)
    assert {holder.failure_code for holder in found.holders} == {"THROTTLED_AT_CONSENSUS"}
    assert {batch.status for batch in found.batches} == {BatchStatus.FAILED}
    assert found.failure_code is None, "it concerns nobody in particular, and does not stop the others"
    await world.sandbox.admin.set_faults(Faults())
    await world.retry(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert (await world.reconcile(dividend.id)).paid_count == 20


async def test_a_ledger_that_calms_down_in_time_pays_everybody(world: World) -> None:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    await world.sandbox.admin.set_faults(BUSY)
    pauses = 0

    async def calm_down_after_a_while(_: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            await world.sandbox.admin.set_faults(Faults())

    runtime = world.runtime
    patient = runtime.settings.model_copy(update={"transient_retries": 100, "look_again_max_seconds": 0.001})
    payer = DistributionPayer(runtime.database, runtime.ledger, patient, sleep=calm_down_after_a_while)

    assert await payer.pay(dividend.id) is DistributionStatus.COMPLETED
    codes = await attempts_of(world, dividend.id)
    assert codes.count("SUCCESS") == 2
    assert codes.count("THROTTLED_AT_CONSENSUS") >= 2
    assert (await world.reconcile(dividend.id)).agrees


async def test_pauses_grow_from_failure_to_failure_and_are_not_alike(world: World, settings: Settings) -> None:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    await world.sandbox.admin.set_faults(BUSY)
    runtime = world.runtime
    slow = settings.model_copy(
        update={"look_again_seconds": 1000.0, "look_again_max_seconds": 5000.0, "transient_retries": 100}
    )
    attempts = BatchAttempts(runtime.database, runtime.ledger, slow)
    pauses = []
    for _ in range(5):
        _let_claims_lapse(runtime.database)
        for _ in range(2):
            claimed = await attempts.claim(dividend, after=0)
            assert claimed is not None
            await attempts.pay(claimed)
        pauses.append(_pauses(runtime.database))

    for failures, (first, second) in enumerate(pauses):
        longest = timedelta(seconds=min(1000 * 2**failures, 5000))
        assert longest / 2 <= min(first, second) < max(first, second) <= longest


def _let_claims_lapse(database: Database) -> None:
    with psycopg.connect(**connect_arguments(database.url)) as connection:
        connection.execute("UPDATE batch_payout SET claimed_until = NULL")


def _pauses(database: Database) -> list[timedelta]:
    with psycopg.connect(**connect_arguments(database.url), row_factory=dict_row) as connection:
        rows = connection.execute("SELECT claimed_until - updated_at AS pause FROM batch_payout").fetchall()
    return [row["pause"] for row in rows]


async def test_transactions_that_never_arrive_are_signed_anew_a_few_times_only(
    database: Database, settings: Settings
) -> None:
    runtime = make_runtime(database, settings.model_copy(update={"sandbox_valid_seconds": 10}))
    world = await World.make(runtime, [(account, 100) for account in accounts(20)])
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    await world.sandbox.admin.set_faults(Faults(lose_request_percent=100))

    async def let_time_pass(_: float) -> None:
        await world.sandbox.admin.advance(30)

    payer = DistributionPayer(runtime.database, runtime.ledger, runtime.settings, sleep=let_time_pass)
    assert await payer.pay(dividend.id) is DistributionStatus.FAILED

    found = await world.find(dividend.id)
    assert {holder.failure_code for holder in found.holders} == {"TRANSACTION_EXPIRED"}
    assert len(await attempts_of(world, dividend.id)) == 2 * (1 + 3)
    assert (await world.reconcile(dividend.id)).ledger_amount == Decimal(0)
    await world.sandbox.admin.set_faults(Faults())
    await world.retry(dividend.id)
    assert await payer.pay(dividend.id) is DistributionStatus.COMPLETED
    await runtime.ledger.close()


@pytest.mark.parametrize("results", ["atomic", "per-recipient"])
async def test_what_a_recipient_is_to_blame_for_is_not_tried_again(
    database: Database, settings: Settings, results: str
) -> None:
    runtime = make_runtime(database, settings.model_copy(update={"sandbox_results": results}))
    world = await World.make(runtime, [(account, 100) for account in accounts(8)])
    frozen = accounts(8)[3]
    await world.sandbox.admin.freeze([frozen], PAYMENT_TOKEN)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)

    assert await world.pay(dividend.id) is DistributionStatus.FAILED

    count = len(await attempts_of(world, dividend.id))
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    assert len(await attempts_of(world, dividend.id)) == count
    found = await world.find(dividend.id)
    unpaid = {holder.account_id: holder.failure_code for holder in found.holders if not holder.paid}
    assert unpaid == {frozen: "ACCOUNT_FROZEN_FOR_TOKEN"}
    assert {batch.transient_failures for batch in found.batches} == {0}
    await runtime.ledger.close()


async def test_a_code_at_the_door_is_kept_when_the_same_bytes_are_refused_again(world: World) -> None:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    runtime = world.runtime
    paying = BatchAttempts(runtime.database, runtime.ledger, runtime.settings)
    claimed = await paying.claim(dividend, after=0)
    assert claimed is not None
    assert claimed.attempt is not None
    assert await paying._sign(claimed, claimed.attempt)
    async with runtime.database.unit_of_work() as session:
        attempts = Attempts(session)
        await attempts.mark_submitted(claimed.attempt.id)
        await attempts.note_rejection(claimed.attempt.id, "INVALID_TRANSACTION_START")
        await attempts.note_rejection(claimed.attempt.id, "TRANSACTION_EXPIRED")

    assert await attempts_of(world, dividend.id) == ["INVALID_TRANSACTION_START"]


async def test_a_retry_by_a_person_starts_with_all_patience(world: World) -> None:
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    await world.sandbox.admin.set_faults(BUSY)
    await world.pay(dividend.id)
    await world.retry(dividend.id)
    async with world.runtime.database.unit_of_work() as session:
        batches = await BatchPayouts(session).find_of_distribution(dividend.id)

    assert [(batch.status, batch.transient_failures) for batch in batches] == [(BatchStatus.PENDING, 0)] * 2
