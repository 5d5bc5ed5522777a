"""A program of somebody else's, written in Node with TypeORM, works on our database, and we on one that it made."""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

import npm
from databases import fresh_database
from masspayout.db import migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.session import Database
from masspayout.settings import Settings
from masspayout.worker import run_worker
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, World, accounts, make_runtime
from places import ROOT

CLIENT = ROOT / "tests" / "clients" / "typeorm"
HOLDERS = 12_000


def client(url: URL, *arguments: str) -> Any:
    """Run the program. Its times are UTC, as the tables' are."""
    npm.node_modules(CLIENT)
    node = shutil.which("node")
    assert node is not None
    connection = {
        "host": url.query["host"],
        "port": int(str(url.query["port"])),
        "username": url.username,
        "database": url.database,
    }
    done = subprocess.run(
        [node, "client.js", json.dumps(connection), *arguments],
        cwd=CLIENT,
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def url(debian_server: URL) -> Iterator[URL]:
    with fresh_database(debian_server) as url:
        yield url


@pytest.fixture
async def world(url: URL, settings: Settings) -> AsyncIterator[World]:
    migrations.upgrade(url)
    runtime = make_runtime(Database(url), settings)
    yield await World.make(runtime, [(account, 100) for account in accounts(HOLDERS)], funds_units=10**12)
    await runtime.ledger.close()
    await runtime.database.close()


async def test_what_it_plans_is_paid_to_the_letter_and_it_reads_what_became_of_it(world: World) -> None:
    url = world.runtime.database.url
    made = client(url, "plan", ASSET_TOKEN, str(HOLDERS))
    assert client(url, "read")["due"] == 1
    await run_worker(world.runtime, concurrency=2, until_idle=True)
    with psycopg.connect(**connect_arguments(url)) as connection:
        ((batches,),) = connection.execute("SELECT count(*) FROM batch_payout WHERE status = 'COMPLETED'").fetchall()
        owed = dict(
            connection.execute("SELECT account_id, payment_amount FROM holder WHERE payment_amount > 0").fetchall()
        )
        books = dict(
            connection.execute(
                "SELECT account_id, balance_units FROM sandbox.holding WHERE token_id = %s AND account_id = ANY (%s)",
                [PAYMENT_TOKEN, list(owed)],
            ).fetchall()
        )
    assert {account: Decimal(units).scaleb(-6) for account, units in books.items()} == owed
    assert sum(owed.values()) == Decimal(made["total"])
    read = client(url, "read")
    assert read == {
        "due": 0,
        "page": 10,
        "paid": len(owed),
        "asset": "GRB",
        "batches": batches,
        "status": "COMPLETED",
        "changed": 1,
    }


def test_tables_that_it_made_are_taken_over_and_it_goes_on_inserting(url: URL) -> None:
    assert client(url, "synchronize") == 5
    migrations.upgrade(url)
    assert migrations.check(url) == []
    with psycopg.connect(**connect_arguments(url)) as connection:
        connection.execute(
            "INSERT INTO asset (token_id, name, symbol, total_supply, decimals) VALUES ('0.0.5001', 'B', 'GRB', 1, 2)"
        )
    made = client(url, "plan", "0.0.5001", "3")
    with psycopg.connect(**connect_arguments(url)) as connection:
        rows = connection.execute("SELECT distribution_id FROM holder").fetchall()
    assert Counter(str(row[0]) for row in rows) == {made["id"]: 3}
