"""The doctor's checks of what is under way: registers, workers, jobs, distributions, audit trail, policy, webhooks."""

import asyncio
import signal

import psycopg
import pytest
from sqlalchemy import URL

from databases import run_sql
from doctor_reports import all_is_well, examine, the_problem
from listening import listen, poll
from masspayout import distributions
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.kernel.errors import NotFound
from masspayout.ledger.sandbox import Faults
from masspayout.registers import assets
from masspayout.service.doctor import Status
from payouts import PAYMENT_TOKEN, World, accounts
from workers import start_worker


async def test_a_register_that_cannot_be_read(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    run_sql(database_url, "TRUNCATE sandbox.token")
    with pytest.raises(NotFound):
        await assets.sync(runtime.database, runtime.ledger, world.asset.id)
    results = await examine(database_url)
    assert world.asset.token_id in results["registers"].message
    assert results["registers"].status is Status.PROBLEM
    assert results["ledger"].status is Status.PROBLEM
    assert "does not know 2 of our tokens" in results["ledger"].message
    assert results["payer"].status is Status.NOT_CHECKED


async def test_a_payout_on_another_ledger(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    dividend = await world.plan()
    ledger_identity = await world.sandbox.identity()
    await world.sandbox.admin.reset()

    problem = the_problem(await examine(database_url), "home ledger")

    assert f"than {await world.sandbox.identity()}, to which the settings lead" in problem.message
    assert problem.details == (f"{dividend.id} PENDING: {ledger_identity}",)
    async with runtime.database.unit_of_work() as session:
        await distributions.cancel(session, dividend.id)
    assert all_is_well(await examine(database_url))


async def test_a_sync_that_never_ends(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    run_sql(database_url, "UPDATE asset SET sync_status = 'SYNCING', updated_at = now()")
    assert all_is_well(await examine(database_url))
    run_sql(database_url, "UPDATE asset SET updated_at = now() - interval '1 hour'")
    assert "has been SYNCING since" in the_problem(await examine(database_url), "registers").message


async def test_an_event_that_was_set_aside(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    listener_id = await listen(world, "0.0.6001")
    await world.sandbox.admin.emit("0.0.6001", "Garbage", {})
    await poll(runtime, listener_id)
    problem = the_problem(await examine(database_url), "contract events")
    assert "1 event(s) were set aside; the first of 0.0.6001: Garbage: There is no handler for" in problem.message
    assert problem.hint == "Fix what it names, then: masspayout listener replay 0.0.6001"


async def test_a_contract_that_cannot_be_read(runtime: Context, database_url: URL) -> None:
    await listen(await World.make(runtime, [("0.0.20000", 1)]), "0.0.6001")
    assert all_is_well(await examine(database_url))
    run_sql(database_url, "UPDATE blockchain_event_listener_config SET poll_error = 'The ledger is away.'")
    problem = the_problem(await examine(database_url), "contract events")
    assert problem.message == "The events of 0.0.6001 could not be read: The ledger is away."
    run_sql(database_url, "UPDATE blockchain_event_listener_config SET enabled = false")
    assert all_is_well(await examine(database_url))


async def test_work_without_a_worker(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(250)])
    dividend = await world.plan()
    assert (await examine(database_url))["worker"].message == "No worker and no jobs."
    await world.execute(dividend.id)
    problem = the_problem(await examine(database_url), "worker")
    assert "1 payout(s)" in problem.message
    assert problem.hint == "Start one: masspayout worker"
    # Whoever pays it without being a worker leaves jobs behind that nobody needs to do.
    assert await world.pay(dividend.id) is DistributionStatus.COMPLETED
    assert all_is_well(await examine(database_url))


async def test_a_worker_that_was_killed(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(30)])
    dividend = await world.plan()
    await world.sandbox.admin.set_faults(Faults(lose_request_percent=100))
    await world.execute(dividend.id)
    worker = start_worker(database_url)
    try:
        while not await count(database_url, "attempt WHERE looks > 0"):
            assert worker.poll() is None
            await asyncio.sleep(0.05)
        results = await examine(database_url)
        assert all_is_well(results)
        assert results["worker"].message == "1 running."
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    # As if the time had passed after which the dead are taken for dead.
    run_sql(
        database_url,
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'",
        "UPDATE batch_payout SET claimed_until = now() - interval '1 hour'",
        "UPDATE attempt SET created_at = now() - interval '1 hour'",
    )
    results = await examine(database_url)
    problems = [result.name for result in results.values() if result.status is Status.PROBLEM]
    assert problems == ["worker", "stalled jobs", "undecided transactions"]
    assert "pay_distribution" in results["stalled jobs"].details[0]
    assert "1 transaction(s) are undecided, the oldest" in results["undecided transactions"].message
    assert str(dividend.id) in results["undecided transactions"].details[0]


async def count(url: URL, what: str) -> int:
    async with await psycopg.AsyncConnection.connect(**connect_arguments(url)) as connection:
        row = await (await connection.execute(f"SELECT count(*) FROM {what}")).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_job_that_was_given_up(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(3)])
    dividend = await world.plan()
    await world.execute(dividend.id)
    run_sql(database_url, *(f"UPDATE procrastinate_jobs SET status = '{status}'" for status in ("doing", "failed")))
    results = await examine(database_url)
    assert [name for name, result in results.items() if result.status is Status.PROBLEM] == ["worker", "failed jobs"]
    assert "1 job(s) were given up" in results["failed jobs"].message
    await world.pay(dividend.id)
    assert all_is_well(await examine(database_url))


async def test_a_distribution_that_waits_for_a_person(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(3)])
    frozen = accounts(3)[1]
    await world.sandbox.admin.freeze([frozen], PAYMENT_TOKEN)
    dividend = await world.plan()
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    problem = the_problem(await examine(database_url), "failed distributions")
    assert f"{dividend.id} (GRB) with 1 holder(s)" in problem.message
    assert f"masspayout distribution retry {dividend.id}" in problem.hint
    await world.sandbox.admin.unfreeze([frozen], PAYMENT_TOKEN)
    await world.retry(dividend.id)
    await world.pay(dividend.id)
    assert all_is_well(await examine(database_url))


async def test_a_redemption_that_was_planned_again(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(3)])
    await world.sandbox.admin.freeze(accounts(3), PAYMENT_TOKEN)
    first = await world.plan()
    await world.execute(first.id)
    assert await world.pay(first.id) is DistributionStatus.FAILED
    again = await world.plan()
    run_sql(database_url, "UPDATE distribution SET contract_terms = 'redemption'")
    results = await examine(database_url)
    assert all_is_well(results)
    assert results["payer"].message == "Funded for 1 payout(s) that are due."
    async with runtime.database.unit_of_work() as session:
        await distributions.cancel(session, again.id)
    assert str(first.id) in the_problem(await examine(database_url), "failed distributions").message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE audit_entry SET actor_name = 'ben' WHERE number = 1", "Entry 1 "),
        ("DELETE FROM audit_entry WHERE number = (SELECT max(number) FROM audit_entry)", "missing at the end"),
    ],
)
async def test_an_audit_trail_that_somebody_changed(
    runtime: Context, database_url: URL, change: str, sentence: str
) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    await world.plan("3")
    assert (await examine(database_url))["audit trail"].status is Status.OK
    off, on = (f"ALTER TABLE audit_entry {verb} TRIGGER refuse_change" for verb in ("DISABLE", "ENABLE"))
    run_sql(database_url, off)
    assert "gone or switched off" in the_problem(await examine(database_url), "audit trail").message
    run_sql(database_url, change, on)
    assert sentence in the_problem(await examine(database_url), "audit trail").message


async def test_a_policy_that_nobody_can_meet(runtime: Context, database_url: URL) -> None:
    run_sql(
        database_url,
        "INSERT INTO policy (id, number, content, made_by, made_by_name, made_at) VALUES "
        """(masspayout_uuid7(), 1, '{"mode": "guarded", "approvals": 1}', 'USER:0', 'dora', now())""",
    )
    assert "1 of 2 people have to approve" in the_problem(await examine(database_url), "policy").message
    people = "SELECT masspayout_uuid7(), name, 'admin' FROM (VALUES ('ana'), ('ben')) AS people (name)"
    run_sql(database_url, f"INSERT INTO access_user (id, name, role) {people}")
    found = (await examine(database_url))["policy"]
    assert (found.status, "Version 1 is in force. Every payout needs 1" in found.message) == (Status.OK, True)
    run_sql(database_url, "ALTER TABLE distribution DISABLE TRIGGER require_approvals")
    assert "let no payout begin" in the_problem(await examine(database_url), "policy").message


async def test_a_webhook_that_is_not_taken(database_url: URL) -> None:
    run_sql(
        database_url,
        "INSERT INTO webhook (id, url, events, sealed_secret) "
        "VALUES (masspayout_uuid7(), 'https://example.com/', '{batch.*}', '')",
        "INSERT INTO webhook_event (id, type, data) VALUES (masspayout_uuid7(), 'batch.failed', '{}')",
        "INSERT INTO webhook_delivery (id, webhook_id, event_id, number, status, next_try_at, error) "
        "SELECT masspayout_uuid7(), w.id, e.id, 1, 'FAILED', now(), 'It answered 500.' FROM webhook w, webhook_event e",
    )
    assert "1 given up within a day" in the_problem(await examine(database_url), "webhooks").message
