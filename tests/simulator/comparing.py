"""Comparing the rungs: the same seed, on dictionaries and on PostgreSQL, has to have the same trace."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import psycopg
from sqlalchemy import URL

from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments
from simulator.campaigns import Outcome, simulate
from simulator.plans import LEDGERS
from simulator.rungs import DictionaryRung, SqlRung, comparable, sql_rung

_LINES_BEFORE = 5
_DATABASE = "simulation"


@dataclass
class Comparison:
    """What came of one seed on both rungs.

    Attributes:
        on_dictionaries: Rung A.
        on_sql: Rung B.
        difference: Where their traces part, with some lines before; empty when they are one.
    """

    on_dictionaries: Outcome
    on_sql: Outcome
    difference: Sequence[str]


def compare(seed: int, rung: SqlRung, ledgers: Sequence[str] = LEDGERS) -> Comparison:
    """Live through a seed on both rungs."""
    first = simulate(seed, ledgers, is_traced=True, rung=DictionaryRung(is_serial=True))
    second = simulate(seed, ledgers, is_traced=True, rung=rung)
    return Comparison(first, second, _difference(comparable(first.trace), comparable(second.trace)))


@contextmanager
def server_of_its_own() -> Iterator[URL]:
    """Run a PostgreSQL for as long as it takes, in memory where the machine has a place for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        url = embedded.start(Path(directory))
        try:
            with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
                connection.execute(f"CREATE DATABASE {_DATABASE}")
            migrations.upgrade(url.set(database=_DATABASE))
            yield url.set(database=_DATABASE)
        finally:
            embedded.leave(Path(directory))


def run(
    seeds: Sequence[int], ledgers: Sequence[str] = LEDGERS, tell: Callable[[int], None] = lambda _: None
) -> Iterator[Comparison]:
    """Yield what comes of seeds on both rungs, on a server of their own."""
    with server_of_its_own() as url, sql_rung(url) as rung:
        for count, seed in enumerate(seeds, 1):
            yield compare(seed, rung, ledgers)
            tell(count)


def _difference(first: Sequence[str], second: Sequence[str]) -> Sequence[str]:
    for number, (one, other) in enumerate(zip_longest(first, second)):
        if one != other:
            before = first[max(0, number - _LINES_BEFORE) : number]
            return [*before, f"dictionaries: {one}", f"SQL:          {other}"]
    return []
