"""The audit trail: whole with what it tells of, one chain however many write, and broken by whatever is done to it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, make_url

from command_line import environment
from databases import fresh_database, run_sql
from masspayout import audit, distributions
from masspayout.automation import series
from masspayout.context import Context
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import AuditEntry, DistributionType, ExecutionType, Frequency, PayoutType
from masspayout.db.repositories import AuditEntries
from masspayout.db.session import Database
from masspayout.db.types import uuid7
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.errors import Conflict
from masspayout.kernel.payout_terms import PayoutTerms
from payouts import World, accounts
from places import DOCS

ANA = Actor(ActorKind.USER, "0190", "ana", "192.0.2.7")
NOW = datetime(2031, 1, 1, tzinfo=UTC)
DOCUMENT = DOCS / "audit.md"


async def entries_of(database: Database) -> list[AuditEntry]:
    async with database.unit_of_work() as session:
        return [entry async for entry in AuditEntries(session).stream()]


async def write(database: Database, count: int, action: str = "thing.done") -> None:
    for number in range(count):
        async with database.unit_of_work() as session:
            audit.record(session, action, f"{number}", before={"n": number}, after={"n": number + 1, "who": "Zoë"})


async def test_what_is_done_to_a_distribution_is_told_in_order(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    with acting_as(ANA):
        dividend = await world.plan("300", concept="Dividend 2031")
        await world.execute(dividend.id)
    await world.pay(dividend.id)

    found = await entries_of(runtime.database)
    of_it = [entry for entry in found if entry.subject_id == str(dividend.id)]
    assert [(entry.action, entry.actor_name, entry.source_address) for entry in of_it] == [
        ("distribution.created", "ana", "192.0.2.7"),
        ("distribution.frozen", "ana", "192.0.2.7"),
        ("distribution.executed", "ana", "192.0.2.7"),
        ("distribution.finished", "masspayout", None),
    ]
    created, frozen, executed, finished = of_it
    assert created.after is not None
    assert (created.after["amount"], created.after["concept"], created.before) == ("300", "Dividend 2031", None)
    assert frozen.after is not None
    assert frozen.after["register_hash"] == dividend.register_hash
    assert (executed.before, finished.after) == ({"status": "PENDING"}, {"status": "COMPLETED"})
    assert executed.after == {
        "status": "PROCESSING",
        "register_hash": dividend.register_hash,
        "total_amount": "300.000000",
    }
    assert "asset.imported" in {entry.action for entry in found}
    assert (await audit.verify(runtime.database)).holds


async def test_what_came_to_nothing_leaves_no_entry(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    dividend = await world.plan("300")
    before = await entries_of(runtime.database)
    async with runtime.database.unit_of_work() as session:
        await distributions.cancel(session, dividend.id)
        await session.rollback()
    with pytest.raises(Conflict):
        await world.retry(dividend.id)
    async with runtime.database.unit_of_work() as session:
        audit.record(session, "thing.kept", "1")
        async with session.begin_nested() as savepoint:
            audit.record(session, "thing.dropped", "2")
            async with session.begin_nested():
                audit.record(session, "thing.dropped", "3")
            await savepoint.rollback()
        async with session.begin_nested():
            audit.record(session, "thing.kept", "4")
    after = await entries_of(runtime.database)
    assert [(entry.action, entry.subject_id) for entry in after[len(before) :]] == [
        ("thing.kept", "1"),
        ("thing.kept", "4"),
    ]
    assert (await audit.verify(runtime.database)).holds


async def test_what_commits_by_itself_cannot_be_written_down(database: Database) -> None:
    async with database.single_statement() as session:
        with pytest.raises(RuntimeError, match="unit_of_work"):
            audit.record(session, "thing.done", "1")


async def test_a_series_and_what_it_makes_is_told(runtime: Context) -> None:
    world = await World.make(runtime, [(account, 100) for account in accounts(3)])
    terms = PayoutTerms(
        type=DistributionType.COUPON,
        payout_type=PayoutType.FIXED,
        amount=Decimal(3),
        execution_type=ExecutionType.RECURRING,
    )
    async with runtime.database.unit_of_work() as session:
        calendar = series.Calendar(Frequency.DAILY, NOW + timedelta(days=1))
        made = await series.create(runtime, world.asset, terms, calendar, now=NOW)
    async with runtime.database.unit_of_work() as session:
        await series.pause(session, made)
    async with runtime.database.unit_of_work() as session:
        await series.cancel(session, await series.find(session, str(made.id)))
    actions = [(entry.action, entry.before) for entry in await entries_of(runtime.database)][-5:]
    assert actions == [
        ("series.created", None),
        ("distribution.created", None),
        ("series.paused", {"status": "ACTIVE"}),
        ("series.cancelled", {"status": "PAUSED"}),
        ("distribution.cancelled", {"status": "PENDING"}),
    ]


async def test_many_writers_make_one_chain(database: Database, database_url: URL) -> None:
    """Some in this process, over many connections, and some in another process."""
    url = database_url.render_as_string(hide_password=False)
    other = await asyncio.create_subprocess_exec(sys.executable, __file__, url, "40")
    # It is still starting: our own writers go on until it is done, so that the two meet.
    while other.returncode is None:
        await asyncio.gather(*(write(database, 5) for _ in range(8)))
        await asyncio.sleep(0)
    assert await other.wait() == 0
    assert (await audit.verify(database)).holds
    written = await entries_of(database)
    assert [entry.number for entry in written] == list(range(1, len(written) + 1))
    assert sum(entry.action == "other.done" for entry in written) == 40


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET after = NULL", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
async def test_the_database_refuses_to_change_the_trail(database: Database, database_url: URL, statement: str) -> None:
    await write(database, 3)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
        run_sql(database_url, statement)
    assert (await audit.verify(database)).entry_count == 3


TAMPERING = {
    "changed": ("UPDATE audit_entry SET actor_name = 'ben' WHERE number = 3", "Entry 3 ", "was changed"),
    "changed with its hash": (
        "UPDATE audit_entry SET actor_name = 'ben', hash = repeat('a', 64) WHERE number = 3",
        "Entry 3 ",
        "was changed",
    ),
    "its time changed": (
        "UPDATE audit_entry SET created_at = created_at - interval '1 day' WHERE number = 3",
        "Entry 3 ",
        "was changed",
    ),
    "emptied": ("UPDATE audit_entry SET created_at = NULL WHERE number = 3", "Entry 3 ", "was changed"),
    "deleted": ("DELETE FROM audit_entry WHERE number = 3", "Entry 3 is missing", ""),
    "the first ones deleted": ("DELETE FROM audit_entry WHERE number < 3", "Entries 1 to 2 are missing", ""),
    "the last one deleted": ("DELETE FROM audit_entry WHERE number = 5", "Entry 5 is missing at the end", ""),
    "all deleted": ("DELETE FROM audit_entry", "Entries 1 to 5 are missing at the end", ""),
    "deleted and renumbered": (
        (
            "DELETE FROM audit_entry WHERE number = 3; UPDATE audit_entry SET number = number - 1 WHERE number > 3;"
            "UPDATE audit_head SET number = 4"
        ),
        "Entry 3 ",
        "does not follow",
    ),
    "inserted": (
        (
            "ALTER TABLE audit_entry DROP CONSTRAINT idx_audit_number;"
            "INSERT INTO audit_entry SELECT masspayout_uuid7(), "
            "number, actor_kind, actor_id, 'ben', source_address, action, subject_type, subject_id, before, after, "
            "previous_hash, hash, created_at FROM audit_entry WHERE number = 3"
        ),
        "Entry 3 ",
        "inserted or moved",
    ),
    "swapped": (
        (
            "UPDATE audit_entry SET number = 99 WHERE number = 2; UPDATE audit_entry SET number = 2 WHERE number = 4;"
            "UPDATE audit_entry SET number = 4 WHERE number = 99"
        ),
        "Entry 2 ",
        "was changed",
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
async def test_whatever_is_done_to_the_trail_is_found_and_named(
    database: Database, database_url: URL, how: str
) -> None:
    await write(database, 5)
    statement, named, said = TAMPERING[how]
    run_sql(database_url, "ALTER TABLE audit_entry DISABLE TRIGGER USER", statement)
    found = await audit.verify(database)
    assert not found.holds
    assert any(named in sentence and said in sentence for sentence in found.breaks), found.breaks


async def test_a_chain_that_was_written_anew_from_the_start_lacks_the_hash_that_was_noted(
    database: Database, database_url: URL
) -> None:
    await write(database, 3)
    noted = (await audit.verify(database)).last_hash
    await write(database, 2)
    assert (await audit.verify(database, [audit.Head(None, noted)])).holds
    run_sql(
        database_url,
        "ALTER TABLE audit_entry DISABLE TRIGGER refuse_change",
        "DELETE FROM audit_entry",
        "UPDATE audit_head SET number = 0, hash = repeat('0', 64)",
    )
    await write(database, 5, "thing.invented")
    assert (await audit.verify(database)).holds
    assert (await audit.verify(database, [audit.Head(None, noted)])).breaks == [
        f"No entry has the hash {noted}, which was noted earlier."
    ]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aZé_\u2028😀", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
async def shared_database(embedded_server: URL, migrated_template: str) -> AsyncIterator[Database]:
    with fresh_database(embedded_server, template=migrated_template) as url:
        database = Database(url)
        yield database
        await database.close()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.text(min_size=1, max_size=3, alphabet="abcé\u2028"), JSON_VALUES, max_size=4))
async def test_whatever_is_written_down_hashes_alike_when_it_is_read(
    shared_database: Database, values: dict[str, object]
) -> None:
    async with shared_database.unit_of_work() as session:
        audit.record(session, "thing.done", uuid7(), after=values)
    found = await audit.verify(shared_database)
    assert found.holds, found.breaks


async def test_a_float_is_refused_because_it_would_not_come_back(database: Database) -> None:
    async with database.unit_of_work() as session:
        with pytest.raises(TypeError, match="float"):
            audit.record(session, "thing.done", "1", after={"amount": 0.1})


async def test_the_documented_way_of_verifying_agrees(database: Database, database_url: URL) -> None:
    await write(database, 30)
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    command_line = [sys.executable, "-m", "masspayout", "audit", "list", "--limit", "1000", "--json"]
    exported = await asyncio.to_thread(
        subprocess.run, command_line, env=os.environ | environment(database_url), capture_output=True, check=True
    )

    async def verify(trail: bytes) -> bytes:
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", program], input=trail, capture_output=True, check=False
        )
        return bytes(ran.stdout + ran.stderr)

    assert b"30 entries" in await verify(exported.stdout)
    tampered = json.loads(exported.stdout)
    tampered["items"][7]["actor_name"] = "ben"
    assert f"entry {tampered['items'][7]['number']} ".encode() in await verify(json.dumps(tampered).encode())


def test_the_head_is_one_row(database_url: URL) -> None:
    with psycopg.connect(**connect_arguments(database_url)) as connection:
        assert connection.execute("SELECT count(*), max(number) FROM audit_head").fetchall() == [(1, 0)]


async def _write_in_another_process(url: str, count: str) -> None:
    database = Database(make_url(url))
    await write(database, int(count), "other.done")
    await database.close()


if __name__ == "__main__":
    asyncio.run(_write_in_another_process(*sys.argv[1:]))
