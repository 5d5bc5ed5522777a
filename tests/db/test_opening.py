"""A database is opened when its schema is this version's; otherwise the error is the one of the migrations."""

import re
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import environment
from databases import run_sql
from masspayout.db import migrations
from masspayout.db.opening import is_current, newest_revision, open_database
from masspayout.kernel.errors import DatabaseMismatch, DatabaseUnavailable
from masspayout.settings import Settings


def settings_of(url: URL) -> Settings:
    values = {name.lower(): value for name, value in environment(url).items()}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


async def refusal_on_opening(url: URL) -> str:
    with pytest.raises((DatabaseMismatch, DatabaseUnavailable)) as refused:
        async with open_database(settings_of(url)):
            pass
    return str(refused.value)


def refusal_of_the_migrations(url: URL) -> str:
    with pytest.raises((DatabaseMismatch, DatabaseUnavailable)) as refused:
        migrations.require_current(url)
    return str(refused.value)


def test_the_newest_revision_is_the_last_of_the_migrations() -> None:
    assert newest_revision() == migrations.history()[-1].id


async def test_a_migrated_database_is_opened(database_url: URL) -> None:
    assert is_current(database_url)
    async with open_database(settings_of(database_url)) as database, database.unit_of_work() as work:
        assert (await work.distributions.find_of_asset(None, None, 1, 20)).total == 0


async def test_an_empty_database_is_refused(empty_database_url: URL) -> None:
    refusal = await refusal_on_opening(empty_database_url)
    assert "has no tables yet" in refusal
    assert refusal == refusal_of_the_migrations(empty_database_url)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "at revision 9999, which this version does not know"),
        ("UPDATE alembic_version SET version_num = '0001'", r"lacks \d+ migration"),
        ("DELETE FROM alembic_version", "tables that were not made by masspayout"),
        ("DROP TABLE alembic_version", "tables that were not made by masspayout"),
    ],
)
async def test_another_schema_is_refused(database_url: URL, statement: str, reason: str) -> None:
    run_sql(database_url, statement)
    assert not is_current(database_url)
    refusal = await refusal_on_opening(database_url)
    assert re.search(reason, refusal)
    assert refusal == refusal_of_the_migrations(database_url)


async def test_tables_in_another_schema_are_refused(database_url: URL) -> None:
    run_sql(
        database_url,
        "ALTER SCHEMA public RENAME TO theirs",
        "CREATE SCHEMA public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "CREATE TABLE public.alembic_version AS TABLE theirs.alembic_version",
    )
    assert not is_current(database_url)
    refusal = await refusal_on_opening(database_url)
    assert "are in the schema theirs" in refusal
    assert refusal == refusal_of_the_migrations(database_url)


async def test_a_server_that_is_not_there_is_named(database_url: URL, tmp_path: Path) -> None:
    gone = database_url.update_query_dict({"host": str(tmp_path)})
    assert str(tmp_path) in await refusal_on_opening(gone)
    with pytest.raises(DatabaseUnavailable, match=re.escape(refusal_of_the_migrations(gone))):
        is_current(gone)
