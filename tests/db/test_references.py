"""References: an id, the beginning of one, or ``latest``, found by a range of the primary key."""

import json
import uuid
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, event

from databases import run_sql
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Webhook
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid, NotFound

FIRST, LAST = "0197f000-0000-7000-8000-000000000000", "0197f000-ffff-ffff-ffff-ffffffffffff"
BEFORE, AFTER = "0197efff-ffff-ffff-ffff-ffffffffffff", "0197f001-0000-0000-0000-000000000000"
MANY = 5000


async def add(database: Database, *ids: str) -> None:
    async with database.unit_of_work() as work:
        for each in ids:
            webhook = Webhook(id=uuid.UUID(each), url=each, events=[], sealed_secret="sealed", enabled=True)
            await work.webhooks.save(webhook)


async def found(database: Database, reference: str) -> str:
    async with database.unit_of_work() as work:
        return str((await work.webhooks.get_by_reference(reference)).id)


async def test_the_beginning_of_an_id_is_enough_where_no_other_id_begins_so(database: Database) -> None:
    await add(database, FIRST, BEFORE, AFTER)
    for reference in (FIRST, FIRST.upper(), FIRST.replace("-", ""), "0197f000", "0197F000-0", f" {FIRST} "):
        assert await found(database, reference) == FIRST
    assert await found(database, "0197e") == BEFORE
    assert await found(database, "0197f001") == AFTER


async def test_both_ends_of_a_range_belong_to_it(database: Database) -> None:
    await add(database, LAST, BEFORE, AFTER)
    assert await found(database, "0197f000") == LAST


async def test_ids_that_begin_alike_are_named(database: Database) -> None:
    await add(database, FIRST, LAST, BEFORE)
    with pytest.raises(Invalid) as refused:
        await found(database, "0197f000")
    assert FIRST in refused.value.message
    assert LAST in refused.value.message
    assert BEFORE not in refused.value.message
    assert refused.value.hint


async def test_of_many_ids_that_begin_alike_some_are_named(database: Database) -> None:
    await add(database, *(FIRST[:-1] + digit for digit in "0123456789"))
    with pytest.raises(Invalid, match="and more"):
        await found(database, "0197")


@pytest.mark.parametrize("reference", ["", "0", "019", "latest", "nonsense", "0197f001", FIRST + "0", "0197_000"])
async def test_no_row_is_taken_for_one_that_is_not_meant(database: Database, reference: str) -> None:
    if reference != "latest":
        await add(database, FIRST)
    with pytest.raises(NotFound) as refused:
        await found(database, reference)
    assert refused.value.hint


async def test_the_latest_is_the_first_of_the_list(database: Database) -> None:
    await add(database, AFTER)
    await add(database, FIRST)
    assert await found(database, "latest") == await found(database, " LATEST ") == FIRST


async def test_a_long_table_is_not_read_for_the_beginning_of_an_id(database: Database, database_url: URL) -> None:
    run_sql(
        database_url,
        "INSERT INTO webhook (id, url, events, sealed_secret, enabled) "
        f"SELECT gen_random_uuid(), 'u', '{{}}', 's', true FROM generate_series(1, {MANY})",
        "ANALYZE webhook",
    )
    statements: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(database._engine.sync_engine, "before_cursor_execute", record)
    with pytest.raises(NotFound):
        await found(database, "0197f000")
    ((statement, parameters),) = [each for each in statements if "webhook" in each[0]]
    with psycopg.connect(**connect_arguments(database_url)) as connection:
        explained = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters).fetchall()
    plan = json.dumps(explained)
    assert "webhook_pkey" in plan
    assert "Seq Scan" not in plan
