"""An EVM chain, a real node behind a way that loses and delays, against what every ledger must do."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL

from anvil import Anvil
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
