"""Kinds of chain: hard forks, fee markets and gas prices that differ from those of Ethereum today."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from anvil import running_anvil
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene
from masspayout.ledger.port import Settled
from masspayout.settings import Settings

LONDON = ("--hardfork", "london")
WITHOUT_BASE_FEE = ("--hardfork", "berlin", "--gas-price", "1000000000")
FREE = ("--base-fee", "0", "--gas-price", "0", "--no-priority-fee")
FREE_WITHOUT_BASE_FEE = ("--hardfork", "berlin", "--gas-price", "0")


@asynccontextmanager
async def chain(directory: Path, url: URL, settings: Settings, options: Sequence[str]) -> AsyncIterator[EvmHarness]:
    with running_anvil(directory, *options) as anvil:
        async with evm_harness(anvil, url, settings) as harness:
            yield harness


@pytest.mark.parametrize(
    "options",
    [
        *(("--hardfork", name) for name in ("london", "paris", "shanghai", "cancun", "prague", "osaka")),
        WITHOUT_BASE_FEE,
    ],
    ids=lambda options: options[1],
)
async def test_holders_are_paid_on_every_hard_fork(
    tmp_path: Path, database_url: URL, settings: Settings, options: Sequence[str]
) -> None:
    async with chain(tmp_path, database_url, settings, options) as harness:
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        scene = Scene(harness, token_id)
        account = await harness.make_account()

        signed = await scene.sign({account: 10})
        await scene.ledger.submit(signed.signed_bytes)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10


@pytest.mark.parametrize("options", [FREE, FREE_WITHOUT_BASE_FEE], ids=["base fee 0", "no base fee"])
async def test_a_sender_without_money_pays_where_gas_is_free(
    tmp_path: Path, database_url: URL, settings: Settings, options: Sequence[str]
) -> None:
    async with chain(tmp_path, database_url, settings, options) as harness:
        harness.anvil.call("anvil_setBalance", harness.senders[0], "0x0")
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        scene = Scene(harness, token_id)
        account = await harness.make_account()
        await scene.ledger.check_payer(harness.payer_account_id, token_id)

        signed = await scene.sign({account: 10})
        await scene.ledger.submit(signed.signed_bytes)

        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10
