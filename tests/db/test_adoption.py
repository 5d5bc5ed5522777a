"""A database that somebody else's tool made is taken over with every row, or left alone with a list of reasons."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import URL, create_engine

from databases import run_sql
from masspayout.db import migrations
from masspayout.db.adoption import USERS_TABLES
from masspayout.db.connecting import connect_arguments
from masspayout.db.drift import find_differences
from masspayout.db.migrations import SchemaState
from masspayout.kernel.errors import DatabaseMismatch

ASSET, DISTRIBUTION = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000d"
STATUSES = "status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED')"
FREQUENCIES = "frequency IN ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY')"
INDEX = "CREATE INDEX idx_batch_status ON batch_payout USING btree"

ROWS = f"""
    INSERT INTO asset VALUES ('{ASSET}', '0.0.5001', 'Solar Bond', 'SOL', 1000000, 6, NULL, '0.0.6001', '2025-01-31',
        'SYNCED', '2025-01-01 12:00', '2025-01-02 12:00');
    INSERT INTO distribution (id, asset_id, type, execution_type, payout_type, amount, status)
        VALUES ('{DISTRIBUTION}', '{ASSET}', 'DIVIDEND', 'MANUAL', 'PERCENTAGE', 1234.567891, 'COMPLETED');
    INSERT INTO holder (id, asset_id, distribution_id, account_id, balance, payment_amount, paid)
        SELECT gen_random_uuid(), '{ASSET}', distribution_id::uuid, '0.0.' || number, number, number / 7.0, true
        FROM generate_series(1, 500) number, unnest(ARRAY[NULL, '{DISTRIBUTION}']) distribution_id;
    INSERT INTO batch_payout (id, distribution_id, batch_number, total_holders, status)
        SELECT gen_random_uuid(), '{DISTRIBUTION}', number, 100, 'COMPLETED' FROM generate_series(1, 5) number;
    INSERT INTO blockchain_event_listener_config (id, contract_id, last_processed_timestamp)
        VALUES (gen_random_uuid(), '0.0.7001', 1735689600000000000);
"""


def rows(url: URL, columns: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return {
            table: connection.execute(f"SELECT {columns[table]} FROM {table} ORDER BY id").fetchall()
            for table in USERS_TABLES
        }


def users_columns(url: URL) -> dict[str, str]:
    with psycopg.connect(**connect_arguments(url)) as connection:
        return dict(
            connection.execute(
                "SELECT table_name, string_agg(column_name, ', ' ORDER BY ordinal_position) "
                "FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1"
            ).fetchall()
        )


@pytest.fixture
def users_url(empty_url: URL, users_schema: str) -> URL:
    """A database made from the users' schema, with rows in it, that no migration has seen."""
    run_sql(empty_url, users_schema, ROWS)
    return empty_url


def problems(url: URL) -> tuple[str, ...]:
    with pytest.raises(DatabaseMismatch) as refusal:
        migrations.upgrade(url)
    return refusal.value.problems


def test_every_row_is_kept(users_url: URL) -> None:
    columns = users_columns(users_url)
    before = rows(users_url, columns)
    assert migrations.status(users_url).state is SchemaState.FOREIGN

    applied = migrations.upgrade(users_url)

    assert [revision.id for revision in applied] == [revision.id for revision in migrations.history()[1:]]
    assert rows(users_url, columns) == before
    assert sum(map(len, before.values())) == 1008
    assert migrations.check(users_url) == []


def test_other_names_missing_indexes_and_defaults_are_mended(users_url: URL) -> None:
    run_sql(
        users_url,
        'ALTER TABLE asset RENAME CONSTRAINT asset_pkey TO "PK_1209d107fe21482beaea51b745e"',
        'ALTER TABLE asset RENAME CONSTRAINT asset_token_id_key TO "UQ_token"',
        "ALTER TABLE holder RENAME CONSTRAINT holder_asset_id_fkey TO idx_asset",
        "ALTER TABLE holder DROP CONSTRAINT holder_distribution_id_fkey",
        'ALTER INDEX idx_holder_account RENAME TO "IDX_account"',
        "DROP INDEX idx_holder_unique, idx_listener_contract, idx_distribution_scheduled",
        "ALTER TABLE batch_payout ALTER successful_payments DROP DEFAULT, ALTER id SET DEFAULT gen_random_uuid()",
    )
    columns = users_columns(users_url)
    before = rows(users_url, columns)
    migrations.upgrade(users_url)
    assert rows(users_url, columns) == before
    assert migrations.check(users_url) == []


def test_all_that_stands_in_the_way_is_listed_and_nothing_is_changed(users_url: URL) -> None:
    run_sql(
        users_url,
        f"INSERT INTO holder (id, asset_id, account_id, balance) VALUES (gen_random_uuid(), '{ASSET}', '0.0.7', 1)",
        "UPDATE holder SET balance = -5 WHERE account_id = '0.0.8'",
        "UPDATE distribution SET status = 'DONE', frequency = 'YEARLY'",
        "UPDATE batch_payout SET batch_number = 1 WHERE batch_number = 2",
        "ALTER TABLE batch_payout DROP CONSTRAINT batch_payout_distribution_id_fkey",
        f"UPDATE batch_payout SET distribution_id = '{ASSET}' WHERE batch_number = 3",
        "ALTER TABLE asset ALTER total_supply TYPE numeric, ADD sync_error text, ADD region text NOT NULL DEFAULT 'EU'",
        "ALTER TABLE asset ALTER region DROP DEFAULT, ALTER name DROP NOT NULL",
        "ALTER TABLE blockchain_event_listener_config DROP COLUMN enabled",
        "DROP INDEX idx_batch_status",
        "CREATE INDEX idx_batch_status ON batch_payout (transaction_id)",
    )
    columns = users_columns(users_url)
    before = rows(users_url, columns)

    assert set(problems(users_url)) == {
        f"holder has 2 rows with the same (asset_id, distribution_id, account_id): ({ASSET}, NULL, 0.0.7)",
        "holder.balance is -5 in 2 row(s); it should be: balance >= 0",
        f"distribution.status is DONE in 1 row(s); it should be: {STATUSES}",
        f"distribution.frequency is YEARLY in 1 row(s); it should be: {FREQUENCIES}",
        f"batch_payout has 2 rows with the same (distribution_id, batch_number): ({DISTRIBUTION}, 1)",
        f"batch_payout.distribution_id is {ASSET} in 1 row(s), and there is no such distribution",
        f"batch_payout: idx_batch_status is {INDEX} (transaction_id); it should be {INDEX} (status)",
        "asset.total_supply is of type numeric; it should be bigint",
        "asset.name is nullable; it should be NOT NULL",
        "asset.sync_error is already there, and a migration wants to add it",
        "asset.region is not part of the schema, and is NOT NULL without a default: no row could be added",
        "blockchain_event_listener_config.enabled is missing; it should be boolean",
    }
    assert users_columns(users_url) == columns
    assert rows(users_url, columns) == before
    assert migrations.status(users_url).state is SchemaState.FOREIGN


def test_a_part_of_the_tables_is_refused(users_url: URL) -> None:
    run_sql(users_url, "DROP TABLE batch_payout, blockchain_event_listener_config")
    assert problems(users_url) == (
        "the table batch_payout is missing",
        "the table blockchain_event_listener_config is missing",
    )
    assert migrations.status(users_url).state is SchemaState.FOREIGN


def test_once_mended_it_is_taken_over(users_url: URL) -> None:
    run_sql(users_url, "UPDATE holder SET balance = -1 WHERE account_id = '0.0.9'")
    assert problems(users_url)
    run_sql(users_url, "UPDATE holder SET balance = 0 WHERE balance < 0")
    migrations.upgrade(users_url)
    assert migrations.check(users_url) == []


def test_tables_of_other_people_beside_ours_are_left_alone(empty_url: URL) -> None:
    run_sql(empty_url, "CREATE TABLE migrations (id int)", "INSERT INTO migrations VALUES (1)")
    assert len(migrations.upgrade(empty_url)) == len(migrations.history())
    assert "migrations" in users_columns(empty_url)


# As the entities of TypeORM make the tables, when nobody tells them otherwise than by what they say.
BY_A_MAPPER = [
    f"ALTER TABLE {table} ALTER id SET DEFAULT gen_random_uuid(), "
    "ALTER created_at SET NOT NULL, ALTER updated_at SET NOT NULL"
    for table in USERS_TABLES
] + [
    "ALTER TABLE holder ALTER paid SET NOT NULL",
    "ALTER TABLE batch_payout ALTER successful_payments SET NOT NULL, ALTER failed_payments SET NOT NULL",
    "ALTER TABLE blockchain_event_listener_config ALTER enabled SET NOT NULL",
]
IDS_AND_NOT_NULLS = """
    SELECT table_name, column_name, is_nullable, column_default FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = ANY (%s) AND (is_nullable = 'NO' OR column_name = 'id')
       AND column_name = ANY (
           '{id, created_at, updated_at, paid, successful_payments, failed_payments, enabled}')
     ORDER BY 1, 2
"""


def test_what_a_mapper_made_is_taken_over_as_it_is(users_url: URL) -> None:
    run_sql(users_url, *BY_A_MAPPER)
    with psycopg.connect(**connect_arguments(users_url)) as connection:
        before = connection.execute(IDS_AND_NOT_NULLS, [list(USERS_TABLES)]).fetchall()
        connection.rollback()
        assert len(before) == 5 + 14
        migrations.upgrade(users_url)
        assert connection.execute(IDS_AND_NOT_NULLS, [list(USERS_TABLES)]).fetchall() == before
        assert find_differences_of(users_url) == []
    assert migrations.check(users_url) == []
    run_sql(users_url, INSERT_WITHOUT_ID)


def find_differences_of(url: URL) -> list[str]:
    """What the doctor says of the tables."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return find_differences(connection)
    finally:
        engine.dispose()


INSERT_WITHOUT_ID = """
    INSERT INTO asset (token_id, name, symbol, total_supply, decimals) VALUES ('0.0.77', 'Wind Bond', 'WIND', 10, 0)
"""


def test_rows_without_an_id_get_one(empty_url: URL) -> None:
    migrations.upgrade(empty_url)
    run_sql(empty_url, INSERT_WITHOUT_ID)
    with psycopg.connect(**connect_arguments(empty_url)) as connection:
        ((version,),) = connection.execute("SELECT substr(id::text, 15, 1) FROM asset").fetchall()
    assert version == "7"


def test_columns_in_camel_case_are_named_with_their_renames(users_url: URL) -> None:
    run_sql(users_url, 'ALTER TABLE asset RENAME COLUMN token_id TO "tokenId"')
    assert problems(users_url) == (
        'asset."tokenId" should be token_id: ALTER TABLE asset RENAME COLUMN "tokenId" TO token_id',
    )


def test_tables_of_another_product_are_noticed_and_left_alone(empty_url: URL) -> None:
    run_sql(empty_url, *(f'CREATE TABLE "{name}" (id int)' for name in ("Asset", "BatchPayout", "Coupon")))
    assert migrations.status(empty_url).others == ("Asset", "BatchPayout")
    migrations.upgrade(empty_url)
    assert migrations.check(empty_url) == []
    run_sql(empty_url, *(f'INSERT INTO "{name}" VALUES (1)' for name in ("Asset", "BatchPayout", "Coupon")))
