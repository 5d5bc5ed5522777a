"""Reconciliation finds what does not agree, whichever side was tampered with."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from databases import run_sql
from masspayout.context import Context
from masspayout.db.entities import Distribution
from masspayout.db.repositories import Payers
from masspayout.db.types import uuid7
from masspayout.kernel.errors import Conflict, NotFound
from masspayout.kernel.movements import Payment
from masspayout.ledger.port import Settled, Transfer
from masspayout.ledger.sandbox import Faults
from masspayout.payments.reconciliation import BreakKind, Reconciliation
from payouts import PAYMENT_TOKEN, World, accounts, make_runtime

FIRST, SECOND = accounts(2)


@pytest.fixture
async def world(runtime: Context) -> AsyncIterator[World]:
    """Thirty holders in batches of one, so that several chunks of batches are compared."""
    settings = runtime.settings.model_copy(update={"batch_size": 1})
    mine = make_runtime(runtime.database, settings)
    yield await World.make(mine, [(account, 100) for account in accounts(30)])
    await mine.ledger.close()


@pytest.fixture
async def paid(world: World) -> Distribution:
    """A distribution of 300, of which everybody got 10."""
    distribution = await world.plan("300")
    await world.execute(distribution.id)
    await world.pay(distribution.id)
    return distribution


async def breaks_after(world: World, paid: Distribution, *statements: str) -> list[tuple[BreakKind, str, int, int]]:
    run_sql(world.runtime.database.url, *statements)
    verdict = await world.reconcile(paid.id)
    assert verdict.agrees == (not verdict.breaks and not verdict.unseen_count)
    return [(each.kind, each.account_id, int(each.database_amount), int(each.ledger_amount)) for each in verdict.breaks]


async def test_what_was_paid_agrees(world: World, paid: Distribution) -> None:
    verdict = await world.reconcile(paid.id)
    assert verdict == Reconciliation(
        paid.id,
        due_count=30,
        due_amount=Decimal(300),
        paid_count=30,
        paid_amount=Decimal(300),
        ledger_count=30,
        ledger_amount=Decimal(300),
    )
    assert (verdict.agrees, verdict.unpaid_count) == (True, 0)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            (
                f"UPDATE sandbox.ledger_transaction SET accounts = '{{}}', amounts_units = '{{}}' "
                f"WHERE accounts = '{{{FIRST}}}' AND kind = 'TRANSFER'"
            ),
            (BreakKind.NOT_RECEIVED, FIRST, 10, 0),
        ),
        (
            f"UPDATE holder SET paid = false WHERE account_id = '{FIRST}' AND distribution_id IS NOT NULL",
            (BreakKind.UNRECORDED, FIRST, 0, 10),
        ),
        (
            (
                f"UPDATE sandbox.ledger_transaction SET amounts_units = '{{20000000}}' "
                f"WHERE accounts = '{{{FIRST}}}' AND kind = 'TRANSFER'"
            ),
            (BreakKind.WRONG_AMOUNT, FIRST, 10, 20),
        ),
        (
            (
                "UPDATE sandbox.ledger_transaction SET accounts = accounts || '{0.0.666}'::text[], "
                f"amounts_units = amounts_units || '{{7000000}}'::numeric[] "
                f"WHERE accounts = '{{{FIRST}}}' AND kind = 'TRANSFER'"
            ),
            (BreakKind.NOT_OWED, "0.0.666", 0, 7),
        ),
        (
            f"UPDATE holder SET balance = balance + 1 WHERE account_id = '{FIRST}' AND distribution_id IS NOT NULL",
            (BreakKind.REGISTER_CHANGED, "", 0, 0),
        ),
        (
            (
                f"UPDATE attempt SET transaction_id = '0.0.1001@1.1' WHERE id = "
                f"(SELECT attempt_id FROM holder WHERE account_id = '{FIRST}' AND distribution_id IS NOT NULL)"
            ),
            (BreakKind.NOT_RECEIVED, FIRST, 10, 0),
        ),
    ],
    ids=["not received", "unrecorded", "wrong amount", "not owed", "register changed", "attempt changed"],
)
async def test_each_kind_of_break_is_found(
    world: World, paid: Distribution, statement: str, expected: tuple[BreakKind, str, int, int]
) -> None:
    found = await breaks_after(world, paid, statement)
    assert found[0] == expected
    # What is no payment of an attempt is shown as well, and so is a balance that does not fit any more.
    assert {each[0] for each in found[1:]} <= {BreakKind.UNKNOWN_PAYMENT, BreakKind.BALANCE}


async def pay_behind_its_back(world: World, account: str, units: int, memo: str) -> None:
    """Have somebody who has the payer's key pay, through the ledger alone."""
    ledger, payer = world.runtime.ledger, world.runtime.settings.payer_account_id
    sender = await ledger.sender(payer)
    payment = Transfer(
        number=sender.number_floor,
        payer_account_id=payer,
        token_id=PAYMENT_TOKEN,
        payments=[Payment(account, units)],
        memo=memo,
        payment_key=None,
        sender_account_id=sender.account_id,
    )
    signed = await ledger.prepare(payment)
    await ledger.submit(signed.signed_bytes)
    assert isinstance(await ledger.outcome(signed.transaction_id), Settled)


@pytest.mark.parametrize("memo", ["mp2 {installation} {obligation} - 1", "payout {id} batch 1", "rent", ""])
async def test_a_payment_behind_its_back_is_a_break(world: World, paid: Distribution, memo: str) -> None:
    assert (await world.reconcile(paid.id)).agrees
    async with world.runtime.database.unit_of_work() as session:
        installation = (await Payers(session).installation()).code
    found = await world.find(paid.id)
    words = {"installation": installation, "obligation": found.obligation_key, "id": paid.id}
    await pay_behind_its_back(world, FIRST, 5_000_000, memo.format(**words))

    assert await breaks_after(world, paid) == [(BreakKind.UNKNOWN_PAYMENT, FIRST, 0, 5)]


async def test_a_balance_that_does_not_add_up_is_a_break(world: World, paid: Distribution) -> None:
    payer = world.runtime.settings.payer_account_id
    stolen = f"UPDATE sandbox.holding SET balance_units = balance_units - 9000000 WHERE account_id = '{payer}'"
    assert await breaks_after(world, paid, stolen) == [(BreakKind.BALANCE, payer, 999_700, 999_691)]


async def test_a_ledger_that_moved_more_than_it_had_shown_is_asked_again(world: World, paid: Distribution) -> None:
    assert (await world.reconcile(paid.id)).agrees
    too_much = (
        "UPDATE sandbox.ledger_transaction SET amounts_units = '{20000000}', moved_units = 20000000 "
        f"WHERE accounts = '{{{FIRST}}}' AND kind = 'TRANSFER'"
    )
    assert (BreakKind.WRONG_AMOUNT, FIRST, 10, 20) in await breaks_after(world, paid, too_much)


async def test_books_that_are_behind_are_waited_for_and_not_called_broken(world: World, paid: Distribution) -> None:
    await world.sandbox.admin.set_faults(Faults(mirror_lag_seconds=3600))

    verdict = await world.reconcile(paid.id)
    assert (verdict.agrees, verdict.breaks) == (False, [])
    assert (verdict.unseen_count, verdict.delay_seconds, verdict.ledger_count) == (30, 3600, 0)

    settled = f"id = (SELECT attempt_id FROM holder WHERE account_id = '{FIRST}' AND distribution_id IS NOT NULL)"
    long_ago = f"UPDATE attempt SET settled_at = now() - interval '2 hours' WHERE {settled}"
    assert await breaks_after(world, paid, long_ago) == [(BreakKind.NOT_RECEIVED, FIRST, 10, 0)]

    await world.sandbox.admin.set_faults(Faults())
    assert (await world.reconcile(paid.id)).agrees


async def test_a_holder_who_was_moved_to_another_amount_breaks_twice(world: World, paid: Distribution) -> None:
    change = f"UPDATE holder SET payment_amount = 11 WHERE account_id = '{SECOND}' AND distribution_id IS NOT NULL"
    assert await breaks_after(world, paid, change) == [
        (BreakKind.REGISTER_CHANGED, "", 0, 0),
        (BreakKind.WRONG_AMOUNT, SECOND, 11, 10),
    ]


async def test_somebody_added_or_removed_is_found(world: World, paid: Distribution) -> None:
    removed = f"DELETE FROM holder WHERE account_id = '{FIRST}' AND distribution_id IS NOT NULL"
    assert await breaks_after(world, paid, removed) == [
        (BreakKind.REGISTER_CHANGED, "", 0, 0),
        (BreakKind.NOT_OWED, FIRST, 0, 10),
    ]


async def test_amounts_beyond_28_digits_are_summed_to_the_unit(runtime: Context) -> None:
    token, units = "0.0.7018", 3 * 10**30 + 7
    world = await World.make(runtime, [(account, 1) for account in accounts(3)])
    await world.sandbox.admin.create_token(token, name="Fine", symbol="FIN", decimals=18)
    await world.sandbox.admin.deposit(token, units, runtime.settings.payer_account_id)
    run_sql(runtime.database.url, f"UPDATE asset SET payment_token_id = '{token}', payment_token_decimals = 18")
    async with runtime.database.unit_of_work() as session:
        world.asset = await session.merge(world.asset)
        await session.refresh(world.asset)
    distribution = await world.plan("3000000000000.000000000000000007")
    await world.execute(distribution.id)
    await world.pay(distribution.id)
    verdict = await world.reconcile(distribution.id)
    assert verdict.agrees
    assert str(verdict.ledger_amount) == str(verdict.paid_amount) == "3000000000000.000000000000000007"
    attempts = f"SELECT 1 / (total_amount = {verdict.due_amount})::int FROM attempt"
    run_sql(runtime.database.url, attempts)


async def test_what_is_not_frozen_or_not_there_is_refused(world: World, paid: Distribution) -> None:
    run_sql(world.runtime.database.url, "UPDATE distribution SET frozen_at = NULL")
    with pytest.raises(Conflict, match="not frozen yet"):
        await world.reconcile(paid.id)
    with pytest.raises(NotFound):
        await world.reconcile(uuid7())


async def test_a_chunk_of_batches_costs_the_same_statements_whatever_the_number_of_holders(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(60)])
    counts = [await count_statements(world, await paid_with(world, excluded)) for excluded in (accounts(55), [])]
    assert counts[0] == counts[1]


async def paid_with(world: World, excluded: list[str]) -> Distribution:
    distribution = await world.plan("300", excluded_accounts=excluded)
    await world.execute(distribution.id)
    await world.pay(distribution.id)
    return distribution


async def count_statements(world: World, distribution: Distribution) -> int:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    engine = world.runtime.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    assert (await world.reconcile(distribution.id)).agrees
    event.remove(engine, "before_cursor_execute", note)
    return len(statements)
