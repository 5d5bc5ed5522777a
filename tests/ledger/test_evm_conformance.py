"""An EVM chain, a real node behind a way that loses and delays, against what every ledger must do."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import LedgerConformance, scene
from masspayout.settings import Settings

__all__ = ["scene"]  # pytest finds the fixture where the test class is


@pytest.fixture
async def harness(ticking_node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        yield harness


class TestEvm(LedgerConformance):
    pass


@pytest.fixture(scope="module")
def node_without_base_fee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    options = ("--hardfork", "berlin", "--gas-price", "1000000000")
    with running_anvil(tmp_path_factory.mktemp("berlin"), *options) as anvil:
        anvil.call("anvil_setBlockTimestampInterval", 1)
        yield anvil


class TestEvmWithoutBaseFee(LedgerConformance):
    @pytest.fixture
    async def harness(
        self, node_without_base_fee: Anvil, evm_url: URL, settings: Settings
    ) -> AsyncIterator[EvmHarness]:
        async with evm_harness(node_without_base_fee, evm_url, settings) as harness:
            yield harness
