"""Every check of the doctor, on the real thing that it is about: each names itself, what is wrong, and a command."""

import asyncio
import json
import signal
import socket
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import URL
from sqlalchemy.exc import InternalError
from typer.testing import CliRunner

from commands import commands, mentions
from databases import GUARDED_ROLE, fresh_database, run_sql
from listening import listen, poll
from masspayout import distributions
from masspayout.cli import app
from masspayout.context import Context
from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.diagnosis import Diagnosis
from masspayout.db.entities import Base, DistributionStatus
from masspayout.kernel.errors import NotFound
from masspayout.ledger.sandbox import Faults
from masspayout.registers import assets
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import CHECKS, Result, Status
from masspayout.settings import Settings
from payouts import PAYMENT_TOKEN, World, accounts
from workers import start_worker

PASSWORD = "correct horse battery staple"


def settings_of(url: URL, password: str = "") -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_host=str(url.query.get("host", url.host)),
        database_port=int(str(url.query.get("port", url.port))),
        database_user=url.username or "",
        database_password=password,  # type: ignore[arg-type]
        database_name=url.database or "",
    )


async def examine(url: URL, **arguments: float) -> dict[str, Result]:
    return by_name(await doctor.examine(settings_of(url), opening(), **arguments))  # type: ignore[arg-type]


def by_name(results: list[Result]) -> dict[str, Result]:
    """Check what holds of every report: all checks in order, and a known command in the hint of each problem."""
    assert [result.name for result in results] == [check.name for check in CHECKS]
    for result in results:
        assert "\n" not in result.message
        if result.status is Status.PROBLEM:
            named = [name for name, _ in mentions(result.hint)]
            assert named, result
            assert set(named) <= commands().keys(), result
        else:
            assert (result.hint, result.details) == ("", ()), result
    return {result.name: result for result in results}


def the_problem(results: dict[str, Result], name: str) -> Result:
    """Return the one problem, which must be that of this name; what comes before it is fine."""
    assert [result.name for result in results.values() if result.status is Status.PROBLEM] == [name]
    return results[name]


def all_is_well(results: dict[str, Result]) -> bool:
    return {result.status for result in results.values()} == {Status.OK}


async def test_a_fresh_database_is_fine_and_stays_as_it_is(database_url: URL) -> None:
    before = relations(database_url)
    assert all_is_well(await examine(database_url))
    assert relations(database_url) == before


async def test_the_doctor_cannot_write(database_url: URL) -> None:
    diagnosis = Diagnosis(database_url)
    async with diagnosis._engine.connect() as connection:
        with pytest.raises(InternalError, match="read-only"):
            await connection.exec_driver_sql("UPDATE asset SET name = 'x'")
    await diagnosis.close()


def relations(url: URL) -> list[str]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        query = "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class ORDER BY 1"
        return [name for (name,) in connection.execute(query)]


async def test_no_embedded_database_is_made(settings: Settings) -> None:
    problem = the_problem(by_name(await doctor.examine(settings, opening())), "database server")
    assert str(settings.data_dir) in problem.message
    assert {name for name, _ in mentions(problem.hint)} == {"demo", "db upgrade"}
    assert not settings.data_dir.exists()


async def test_an_embedded_database_is_started_and_not_migrated(settings: Settings) -> None:
    url = embedded.start(settings.data_dir)
    try:
        before = relations(url)
        results = by_name(await doctor.examine(settings, opening()))
        assert "has no tables yet" in the_problem(results, "migrations").message
        assert relations(url) == before
    finally:
        embedded.leave(settings.data_dir)


async def test_connection_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = Settings(_env_file=None, database_host="127.0.0.1", database_port=port)  # type: ignore[call-arg]
        results = by_name(await doctor.examine(settings, opening()))
    problem = the_problem(results, "database server")
    assert problem.message == f"No PostgreSQL server answers at 127.0.0.1:{port}."
    others = [result for result in results.values() if result is not problem]
    assert {(result.status, result.message) for result in others} == {
        (Status.NOT_CHECKED, "First fix: database server.")
    }


@pytest.fixture
def guarded_url(debian_server: URL) -> Iterator[URL]:
    """The address of a server that asks this role for its password."""
    run_sql(debian_server, f"CREATE ROLE {GUARDED_ROLE} LOGIN PASSWORD '{PASSWORD}'")
    yield debian_server.set(username=GUARDED_ROLE)
    run_sql(debian_server, f"DROP ROLE {GUARDED_ROLE}")


async def test_wrong_password(guarded_url: URL) -> None:
    wrong = PASSWORD.title()
    results = by_name(await doctor.examine(settings_of(guarded_url, wrong), opening()))
    problem = the_problem(results, "login")
    assert f"refuses the password of the role {GUARDED_ROLE}" in problem.message
    assert "DATABASE_PASSWORD" in problem.hint
    assert wrong not in str(results)

    results = by_name(await doctor.examine(settings_of(guarded_url, PASSWORD), opening()))
    assert results["login"].status is Status.OK
    assert PASSWORD not in str(results)


async def test_missing_database(server_url: URL) -> None:
    problem = the_problem(await examine(server_url.set(database="nowhere")), "database")
    assert problem.message.startswith("There is no database nowhere")


async def test_a_database_that_can_only_be_read(database_url: URL) -> None:
    run_sql(database_url, f'ALTER DATABASE "{database_url.database}" SET default_transaction_read_only = on')
    problem = the_problem(await examine(database_url), "database")
    assert problem.message == f"The database {database_url.database} can only be read."
    assert "standby" in problem.hint


async def test_a_server_that_is_too_old(database_url: URL) -> None:
    answer = "PostgreSQL 14.9 on x86_64-pc-linux-gnu"
    run_sql(
        database_url,
        f"CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text STABLE LANGUAGE sql AS $$SELECT '{answer}'$$",
    )
    problem = the_problem(await examine(database_url), "server version")
    assert problem.message == "The server runs PostgreSQL 14.9, and masspayout needs 15 or newer."


async def test_pending_migrations(database_url: URL) -> None:
    (taken_back,) = migrations.downgrade(database_url)
    problem = the_problem(await examine(database_url), "migrations")
    assert taken_back.id in problem.message
    assert problem.details == (f"{taken_back.id}: {taken_back.message}",)
    assert problem.hint == "Migrate it: masspayout db upgrade"
    migrations.upgrade(database_url)
    assert all_is_well(await examine(database_url))


async def test_a_database_of_a_newer_version(database_url: URL) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert "revision 9999" in the_problem(await examine(database_url), "migrations").message


async def test_tables_of_somebody_else(empty_database_url: URL) -> None:
    run_sql(empty_database_url, "CREATE TABLE asset (id int)")
    assert "not made by masspayout" in the_problem(await examine(empty_database_url), "migrations").message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE distribution DROP COLUMN concept", "distribution.concept is missing"),
        ("DROP TABLE ledger_sequence", "the table ledger_sequence is missing"),
        (
            "ALTER TABLE asset ALTER decimals TYPE bigint",
            "asset.decimals is of type BIGINT; it should be INTEGER",
        ),
        ("ALTER TABLE asset ALTER name DROP NOT NULL", "asset.name is nullable, and should not be"),
        (
            "ALTER TABLE holder DROP CONSTRAINT holder_asset_id_fkey",
            "the foreign key holder_asset_id_fkey of holder is missing",
        ),
    ],
)
async def test_a_schema_that_somebody_changed(database_url: URL, change: str, sentence: str) -> None:
    run_sql(database_url, change)
    problem = the_problem(await examine(database_url), "tables")
    assert problem.details == (sentence,)


async def test_missing_indexes_come_with_the_sql_that_mends_them(database_url: URL) -> None:
    drop_indexes(database_url)
    dropped = await examine(database_url)
    problem = the_problem(dropped, "indexes")
    wanted = {str(index.name) for table in Base.metadata.tables.values() for index in table.indexes}
    assert {f"{name} of" in problem.message for name in wanted} == {True}
    assert "idx_holder_unique of holder is missing" in problem.message
    run_sql(database_url, *problem.details)
    assert all_is_well(await examine(database_url))
    assert migrations.check(database_url) == []


def drop_indexes(url: URL) -> None:
    """Drop every index and UNIQUE constraint of the entities, but the primary keys."""
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        for table in Base.metadata.tables:
            rows = connection.execute(
                "SELECT conname FROM pg_constraint WHERE contype = 'u' AND conrelid = %s::regclass", [table]
            ).fetchall()
            for (name,) in rows:
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            rows = connection.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisprimary AND indrelid = %s::regclass",
                [table],
            ).fetchall()
            for (name,) in rows:
                connection.execute(f"DROP INDEX {name}")


async def test_an_index_that_was_built_in_vain_or_otherwise(runtime: Context, database_url: URL) -> None:
    await World.make(runtime, [("0.0.20000", 1)])
    run_sql(database_url, "DROP INDEX idx_asset_sync_status", "DROP INDEX idx_holder_account")
    run_sql(
        database_url,
        "INSERT INTO asset SELECT gen_random_uuid(), '0.0.4', name, symbol, total_supply, decimals FROM asset",
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        run_sql(database_url, "CREATE UNIQUE INDEX CONCURRENTLY idx_asset_sync_status ON asset (name)")
    run_sql(database_url, "CREATE INDEX idx_holder_account ON holder (balance)")
    problem = (await examine(database_url))["indexes"]
    assert problem.status is Status.PROBLEM
    assert "idx_asset_sync_status of asset is invalid" in problem.message
    assert "idx_holder_account is on holder (balance)" in problem.message
    for statements in problem.details:
        run_sql(database_url, *statements.split("; "))
    assert (await examine(database_url))["indexes"].status is Status.OK


async def test_a_hot_query_that_reads_everything(runtime: Context, database_url: URL) -> None:
    world = await World.make(runtime, [("0.0.20000", 1)])
    await world.plan()
    run_sql(
        database_url,
        """INSERT INTO holder (id, asset_id, account_id, balance)
           SELECT gen_random_uuid(), asset.id, '0.0.' || 30000 + number, 1 FROM asset, generate_series(1, 12000) number
        """,
        "ANALYZE holder",
    )
    assert (await examine(database_url))["query plans"].status is Status.OK
    run_sql(database_url, "DROP INDEX idx_holder_batch", "DROP INDEX idx_holder_distribution")
    run_sql(database_url, "ALTER TABLE holder DROP CONSTRAINT idx_holder_unique")
    problem = (await examine(database_url))["query plans"]
    assert problem.status is Status.PROBLEM
    assert "holder" in problem.message
    assert any("Seq Scan on holder" in line for line in problem.details)
    assert any(line.startswith("attach holders to an attempt: reads all 12,0") for line in problem.details)


async def test_a_transaction_that_somebody_leaves_open(database_url: URL) -> None:
    with psycopg.connect(**connect_arguments(database_url)) as other:
        other.execute("SELECT 1 AS left_open -- ALTER ROLE x PASSWORD 'a secret'")
        problem = the_problem(await examine(database_url, slow_ms=1), "slow queries")
        assert f"process {other.info.backend_pid} (idle in transaction)" in problem.message
        assert "left_open" in problem.details[0]
        assert "secret" not in problem.details[0]
    assert all_is_well(await examine(database_url))


@pytest.fixture
def debian_url(debian_server: URL) -> Iterator[URL]:
    """The address of a fresh, migrated database on PostgreSQL 15, which keeps statistics of statements."""
    with fresh_database(debian_server) as url:
        migrations.upgrade(url)
        yield url


async def test_a_statement_that_is_often_slow(debian_url: URL) -> None:
    assert (await examine(debian_url, slow_ms=2))["slow queries"].status is Status.OK
    run_sql(debian_url, "CREATE EXTENSION pg_stat_statements", *["SELECT pg_sleep(0.05)"] * 20)
    problem = the_problem(await examine(debian_url, slow_ms=2), "slow queries")
    assert "pg_sleep" in problem.details[0]
    run_sql(debian_url, "SELECT pg_stat_statements_reset()")
    assert all_is_well(await examine(debian_url, slow_ms=2))


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
    assert "1 transaction(s) are undecided for more than 5 minutes" in results["undecided transactions"].message
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


def test_the_command_tells_each_check_in_a_line(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    use(database_url, monkeypatch)
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[:-1]] == ["ok"] * len(CHECKS)
    assert lines[-1] == "All checks passed."


def test_the_command_fails_when_there_is_a_problem(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations.downgrade(database_url)
    use(database_url, monkeypatch)
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == 1
    assert "problem      migrations: The database" in result.output
    assert "hint: Migrate it: masspayout db upgrade" in result.output
    assert "not checked  indexes: First fix: migrations." in result.output

    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["problem_count"] == 1
    assert [check["name"] for check in report["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in report["checks"]} == {"ok", "problem", "not checked"}


def use(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(url)
    monkeypatch.setenv("DATABASE_HOST", str(settings.database_host))
    monkeypatch.setenv("DATABASE_PORT", str(settings.database_port))
    monkeypatch.setenv("DATABASE_NAME", settings.database_name)
