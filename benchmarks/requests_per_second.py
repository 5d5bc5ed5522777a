"""Measures the HTTP API: requests a second against a bare route, and a list page at depth against the first page.

``GET /distributions``, with its default page and total, is compared with a bare FastAPI route that SELECTs the same
rows and returns them as they come: on the same server process, database and connections, turn by turn in the same
run, with a thousand distributions. Depth is compared on a list of N.
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from pathlib import Path
from statistics import median

import psycopg
from fastapi import FastAPI
from sqlalchemy import URL, text

from masspayout.api import create_app
from masspayout.api.paging import listing
from masspayout.api.server import answer_requests, listen
from masspayout.context import Context
from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments
from masspayout.db.entities import Distribution
from masspayout.db.repositories import DistributionSort, ListPage
from masspayout.db.session import Database
from masspayout.jobs import Jobs
from masspayout.kernel.roles import Role
from masspayout.ledger.sandbox import SandboxLedger
from masspayout.service import access
from masspayout.settings import Settings

_CONNECTIONS = 8
_ROUNDS = 5
_ROUND_SECONDS = 2.0
_PAGES = 200

# At least half of what the bare route serves, and a deep page for no more than one and a half times the first.
_LEAST_RATIO = 0.5
_MOST_DEPTH_RATIO = 1.5

_FEW = 1000

# The same rows, as they come: no caller is known, nothing is counted, no model is filled.
_BARE_SELECT = text("SELECT * FROM distribution ORDER BY created_at DESC, id DESC LIMIT 20")

_MAKE_ASSET = """
    INSERT INTO asset (id, token_id, name, symbol, total_supply, decimals)
    VALUES (masspayout_uuid7(), '0.0.1', 'Asset', 'A', 1, 0)
"""
_MAKE_DISTRIBUTIONS = """
    INSERT INTO distribution (id, asset_id, type, execution_type, payout_type, amount, status, created_at)
    SELECT masspayout_uuid7(), asset.id, 'DIVIDEND', 'MANUAL', 'PERCENTAGE', n, 'COMPLETED',
           timestamp '2020-01-01' + n * interval '1 second'
      FROM asset, generate_series({first}, {last}) AS n
"""


def main() -> int:
    """Measure, print a table or JSON, and return 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distributions", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = embedded.start(Path(directory))
        try:
            migrations.upgrade(url)
            _run(url, _MAKE_ASSET, _MAKE_DISTRIBUTIONS.format(first=1, last=_FEW), "VACUUM ANALYZE")
            token = asyncio.run(_token(url))
            with _served(url) as port:
                found = asyncio.run(_measure_rates(port, token))
                more = _MAKE_DISTRIBUTIONS.format(first=_FEW + 1, last=options.distributions)
                _run(url, more, "VACUUM ANALYZE")
                found |= asyncio.run(_measure_depth(port, token, url, options.distributions))
        finally:
            embedded.leave(Path(directory))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:<44} {value:>12,.2f}")
    holds = found["ratio to the bare route"] >= _LEAST_RATIO and found["deep page to first page"] <= _MOST_DEPTH_RATIO
    print("The promises hold." if holds else "A promise is not kept.", file=sys.stderr)
    return 0 if holds else 1


async def _token(url: URL) -> str:
    database = Database(url)
    async with database.unit_of_work() as session:
        _, token = await access.create_token(session, "bench", role=Role.VIEWER)
    await database.close()
    return token


@contextmanager
def _served(url: URL) -> Iterator[int]:
    """Serve in a process of its own, as users do."""
    with listen("127.0.0.1", 0) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(url, listener))
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join()


def _serve(url: URL, listener: socket.socket) -> None:
    settings = Settings(rate_limit_per_minute=10**9)
    database = Database(url)
    app = create_app(Context(settings, database, SandboxLedger(url, settings), Jobs(url)))
    bare = FastAPI()

    @bare.get("/one")
    async def one() -> list[dict[str, object]]:
        async with database.single_statement() as session:
            return [dict(row) for row in (await session.execute(_BARE_SELECT)).mappings()]

    app.mount("/bare", bare)
    asyncio.run(answer_requests(app, settings, listener, asyncio.Event()))


def _run(url: URL, *statements: str) -> None:
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def _measure_rates(port: int, token: str) -> dict[str, float]:
    rates: dict[str, list[float]] = {"/bare/one": [], "/api/v1/distributions": []}
    for _ in range(_ROUNDS):
        for path, found in rates.items():
            found.append(await _rate(port, token, path))
    bare, listed = (median(found) for found in rates.values())
    return {
        "bare route with one SELECT, requests/s": bare,
        "GET /distributions, requests/s": listed,
        "ratio to the bare route": listed / bare,
    }


async def _measure_depth(port: int, token: str, url: URL, count: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"first": [], "deep": []}
    cursors = {"first": _cursor(url, 0), "deep": _cursor(url, count * 9 // 10)}
    for _ in range(_ROUNDS):
        for name, cursor in cursors.items():
            path = f"/api/v1/distributions?limit=100&cursor={cursor}"
            seconds[name].append(await _page_seconds(port, token, path))
    first, deep = (median(found) for found in seconds.values())
    return {
        "page of 100 at the top, ms": first * 1000,
        f"page of 100 at depth {count * 9 // 10:,}, ms": deep * 1000,
        "deep page to first page": deep / first,
    }


def _cursor(url: URL, depth: int) -> str:
    """Return the cursor of a row in the list, as somebody gets it who has leafed so far."""
    with psycopg.connect(**connect_arguments(url)) as connection:
        query = "SELECT created_at, id FROM distribution ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1"
        created_at, row_id = connection.execute(query, (depth,)).fetchall()[0]
    part: ListPage[Distribution] = ListPage([], None, following=[created_at.replace(tzinfo=UTC), row_id])
    return str(listing(part, DistributionSort.NEWEST)["next_cursor"])


async def _rate(port: int, token: str, path: str) -> float:
    """Return how many requests a second are answered, over some connections that are kept open."""
    end = time.perf_counter() + _ROUND_SECONDS
    started = time.perf_counter()
    counts = await asyncio.gather(*(_ask_until(end, port, token, path) for _ in range(_CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - started)


async def _ask_until(end: float, port: int, token: str, path: str) -> int:
    count = 0
    async with _connection(port) as (reader, writer):
        while time.perf_counter() < end:
            await _ask(reader, writer, token, path)
            count += 1
    return count


async def _page_seconds(port: int, token: str, path: str) -> float:
    async with _connection(port) as (reader, writer):
        await _ask(reader, writer, token, path)
        started = time.perf_counter()
        for _ in range(_PAGES):
            await _ask(reader, writer, token, path)
        return (time.perf_counter() - started) / _PAGES


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    yield reader, writer
    writer.close()
    await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, path: str) -> None:
    """Send a request and read its answer, with as little work on our side as can be."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{path}: {head.splitlines()[0].decode()}")
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


if __name__ == "__main__":
    sys.exit(main())
