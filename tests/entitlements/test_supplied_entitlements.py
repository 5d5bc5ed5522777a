"""Who is owed what, as another program wrote it beside its distribution: paid to the letter, or refused."""

import asyncio
import uuid
from collections.abc import Sequence

import psycopg
import pytest

from databases import run_sql
from masspayout.context import Context
from masspayout.controls import approvals
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.distributions import starts
from masspayout.entitlements import supplied
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import ApprovalsMissing, Conflict
from masspayout.kernel.types import PaymentToken
from payouts import PAYMENT_TOKEN, World, accounts

HOLDERS = accounts(250)
STRANGER = "0.0.666"
COMPLETED = DistributionStatus.COMPLETED


@pytest.fixture
async def world(runtime: Context) -> World:
    world = await World.make(runtime, [(account, 100) for account in HOLDERS])
    await world.sandbox.admin.associate([STRANGER], PAYMENT_TOKEN)
    return world


async def write(
    world: World,
    rows: Sequence[tuple[str, str]],
    *,
    amount: str | None = "1000",
    payout_type: str | None = "PERCENTAGE",
) -> uuid.UUID:
    """Write a distribution with its holders as the documented client does: without ids, in one transaction."""
    statement = (
        "WITH made AS (INSERT INTO distribution (asset_id, type, execution_type, payout_type, amount, status) VALUES "
        f"('{world.asset.id}', 'DIVIDEND', 'MANUAL', {quoted(payout_type)}, {quoted(amount)}, 'PENDING') RETURNING id) "
        "INSERT INTO holder (asset_id, distribution_id, account_id, balance, payment_amount) "
        f"SELECT '{world.asset.id}', made.id, given.account, 100, CAST(given.amount AS numeric) "
        f"FROM made, (VALUES {', '.join(f'({quoted(account)}, {units})' for account, units in rows)}) "
        "AS given (account, amount)"
    )
    await asyncio.to_thread(run_sql, world.runtime.database.url, statement)
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        ((found,),) = connection.execute("SELECT id FROM distribution ORDER BY created_at DESC LIMIT 1").fetchall()
    return uuid.UUID(str(found))


def quoted(text: str | None) -> str:
    return "NULL" if text is None else f"'{text}'"


def received(world: World) -> dict[str, int]:
    """What the ledger's own books say that accounts have of the payment token."""
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        rows = connection.execute(
            "SELECT account_id, balance_units FROM sandbox.holding WHERE token_id = %s AND balance_units > 0",
            [PAYMENT_TOKEN],
        ).fetchall()
    return {account: int(units) for account, units in rows if account in {*HOLDERS, STRANGER}}


async def test_everybody_gets_what_was_written_and_the_rows_stay(world: World) -> None:
    # A hundred are paid in each batch; some are owed nothing, and one is no holder.
    amounts = {account: number % 7 for number, account in enumerate(HOLDERS)} | {STRANGER: 12}
    total = sum(amounts.values())
    written = await write(
        world,
        [(account, f"{units}.5" if units else "0") for account, units in amounts.items()],
        amount=str(total + sum(1 for units in amounts.values() if units) / 2),
    )
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        ids = set(connection.execute("SELECT id FROM holder WHERE distribution_id = %s", [written]).fetchall())
    await world.execute(written)
    assert await world.pay(written) is COMPLETED
    assert received(world) == {account: units * 1_000_000 + 500_000 for account, units in amounts.items() if units}
    found = await world.find(written)
    assert {(holder.id,) for holder in found.holders} == ids
    assert (found.entitlement_count, found.payable_count, found.batch_count) == (251, len(received(world)), 3)
    assert (await world.reconcile(written)).agrees
    with psycopg.connect(**connect_arguments(world.runtime.database.url)) as connection:
        ((trail,),) = connection.execute(
            "SELECT after FROM audit_entry WHERE action = 'distribution.frozen'"
        ).fetchall()
    assert trail["outside_register"] == [STRANGER]


async def test_a_list_without_a_payout_type_may_leave_a_remainder(world: World) -> None:
    written = await write(world, [(HOLDERS[0], "10"), (HOLDERS[1], "2.25")], amount="20", payout_type=None)
    await world.execute(written)
    assert await world.pay(written) is COMPLETED
    assert received(world) == {HOLDERS[0]: 10_000_000, HOLDERS[1]: 2_250_000}
    assert (await world.find(written)).remainder_amount == 775 / 100


@pytest.mark.parametrize(
    ("rows", "terms", "said"),
    [
        ([(HOLDERS[0], "999")], {}, r"has an amount of 1000, and its rows in holder come to 999\.000000"),
        (
            [(HOLDERS[0], "1001")],
            {"payout_type": "FIXED"},
            r"has an amount of 1000, and its rows .* come to 1001\.000000",
        ),
        ([(HOLDERS[0], "1000")], {"amount": None}, r"has no amount, and its rows in holder come to 1000\.000000"),
        ([(HOLDERS[0], "NULL")], {}, rf"without payment_amount, of {HOLDERS[0]}"),
        (
            [(HOLDERS[0], "1000.0000001")],
            {},
            r"of 0\.0\.\d+ that cannot be paid: The amount 1000\.0000001 has more decimals",
        ),
        ([("0.0.1001", "1000")], {}, r"of 0\.0\.1001, which is the payer"),
        (
            [("0X00000000000000000000000000000000000000aB", "1000")],
            {},
            "has to be written '0x00000000000000000000000000000000000000ab'",
        ),
        ([("Maria", "1000")], {}, "of Maria that cannot be paid: 'Maria' is not a valid account id"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_value_and_nothing_is_written(
    world: World, rows: list[tuple[str, str]], terms: dict[str, str | None], said: str
) -> None:
    written = await write(world, rows, **terms)
    with pytest.raises(Conflict, match=said) as refusal:
        await world.execute(written)
    assert "Correct it where it was written" in refusal.value.hint
    found = await world.find(written)
    assert (found.status, found.frozen_at, found.batches) == (DistributionStatus.PENDING, None, [])
    assert received(world) == {}


async def test_rows_of_which_nothing_is_said_are_unpaid(world: World) -> None:
    written = await write(world, [(HOLDERS[0], "600"), (HOLDERS[1], "400")])
    of_it = f"WHERE distribution_id = '{written}'"
    await asyncio.to_thread(run_sql, world.runtime.database.url, f"UPDATE holder SET paid = NULL {of_it}")
    await world.execute(written)
    assert await world.pay(written) is COMPLETED
    assert received(world) == {HOLDERS[0]: 600_000_000, HOLDERS[1]: 400_000_000}


async def test_what_was_checked_is_what_is_paid(world: World) -> None:
    """Another program changes a row while they are read: it waits until they are taken over."""
    written = await write(world, [(HOLDERS[0], "600"), (HOLDERS[1], "400")])
    database = world.runtime.database
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(written)
        token = PaymentToken(PAYMENT_TOKEN, 6, world.runtime.settings.payer_account_id)
        await supplied.write_supplied(work, distribution, token, 100)
        change = (
            f"SET lock_timeout = '100ms'; UPDATE holder SET payment_amount = 9000 WHERE distribution_id = '{written}'"
        )
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await asyncio.to_thread(run_sql, database.url, change)


async def test_rows_of_another_asset_are_refused(world: World) -> None:
    written = await write(world, [(HOLDERS[0], "1000")])
    await asyncio.to_thread(
        run_sql,
        world.runtime.database.url,
        "INSERT INTO asset (token_id, name, symbol, total_supply, decimals) VALUES ('0.0.77', 'Wind Bond', 'W', 1, 0)",
        "INSERT INTO holder (asset_id, distribution_id, account_id, balance, payment_amount, batch_number) "
        f"SELECT id, '{written}', '{HOLDERS[1]}', 1, 5, 1 FROM asset WHERE token_id = '0.0.77'",
    )
    with pytest.raises(Conflict, match="has 1 rows in holder that name another asset"):
        await world.execute(written)


async def test_rows_that_are_paid_already_are_refused(world: World) -> None:
    written = await write(world, [(HOLDERS[0], "1000")])
    await asyncio.to_thread(
        run_sql, world.runtime.database.url, "UPDATE holder SET paid = true WHERE payment_amount > 0"
    )
    with pytest.raises(Conflict, match=f"that is paid already, of {HOLDERS[0]}"):
        await world.execute(written)


async def test_everybody_may_approve_of_what_nobody_is_known_to_have_made(world: World) -> None:
    runtime = world.runtime
    guarded = Context(
        runtime.settings.model_copy(update={"approvals_required": 1}), runtime.database, runtime.ledger, runtime.jobs
    )
    written = await write(world, [(HOLDERS[0], "1000")])
    with pytest.raises(ApprovalsMissing):
        await starts.execute(guarded, written)
    frozen = await world.find(written)
    with acting_as(Actor(ActorKind.COMMAND_LINE, "ana", "ana")):
        await approvals.approve(guarded.database, written, str(frozen.register_hash))
    await starts.execute(guarded, written)
    assert await world.pay(written) is COMPLETED
