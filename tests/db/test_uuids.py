"""Primary keys are time-ordered UUIDs, whether Python makes them or SQL."""

import time
import uuid
from collections.abc import Callable
from itertools import islice

import pytest
from sqlalchemy import URL, Connection, text

from masspayout.db import migrations
from masspayout.db.repositories.base import FIRST_ID, NTH_ID
from masspayout.db.types import uuid7, uuid7_series

COUNT = 5000
Generator = Callable[[], list[uuid.UUID]]


@pytest.fixture
def by_sql(empty_url: URL, connection: Connection) -> Generator:
    migrations.upgrade(empty_url)
    statement = text(f"SELECT masspayout_uuid7() FROM generate_series(1, {COUNT})")
    return lambda: list(connection.scalars(statement))


@pytest.fixture
def by_python() -> Generator:
    return lambda: [uuid7() for _ in range(COUNT)]


def milliseconds(identifier: uuid.UUID) -> int:
    return identifier.int >> 80


def assert_time_ordered(generate: Generator) -> None:
    before = time.time_ns() // 1_000_000
    identifiers = generate()
    after = time.time_ns() // 1_000_000
    assert {(i.version, i.variant) for i in identifiers} == {(7, uuid.RFC_4122)}
    assert len(set(identifiers)) == COUNT
    times = [milliseconds(i) for i in identifiers]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after


def test_python_makes_them_time_ordered(by_python: Generator) -> None:
    assert_time_ordered(by_python)


def test_sql_makes_them_time_ordered(by_sql: Generator) -> None:
    assert_time_ordered(by_sql)


def test_many_are_counted_up_by_python() -> None:
    assert_time_ordered(lambda: [uuid.UUID(text) for text in islice(uuid7_series(), COUNT)])


def test_many_are_counted_up_by_sql(empty_url: URL, connection: Connection) -> None:
    migrations.upgrade(empty_url)
    statement = text(
        f"WITH {FIRST_ID} SELECT {NTH_ID.format(number='number')} "
        f"FROM first_id, generate_series(1, {COUNT}) AS number ORDER BY number"
    )
    assert_time_ordered(lambda: list(connection.scalars(statement)))


def test_sql_orders_them_within_a_millisecond_too(by_sql: Generator) -> None:
    finer_times = [i.int >> 64 for i in by_sql()]
    assert finer_times == sorted(finer_times)
    assert len(set(finer_times)) > len({time >> 16 for time in finer_times})


def test_both_sources_agree_on_the_order(by_sql: Generator, by_python: Generator) -> None:
    first, second = by_python(), by_sql()
    time.sleep(0.002)
    third = by_python()
    assert milliseconds(first[-1]) <= milliseconds(second[0])
    assert max(second) < min(third)
