"""Up, down and up again; what the users have is kept to the letter; entities and migrations agree."""

import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, Connection, text

from databases import fresh_database, run_sql
from masspayout.db import migrations
from masspayout.db.catalog import Table, read_catalog, scratch_schema
from masspayout.db.connecting import connect_arguments
from masspayout.db.migrations import SchemaState
from masspayout.kernel.errors import Conflict, DatabaseMismatch, DatabaseUnavailable, Invalid

# Whatever a migration could leave behind in a database, as "kind name" lines.
EVERYTHING = """
    SELECT 'relation ' || oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'column ' || c.oid::regclass || '.' || attname
         FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'routine ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type ' || oid::regtype FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
    ORDER BY 1
"""
VERSION_TABLE = {
    "column alembic_version.version_num",
    "relation alembic_version",
    "relation alembic_version_pkc",
    "type alembic_version",
    "type alembic_version[]",
}


def everything(url: URL) -> list[str]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return [line for (line,) in connection.execute(EVERYTHING.replace("%", "%%"), [])]


def unique_columns(table: Table) -> set[str]:
    """The column lists that a table holds unique (by whichever of a constraint and an index)."""
    definitions = [d for d in table.constraints.values() if d.startswith("UNIQUE")]
    definitions += [d for d in table.indexes.values() if d.startswith("CREATE UNIQUE") and " WHERE " not in d]
    return {definition[definition.index("(") :] for definition in definitions}


def foreign_keys(table: Table) -> set[tuple[str, str]]:
    return {(n, d) for n, d in table.constraints.items() if d.startswith(("FOREIGN KEY", "PRIMARY KEY"))}


def with_ids_by_default(table: Table) -> Table:
    """Return a table whose ``id`` the database makes, unless whoever writes does."""
    made = replace(table.columns["id"], default="masspayout_uuid7()")
    return replace(table, columns={**table.columns, "id": made})


def test_the_users_schema_is_contained_in_ours(empty_url: URL, connection: Connection, users_schema: str) -> None:
    migrations.upgrade(empty_url)
    with scratch_schema(connection) as scratch:
        connection.exec_driver_sql(users_schema)
        theirs = read_catalog(connection, scratch)
    ours = read_catalog(connection, "public")

    assert len(theirs) == 5
    for name, table in theirs.items():
        assert ours[name].columns.items() >= with_ids_by_default(table).columns.items()
        assert foreign_keys(ours[name]) >= foreign_keys(table)
        assert unique_columns(ours[name]) >= unique_columns(table)
        for index, definition in table.indexes.items():
            if definition.startswith("CREATE UNIQUE"):
                # One index of that name serves the constraint and the index of the users' schema.
                assert ours[name].constraints[index].startswith("UNIQUE")
            else:
                assert ours[name].indexes[index] == definition


def test_the_first_migration_is_the_users_schema(empty_url: URL, connection: Connection, users_schema: str) -> None:
    migrations.upgrade(empty_url, "0001")
    with scratch_schema(connection) as scratch:
        connection.exec_driver_sql(users_schema)
        theirs = read_catalog(connection, scratch)
    assert read_catalog(connection, "public") == theirs


def test_all_up_all_down_and_up_again(empty_url: URL) -> None:
    empty = everything(empty_url)
    up = migrations.upgrade(empty_url)
    assert [revision.id for revision in up] == [revision.id for revision in migrations.history()]
    first = everything(empty_url)
    assert migrations.check(empty_url) == []

    down = migrations.downgrade(empty_url, "base")
    assert down == up[::-1]
    assert set(everything(empty_url)) - VERSION_TABLE == set(empty)

    assert migrations.upgrade(empty_url) == up
    assert everything(empty_url) == first
    assert migrations.check(empty_url) == []


def test_each_migration_can_be_taken_back_to_what_was_before(empty_url: URL, connection: Connection) -> None:
    for revision in migrations.history():
        before, catalog = everything(empty_url), read_catalog(connection, "public")
        connection.rollback()
        assert migrations.upgrade(empty_url, "+1") == [revision]
        assert (everything(empty_url), read_catalog(connection, "public")) != (before, catalog)
        connection.rollback()
        assert migrations.downgrade(empty_url) == [revision]
        assert set(everything(empty_url)) - VERSION_TABLE == set(before) - VERSION_TABLE
        assert read_catalog(connection, "public") == catalog
        connection.rollback()
        migrations.upgrade(empty_url, "+1")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DROP INDEX idx_distribution_scheduled", "distribution: index idx_distribution_scheduled is missing"),
        (
            "ALTER TABLE asset ALTER decimals TYPE bigint",
            "asset: column decimals is bigint NOT NULL; it should be",
        ),
        ("ALTER TABLE holder ALTER paid DROP DEFAULT", "holder: column paid is boolean; it should be boolean DEFAULT"),
        ("ALTER TABLE holder DROP CONSTRAINT holder_balance_check", "holder: constraint holder_balance_check"),
        ("ALTER TABLE holder RESET (fillfactor)", "holder: storage"),
        ("DROP TABLE ledger_sequence", "table ledger_sequence is missing"),
    ],
)
def test_check_tells_what_somebody_changed(database_url: URL, change: str, sentence: str) -> None:
    run_sql(database_url, change)
    (difference,) = migrations.check(database_url)
    assert f"Database against migrations: {sentence}" in difference


def test_check_leaves_alone_what_somebody_added(database_url: URL) -> None:
    run_sql(database_url, "CREATE TABLE notes (line text)", "CREATE INDEX notes_of_mine ON holder (created_at)")
    assert migrations.check(database_url) == []


def test_check_names_what_is_pending(empty_database_url: URL) -> None:
    migrations.upgrade(empty_database_url, "0001")
    differences = migrations.check(empty_database_url)
    assert [difference[:34] for difference in differences] == [
        f"Database against migrations: {revision.id} " for revision in migrations.history()[1:]
    ]


def test_a_failing_upgrade_changes_nothing(empty_database_url: URL) -> None:
    migrations.upgrade(empty_database_url, "0001")
    # The third migration finds this name taken, after the one before it went through.
    run_sql(empty_database_url, "CREATE TABLE procrastinate_events (id int)")
    before = everything(empty_database_url)
    with pytest.raises(DatabaseMismatch, match='"procrastinate_events" already exists'):
        migrations.upgrade(empty_database_url)
    assert everything(empty_database_url) == before
    assert migrations.status(empty_database_url).revision == "0001"


def test_upgrades_that_meet_wait_for_each_other(empty_database_url: URL) -> None:
    applied: list[int] = []
    threads = [
        threading.Thread(target=lambda: applied.append(len(migrations.upgrade(empty_database_url)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [0, 0, 0, len(migrations.history())]


def test_status_follows_the_schema(empty_database_url: URL) -> None:
    url = empty_database_url
    assert migrations.status(url).state is SchemaState.EMPTY
    migrations.upgrade(url, "0001")
    status = migrations.status(url)
    assert (status.state, status.revision) == (SchemaState.PENDING, "0001")
    assert [revision.id for revision in status.pending] == [revision.id for revision in migrations.history()][1:]
    migrations.upgrade(url)
    assert migrations.status(url).state is SchemaState.CURRENT
    run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
    assert migrations.status(url).state is SchemaState.NEWER


def test_a_database_of_a_newer_version_is_refused(database_url: URL) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = '9999'")
    before = everything(database_url)
    for refused in (
        lambda: migrations.upgrade(database_url),
        lambda: migrations.downgrade(database_url),
        lambda: migrations.check(database_url),
        lambda: migrations.require_current(database_url),
    ):
        with pytest.raises(DatabaseMismatch, match=r"revision 9999.*newer"):
            refused()
    assert everything(database_url) == before


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("", "has no tables yet"),
        ("0001", f"lacks {len(migrations.history()) - 1} migration"),
        ("asset", "that were not made by masspayout"),
    ],
)
def test_somebodys_own_database_is_migrated_by_command_only(empty_database_url: URL, made: str, reason: str) -> None:
    if made == "asset":
        run_sql(empty_database_url, "CREATE TABLE asset (id int)")
    elif made:
        migrations.upgrade(empty_database_url, made)
    before = everything(empty_database_url)
    with pytest.raises(DatabaseMismatch, match=reason) as refusal:
        migrations.require_current(empty_database_url)
    assert "masspayout db upgrade" in refusal.value.hint
    assert everything(empty_database_url) == before


@pytest.mark.parametrize("revision", ["0042", "nonsense", "+99"])
def test_an_unknown_revision_is_refused(empty_database_url: URL, revision: str) -> None:
    with pytest.raises(Invalid):
        migrations.upgrade(empty_database_url, revision)
    assert migrations.status(empty_database_url).state is SchemaState.EMPTY


def test_nothing_to_take_back(empty_database_url: URL) -> None:
    with pytest.raises(DatabaseMismatch, match="no migration that could be taken back"):
        migrations.downgrade(empty_database_url)


def test_a_role_that_may_not_migrate_is_told_so(empty_database_url: URL) -> None:
    role = f"reader_{empty_database_url.database}"
    run_sql(empty_database_url, f"CREATE ROLE {role} LOGIN")
    try:
        with pytest.raises(DatabaseUnavailable, match=f"{role} may not do this") as refusal:
            migrations.upgrade(empty_database_url.set(username=role))
        assert "OWNER TO" in refusal.value.hint
    finally:
        run_sql(empty_database_url, f"DROP ROLE {role}")


def test_new_migrations_are_written(database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "migrations"
    (directory / "versions").mkdir(parents=True)
    original = Path(migrations.__file__).parent
    for file in (original / "env.py", original / "script.py.mako", *(original / "versions").glob("*.py")):
        (directory / file.relative_to(original)).write_bytes(file.read_bytes())
    monkeypatch.setattr(migrations, "_DIRECTORY", directory)
    newest = int(migrations.history()[-1].id)

    with pytest.raises(Conflict, match="nothing to generate"):
        migrations.generate(database_url, "nothing new")
    run_sql(database_url, "ALTER TABLE asset DROP COLUMN sync_error")
    generated = migrations.generate(database_url, "the lost column")
    assert generated.name == f"{newest + 1:04}_the_lost_column.py"
    assert "op.add_column('asset', sa.Column('sync_error'" in generated.read_text()
    assert [revision.message for revision in migrations.upgrade(database_url)] == ["The lost column"]

    created = migrations.create("an empty one")
    assert created.name == f"{newest + 2:04}_an_empty_one.py"
    with pytest.raises(DatabaseMismatch, match="not at the newest revision"):
        migrations.generate(database_url, "too early")
    assert len(migrations.upgrade(database_url)) == 1
    assert len(migrations.downgrade(database_url, f"{newest:04}")) == 2


def test_an_old_server_is_refused(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 99)
    with pytest.raises(DatabaseUnavailable, match=r"runs PostgreSQL 18.*needs 99 or newer"):
        migrations.upgrade(database_url)


def test_a_lock_that_somebody_holds_stops_an_upgrade_in_time(empty_database_url: URL) -> None:
    migrations.upgrade(empty_database_url, "0001")
    with psycopg.connect(**connect_arguments(empty_database_url)) as other:
        other.execute("LOCK TABLE holder")
        with pytest.raises(DatabaseUnavailable, match="could not lock a table in time"):
            migrations.upgrade(empty_database_url)
        other.rollback()
    assert migrations.status(empty_database_url).revision == "0001"


def test_every_server_is_what_it_says(server_url: URL, request: pytest.FixtureRequest, connection: Connection) -> None:
    version = connection.scalar(text("SHOW server_version"))
    assert str(version).split(".")[0] in request.node.name
    with fresh_database(server_url) as url:
        assert migrations.status(url).state is SchemaState.EMPTY
