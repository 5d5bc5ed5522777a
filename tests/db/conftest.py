"""Databases on every supported server, and the users' own schema."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine

from databases import fresh_database
from places import SHARED

SCHEMA_FILE = SHARED / "schema.sql"


@pytest.fixture
def empty_url(server_url: URL) -> Iterator[URL]:
    """The address of a fresh database without any table, on each supported server."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def connection(empty_url: URL) -> Iterator[Connection]:
    """A connection to that database, in a transaction that is not kept."""
    engine = create_engine(empty_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def users_schema() -> str:
    """The schema that users already have, as SQL."""
    if not SCHEMA_FILE.is_file():
        pytest.skip("schema.sql is not here: this test compares with ../shared/schema.sql beside the repository")
    return SCHEMA_FILE.read_text()
