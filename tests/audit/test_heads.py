"""Heads of the trail that are kept elsewhere: they go out by themselves, and show what was cut off afterwards."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, select

from databases import run_sql
from masspayout import audit
from masspayout.audit.heads import Head, parse_heads
from masspayout.audit.publishing import append_head, last_head, publish_head
from masspayout.context import Context
from masspayout.db.entities import WebhookEvent
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid
from masspayout.settings import Settings
from masspayout.worker.periodic import run_each_once

EVENTS = select(WebhookEvent.data).where(WebhookEvent.type == "audit.head").order_by(WebhookEvent.id)
TIME = datetime(2031, 1, 1, 9, 30, tzinfo=UTC)


async def write(database: Database, count: int, action: str = "thing.done") -> None:
    for number in range(count):
        async with database.unit_of_work() as work:
            audit.record(work, action, f"{number}")


async def head_of(database: Database) -> Head:
    async with database.unit_of_work() as work:
        return await audit.read_head(work)


def cut_off(owner: URL, left: int) -> None:
    """Cut all but the first entries off, and fix the head, as the owner of the tables can."""
    run_sql(
        owner,
        "ALTER TABLE audit_entry DISABLE TRIGGER refuse_change",
        f"DELETE FROM audit_entry WHERE number > {left}",
        "UPDATE audit_head SET (number, hash) = (SELECT number, hash FROM audit_entry ORDER BY number DESC LIMIT 1)",
        "ALTER TABLE audit_entry ENABLE TRIGGER refuse_change",
    )


async def test_a_tail_that_was_cut_off_and_fixed_is_found_by_a_head_that_was_kept(
    database: Database, database_url: URL
) -> None:
    await write(database, 6)
    earlier = await head_of(database)
    await write(database, 9)
    latest = await head_of(database)
    assert (await audit.verify(database, [earlier, latest])).holds

    await asyncio.to_thread(cut_off, database_url, 10)
    assert (await audit.verify(database)).holds
    found = await audit.verify(database, [earlier, latest])
    (said,) = found.breaks
    assert said.startswith(f"Entries 11 to 15 are missing: {latest.named} was the last one")
    assert said.endswith(f"the trail ends before it; up to {earlier.named} it is what it was.")
    assert found.agreeing_head == earlier


async def test_a_tail_that_was_written_anew_is_found_by_a_head_that_was_kept(
    database: Database, database_url: URL
) -> None:
    await write(database, 6)
    earlier = await head_of(database)
    await write(database, 2)
    latest = await head_of(database)
    await asyncio.to_thread(cut_off, database_url, 7)
    await write(database, 5, "thing.invented")
    assert (await audit.verify(database)).holds
    (said,) = (await audit.verify(database, [earlier, latest])).breaks
    assert said.startswith("Entries 7 to 8 were cut off or changed: entry 8 of ")
    (said,) = (await audit.verify(database, [latest])).breaks
    assert said.startswith("Entries 1 to 8 were cut off or changed")
    assert said.endswith("no earlier head was noted.")


async def test_the_head_of_an_empty_trail_agrees_with_every_trail(database: Database) -> None:
    empty = await head_of(database)
    assert (empty.number, empty.created_at) == (0, None)
    await write(database, 1)
    assert (await audit.verify(database, [empty])).holds


@pytest.mark.parametrize("head", [Head(7, "a" * 64, TIME), Head(7, "a" * 64), Head(None, "a" * 64)])
def test_a_head_is_read_as_it_is_printed(head: Head) -> None:
    assert parse_heads(f"\n{head}\n{head}\n", "it") == [head, head]


def test_a_head_is_read_as_json_prints_it() -> None:
    text = json.dumps({"number": 7, "hash": "a" * 64, "created_at": "2031-01-01T09:30:00Z"}, indent=2)
    assert parse_heads(f"{text}\n{text}\n", "it") == [Head(7, "a" * 64, TIME)] * 2


@pytest.mark.parametrize("text", ["seven", "7", f"7 {'a' * 63}", f"7 {'a' * 64} yesterday", "{}", '{"hash": 1}'])
def test_what_is_no_head_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Invalid, match=r"Line 2 of heads\.txt is no head"):
        parse_heads(f"7 {'a' * 64}\n{text}\n", "heads.txt")


async def test_the_head_goes_into_a_file_each_time_that_it_moved(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "heads"
    settings = settings.model_copy(update={"audit_head_file": path})
    await write(database, 3)
    await publish_head(database, settings)
    first = await head_of(database)
    await asyncio.gather(*(publish_head(database, settings) for _ in range(4)))
    assert path.read_text() == f"{first}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    await write(database, 1)
    with path.open("a") as torn:
        torn.write("4 abc")
    await publish_head(database, settings)
    assert path.read_text() == f"{first}\n4 abc\n{await head_of(database)}\n"


async def test_workers_keep_the_head(runtime: Context, tmp_path: Path) -> None:
    changed = {"audit_head_file": tmp_path / "heads"}
    context = replace(runtime, settings=runtime.settings.model_copy(update=changed))
    await write(context.database, 2)
    await run_each_once(context)
    assert (tmp_path / "heads").read_text() == f"{await head_of(context.database)}\n"


async def test_a_file_that_the_trail_contradicts_is_left_as_it_is(
    database: Database, database_url: URL, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "heads"
    settings = settings.model_copy(update={"audit_head_file": path})
    await write(database, 8)
    await publish_head(database, settings)
    kept = path.read_text()
    await asyncio.to_thread(cut_off, database_url, 3)
    await publish_head(database, settings)
    assert path.read_text() == kept
    assert "The audit trail lacks entry 8" in caplog.text
    assert f"audit verify --against {path}" in caplog.text


async def test_a_file_that_cannot_be_written_stops_nobody(
    database: Database, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings.model_copy(update={"audit_head_file": tmp_path / "missing" / "heads"})
    await write(database, 1)
    await publish_head(database, settings)
    assert "cannot be kept in" in caplog.text
    assert "No such file" in caplog.text


def test_a_later_head_is_not_followed_by_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    assert append_head(path, Head(8, "b" * 64, TIME))
    assert not append_head(path, Head(7, "a" * 64, TIME))
    assert last_head(path) == Head(8, "b" * 64, TIME)
    assert last_head(tmp_path / "none") is None


async def test_webhooks_are_told_of_each_head_once(runtime: Context, database_url: URL) -> None:
    settings = runtime.settings.model_copy(update={"audit_head_interval_seconds": 3600.0})
    await write(runtime.database, 2)
    await publish_head(runtime.database, settings)
    assert await events(runtime.database) == []
    await asyncio.to_thread(
        run_sql,
        database_url,
        "INSERT INTO webhook (id, url, events, sealed_secret, enabled, last_number) "
        "VALUES (masspayout_uuid7(), 'https://example.com', '{audit.head}', 'sealed', true, 0)",
    )
    await asyncio.gather(*(publish_head(runtime.database, settings) for _ in range(4)))
    head = await head_of(runtime.database)
    assert head.created_at is not None
    first = {"number": 2, "hash": head.hash, "created_at": f"{head.created_at:%Y-%m-%dT%H:%M:%SZ}"}
    assert await events(runtime.database) == [first]
    await write(runtime.database, 1)
    await publish_head(runtime.database, settings)
    assert await events(runtime.database) == [first]
    await asyncio.to_thread(run_sql, database_url, "UPDATE audit_head SET published_at = now() - interval '2 h'")
    await publish_head(runtime.database, settings)
    assert [event["number"] for event in await events(runtime.database)] == [2, 3]


async def events(database: Database) -> list[dict[str, object]]:
    async with database.unit_of_work() as work:
        return list(await work.scalars(EVENTS))
