"""One database for all tests of the sandbox: it is emptied before each, and its clock goes on."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from databases import fresh_database


@pytest.fixture(scope="session")
def sandbox_url(embedded_server: URL) -> Iterator[URL]:
    """The address of a database that holds nothing but a sandbox."""
    with fresh_database(embedded_server) as url:
        yield url
