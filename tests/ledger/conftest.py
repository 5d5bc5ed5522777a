"""One database for all tests of the sandbox: it is emptied before each, and its clock goes on."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from databases import fresh_database


@pytest.fixture(scope="session")
def sandbox_url(embedded_server: URL) -> Iterator[URL]:
    """The address of a database that holds nothing but a sandbox."""
    with fresh_database(embedded_server) as url:
        yield url


@pytest.fixture(scope="module")
def ticking_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """An EVM node whose blocks are a second apart at least, so that a time tells which block is meant."""
    with running_anvil(tmp_path_factory.mktemp("anvil")) as anvil:
        anvil.call("anvil_setBlockTimestampInterval", 1)
        yield anvil


@pytest.fixture(scope="module")
def evm_url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """The address of a database for what the EVM adapter keeps."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url
