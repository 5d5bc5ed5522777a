"""The doctor's checks of the ledger: whether it answers, its tokens, and the payer with its funds."""

import uuid

import psycopg
from sqlalchemy import URL

from databases import run_sql
from doctor_reports import all_is_well, examine, settings_of, the_problem
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import DistributionStatus
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import Status
from payouts import PAYMENT_TOKEN, World, accounts


async def test_a_ledger_of_another_version(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    run_sql(database_url, "UPDATE sandbox.network SET schema_version = 99")
    result = {each.name: each for each in await doctor.examine(settings_of(database_url), opening())}["ledger"]
    assert result.status is Status.PROBLEM
    assert "version 99" in result.message


async def test_a_ledger_that_does_not_answer(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    with psycopg.connect(**connect_arguments(database_url)) as other:
        other.execute("LOCK TABLE sandbox.token")
        results = await examine(database_url, patience_seconds=8)
        assert the_problem(results, "ledger").message == "There was no answer within 8 seconds."
    assert all_is_well(await examine(database_url))


async def test_a_ledger_that_refuses_our_role(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    role = f"reader_{uuid.uuid4().hex}"
    run_sql(database_url, f"CREATE ROLE {role} LOGIN", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        results = await examine(database_url.set(username=role))
        assert "permission denied" in the_problem(results, "ledger").message
    finally:
        run_sql(database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_role_without_rights(database_url: URL) -> None:
    role = f"nobody_{uuid.uuid4().hex}"
    run_sql(database_url, f"CREATE ROLE {role} LOGIN")
    try:
        problem = the_problem(await examine(database_url.set(username=role)), "migrations")
        assert f"The role {role} may not do this" in problem.message
    finally:
        run_sql(database_url, f"DROP ROLE {role}")


async def test_a_payment_token_that_is_paused(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    await world.sandbox.admin.set_paused(PAYMENT_TOKEN, paused=True)
    assert all_is_well(await examine(database_url))
    dividend = await world.plan()
    problem = the_problem(await examine(database_url), "payment tokens")
    assert f"masspayout sandbox unpause {PAYMENT_TOKEN}" in problem.hint
    assert str(dividend.id) in problem.details[0]


async def test_a_payer_that_is_short_of_funds(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(4)], funds_units=1_500_000_000)
    await world.plan("1000")
    assert all_is_well(await examine(database_url))
    await world.plan("700.25")
    problem = the_problem(await examine(database_url), "payer")
    assert "holds 1,500.000000 of 0.0.7001, and 2 payout(s) need 1,700.250000" in problem.message
    assert "200.250000 are missing" in problem.message
    assert "masspayout sandbox deposit 0.0.7001 200.250000 --to 0.0.1001" in problem.hint
    assert len(problem.details) == 2
    await world.sandbox.admin.deposit(PAYMENT_TOKEN, 200_250_000, "0.0.1001")
    assert all_is_well(await examine(database_url))
    await world.plan("1" + "0" * 30)
    problem = the_problem(await examine(database_url), "payer")
    assert f"masspayout sandbox deposit 0.0.7001 1{'0' * 30}.000000 --to 0.0.1001" in problem.hint


async def test_what_is_paid_already_needs_no_funds(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [(account, 1) for account in accounts(4)], funds_units=1_000_000_000)
    await world.sandbox.admin.freeze([accounts(4)[0]], PAYMENT_TOKEN)
    dividend = await world.plan("1000")
    await world.execute(dividend.id)
    assert await world.pay(dividend.id) is DistributionStatus.FAILED
    results = await examine(database_url)
    assert the_problem(results, "failed distributions")
    assert results["payer"].message == "Funded for 1 payout(s) that are due."


async def test_a_payer_that_is_frozen(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    await world.plan()
    await world.sandbox.admin.freeze(["0.0.1001"], PAYMENT_TOKEN)
    problem = the_problem(await examine(database_url), "payer")
    assert "cannot send 0.0.7001: ACCOUNT_FROZEN_FOR_TOKEN" in problem.message
