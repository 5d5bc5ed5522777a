"""The application's role does all of the work, and can do nothing to the audit trail but add to it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import URL

from command_line import environment
from databases import application_url, fresh_database, run_sql
from doctor_reports import by_name, examine
from masspayout import audit
from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.opening import open_database
from masspayout.db.session import Database
from masspayout.kernel.errors import DatabaseMismatch
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.runtime import opening
from masspayout.service import doctor
from masspayout.service.doctor import Status
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

DENIALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException, psycopg.errors.IntegrityError)

# What somebody could try who has got hold of the application's role.
ATTACKS = {
    "change": "UPDATE audit_entry SET actor_name = 'ben'",
    "delete": "DELETE FROM audit_entry",
    "truncate": "TRUNCATE audit_entry",
    "truncate with others": "TRUNCATE asset, audit_entry CASCADE",
    "drop": "DROP TABLE audit_entry",
    "drop the schema": "DROP SCHEMA public CASCADE",
    "merge": "MERGE INTO audit_entry AS a USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "switch a trigger off": "ALTER TABLE audit_entry DISABLE TRIGGER refuse_change",
    "drop a trigger": "DROP TRIGGER refuse_change ON audit_entry",
    "replay as a replica": "SET session_replication_role = replica",
    "become the owner": "SET ROLE {owner}",
    "log in as the owner": "SET SESSION AUTHORIZATION {owner}",
    "be given the owner": "GRANT {owner} TO CURRENT_USER",
    "become a superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
    "take the table": "ALTER TABLE audit_entry OWNER TO CURRENT_USER",
    "take rights": "GRANT ALL ON audit_entry TO CURRENT_USER; DELETE FROM audit_entry",
    "move the head": "UPDATE audit_head SET number = 0",
    "fix the head": "UPDATE audit_head SET hash = repeat('0', 64), updated_at = now()",
    "delete the head": "DELETE FROM audit_head",
    "add a head": "INSERT INTO audit_head (id, number, hash) VALUES (masspayout_uuid7(), 9, '')",
    "replace a guard": (
        "CREATE OR REPLACE FUNCTION masspayout_refuse_change() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NULL; END'"
    ),
    "drop a guard": "DROP FUNCTION masspayout_move_head() CASCADE",
    "add a trigger": (
        "CREATE TRIGGER a BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()"
    ),
    "add a rule": "CREATE RULE r AS ON INSERT TO audit_entry DO INSTEAD NOTHING",
    "use the head's trigger": (
        "CREATE TEMPORARY TABLE mine (LIKE audit_entry); "
        "CREATE TRIGGER a AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION masspayout_move_head()"
    ),
    "make a function": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1",
    "make a schema": "CREATE SCHEMA mine",
    "run a program": "COPY audit_entry TO PROGRAM 'cat'",
    "insert out of turn": (
        "INSERT INTO audit_entry (id, number, actor_kind, actor_id, actor_name, action, subject_type, subject_id, "
        "previous_hash, hash) VALUES (masspayout_uuid7(), 99, '', '', '', '', '', '', '', '')"
    ),
    "go back a revision": "UPDATE alembic_version SET version_num = '0008'",
}


@contextmanager
def two_roles(server: URL) -> Iterator[tuple[URL, URL]]:
    """A database of a role that is no superuser, as docs/postgresql.md makes it: the owner's address, the other's."""
    name = uuid.uuid4().hex[:12]
    owner, application = f"owner_{name}", f"app_{name}"
    with fresh_database(server) as url:
        run_sql(
            url,
            f"CREATE ROLE {owner} LOGIN",
            f"CREATE ROLE {application} LOGIN",
            f"GRANT {application} TO {owner}",
            f'ALTER DATABASE "{url.database}" OWNER TO {owner}',
        )
        yield url.set(username=owner), url.set(username=application)
        run_sql(url, f"DROP OWNED BY {application}, {owner} CASCADE")
    run_sql(server, f"DROP ROLE {owner}", f"DROP ROLE {application}")


@pytest.fixture(scope="module")
def addresses(server_url: URL) -> Iterator[tuple[URL, URL]]:
    """The addresses of the owner and of the application, on each server."""
    with two_roles(server_url) as (owner, application):
        migrations.upgrade(owner, application_role=application.username)
        yield owner, application


@pytest.fixture
async def application(addresses: tuple[URL, URL]) -> AsyncIterator[Database]:
    database = Database(addresses[1])
    yield database
    await database.close()


async def write(database: Database, count: int) -> None:
    for number in range(count):
        async with database.unit_of_work() as work:
            audit.record(work, "thing.done", f"{number}")


async def test_a_payout_is_paid_by_a_role_that_owns_nothing(application: Database, settings: Settings) -> None:
    runtime = make_runtime(application, settings)
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    dividend = await world.plan("300")
    await world.execute(dividend.id)
    await world.pay(dividend.id)
    async with application.unit_of_work() as work:
        assert (await work.distributions.get(dividend.id)).status == "COMPLETED"
    assert (await audit.verify(application)).holds
    await runtime.ledger.close()


@pytest.mark.parametrize("attack", ATTACKS)
async def test_nothing_that_the_application_can_do_changes_the_trail(
    application: Database, addresses: tuple[URL, URL], attack: str
) -> None:
    await write(application, 3)
    before = await audit.verify(application)
    owner, url = addresses
    statement = ATTACKS[attack].replace("{owner}", str(owner.username))
    with pytest.raises(DENIALS):
        await asyncio.to_thread(run_sql, url, statement)
    after = await audit.verify(application)
    assert after.holds
    assert (after.entry_count, after.last_hash) == (before.entry_count, before.last_hash)


async def test_the_doctor_sees_who_could_change_the_trail(addresses: tuple[URL, URL]) -> None:
    owner, application = addresses
    assert (await examine(application))["database roles"].status is Status.OK
    warned = (await examine(owner))["database roles"]
    assert warned.status is Status.WARNING
    assert "it owns the table audit_entry" in warned.message
    assert "DATABASE_OWNER_USER" in warned.hint


POWERS = {
    "GRANT DELETE ON audit_entry TO APP": "change, delete or truncate",
    "GRANT UPDATE (actor_name) ON audit_entry TO APP": "change, delete or truncate",
    "GRANT UPDATE (number) ON audit_head TO APP": "audit_head",
    "GRANT OWNER TO APP": "owns the table",
    "GRANT CREATE ON SCHEMA public TO APP": "create tables",
    "GRANT SET ON PARAMETER session_replication_role TO APP": "session_replication_role",
    "GRANT pg_execute_server_program TO APP": "files or run its programs",
    "ALTER ROLE APP SUPERUSER": "is a superuser",
}


@pytest.mark.parametrize("change", POWERS)
async def test_each_power_over_the_trail_is_named(server_url: URL, change: str) -> None:
    with two_roles(server_url) as (owner, application):
        migrations.upgrade(owner, application_role=application.username)
        superuser = owner.set(username=server_url.username)
        if change == "GRANT OWNER TO APP":  # roles are not members of each other
            run_sql(superuser, f"REVOKE {application.username} FROM {owner.username}")
        statement = change.replace("OWNER", str(owner.username)).replace("APP", str(application.username))
        run_sql(superuser, statement)
        found = (await examine(application))["database roles"]
        assert (found.status, POWERS[change] in found.message) == (Status.WARNING, True), found.message
        if "PARAMETER" in change:
            run_sql(superuser, f"REVOKE SET ON PARAMETER session_replication_role FROM {application.username}")


def test_a_database_of_one_role_is_given_to_another(server_url: URL) -> None:
    """The statements of docs/postgresql.md, and ``db upgrade``."""
    with two_roles(server_url) as (owner, application):
        superuser = owner.set(username=server_url.username)
        run_sql(superuser, f'ALTER DATABASE "{owner.database}" OWNER TO {application.username}')
        migrations.upgrade(application)
        run_sql(application, "CREATE SCHEMA sandbox", "CREATE TABLE sandbox.network (one INT)")
        run_sql(
            superuser,
            f'ALTER DATABASE "{owner.database}" OWNER TO {owner.username}',
            f"REASSIGN OWNED BY {application.username} TO {owner.username}",
        )
        assert migrations.upgrade(owner, application_role=application.username) == []
        run_sql(application, "INSERT INTO sandbox.network VALUES (1)", "CREATE TABLE sandbox.token (one INT)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_sql(application, "ALTER TABLE audit_entry DISABLE TRIGGER USER")


def test_an_owner_that_may_not_act_for_the_application_is_told_how(server_url: URL) -> None:
    with two_roles(server_url) as (owner, application):
        run_sql(owner.set(username=server_url.username), f"REVOKE {application.username} FROM {owner.username}")
        with pytest.raises(DatabaseMismatch, match="has not been granted to") as refused:
            migrations.upgrade(owner, application_role=application.username)
        assert f"GRANT {application.username} TO {owner.username}" in refused.value.hint
        assert migrations.status(owner).revision is None
        with pytest.raises(DatabaseMismatch, match="is no role of this server"):
            migrations.upgrade(owner, application_role="nobody_of_this_name")


async def test_an_embedded_database_of_an_earlier_version_gets_a_role_for_the_application(settings: Settings) -> None:
    owner = embedded.start(settings.data_dir)
    try:
        migrations.upgrade(owner, "0022")
        sandbox = SandboxLedger(owner, settings)
        await sandbox.admin.now()
        await sandbox.close()
        run_sql(owner, f"DROP ROLE {embedded.APPLICATION_ROLE}")
        embedded.leave(settings.data_dir)

        problem = by_name(await doctor.examine(settings, opening()))["migrations"]
        assert "permission denied" in problem.message
        assert "db upgrade" in problem.hint
        async with open_database(settings) as database:
            assert database.url.username == embedded.APPLICATION_ROLE
            runtime = make_runtime(database, settings)
            world = await World.make(runtime, [(account, 100) for account in accounts(3)])
            await world.plan("3")
            await runtime.ledger.close()
        with (
            psycopg.connect(**connect_arguments(application_url(owner))) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("DELETE FROM audit_entry")
        assert by_name(await doctor.examine(settings, opening()))["database roles"].status is Status.OK
    finally:
        embedded.leave(settings.data_dir)


def test_commands_connect_as_the_role_that_they_need(database_url: URL) -> None:
    values = {name.lower(): value for name, value in environment(database_url).items()}
    settings = Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]
    assert settings.external_database_url.username == embedded.APPLICATION_ROLE
    assert settings.external_owner_url.username == database_url.username
    assert Settings(_env_file=None, database_host="h").external_owner_url.username == "masspayout"  # type: ignore[call-arg]
