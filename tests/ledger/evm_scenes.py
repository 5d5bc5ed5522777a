"""Scenes on an EVM node: a ledger of its own for each test, and what others do on the chain."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL

from anvil import Anvil
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene
from masspayout.settings import Settings


@pytest.fixture
async def harness(ticking_node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        yield harness


@pytest.fixture
async def deep(ticking_node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    """A chain whose blocks are believed once two others lie on them."""
    async with evm_harness(ticking_node, evm_url, settings, evm_confirmations=3) as harness:
        yield harness


async def funded(harness: EvmHarness) -> Scene:
    token_id = await harness.make_token({})
    await harness.fund(token_id, harness.payer_account_id, FUNDS)
    return Scene(harness, token_id)


def mine(anvil: Anvil, count: int) -> None:
    anvil.call("anvil_mine", hex(count))


def spend_nonce(harness: EvmHarness) -> str:
    """Have somebody else who has the sender's key use its next nonce, and return the transaction's hash."""
    sender = harness.senders[0]
    harness.anvil.call("anvil_impersonateAccount", sender)
    other: str = harness.anvil.call("eth_sendTransaction", {"from": sender, "to": sender, "value": "0x0"})
    mine(harness.anvil, 3)
    return other
