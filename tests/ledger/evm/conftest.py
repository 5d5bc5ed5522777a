"""EVM nodes to test on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from anvil import Anvil, running_anvil


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node of this test's own, with an empty chain that mines every transaction at once."""
    with running_anvil(tmp_path / "anvil") as node:
        yield node


@pytest.fixture(scope="module")
def module_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """A node that the tests of a module share."""
    with running_anvil(tmp_path_factory.mktemp("anvil")) as node:
        yield node
