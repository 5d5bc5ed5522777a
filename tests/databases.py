"""What tests do to databases from outside: make them, drop them, run SQL in them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import URL

from masspayout.db.session import connect_arguments

GUARDED_ROLE = "guarded"  # the one role of the Debian server that needs a password


def run_sql(url: URL, *statements: str) -> None:
    """Run statements outside any transaction."""
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def fresh_database(server: URL, *, template: str = "template0") -> Iterator[URL]:
    """Make a database with a name of its own and drop it afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    run_sql(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.set(database=name)
    finally:
        run_sql(server, f'DROP DATABASE "{name}" WITH (FORCE)')
