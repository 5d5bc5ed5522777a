"""Kinds of chain: hard forks, fee markets and gas prices that differ from those of Ethereum today."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from anvil import running_anvil
from chains import deploy
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene
from masspayout.db.entities import EvmTransaction
from masspayout.kernel.errors import LedgerError, LedgerRejected, LedgerUnavailable
from masspayout.ledger.evm.data_fees import ORACLE
from masspayout.ledger.evm.envelopes import decode_transaction
from masspayout.ledger.port import Settled, Undecided
from masspayout.settings import Settings
from unreliable_node import Faults, UnreliableNode

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


GWEI = 10**9


@pytest.fixture
async def scene(tmp_path: Path, database_url: URL, settings: Settings) -> AsyncIterator[Scene]:
    async with chain(tmp_path, database_url, settings, ()) as harness:
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        yield Scene(harness, token_id)


def way_of(scene: Scene) -> UnreliableNode:
    assert isinstance(scene.harness, EvmHarness)
    return scene.harness.way


async def versions_of(scene: Scene, transaction_id: str) -> list[EvmTransaction]:
    assert isinstance(scene.harness, EvmHarness)
    return (await scene.harness.ledger.transactions.versions([transaction_id]))[transaction_id]


async def test_a_node_that_asks_for_a_higher_tip_gets_it_at_once(scene: Scene) -> None:
    way_of(scene).faults = Faults(minimum_tip_wei=25 * GWEI)
    accounts = [await scene.harness.make_account() for _ in range(2)]

    first = await scene.sign({accounts[0]: 10})
    await scene.ledger.submit(first.signed_bytes)
    second = await scene.sign({accounts[1]: 10})
    await scene.ledger.submit(second.signed_bytes)

    assert isinstance(await scene.ledger.outcome(first.transaction_id), Settled)
    assert isinstance(await scene.ledger.outcome(second.transaction_id), Settled)
    assert [await scene.balance(account) for account in accounts] == [10, 10]
    assert len(await versions_of(scene, first.transaction_id)) == 2
    assert len(await versions_of(scene, second.transaction_id)) == 1


async def test_a_tip_above_the_bound_is_not_paid_and_the_reason_is_shown(scene: Scene) -> None:
    way_of(scene).faults = Faults(minimum_tip_wei=501 * GWEI)
    signed = await scene.sign({await scene.harness.make_account(): 10})
    with pytest.raises(LedgerUnavailable, match="minimum needed 501"):
        await scene.ledger.submit(signed.signed_bytes)
    outcome = await scene.ledger.outcome(signed.transaction_id)
    assert isinstance(outcome, Undecided)
    assert "minimum needed 501" in outcome.reason
    assert "EVM_MAX_FEE_GWEI" in outcome.reason
    assert len(await versions_of(scene, signed.transaction_id)) == 1


async def test_a_node_that_suggests_a_higher_tip_than_ours_without_a_number_gets_its_suggestion(scene: Scene) -> None:
    way_of(scene).faults = Faults(refusal="FeeTooLow", answers={"eth_maxPriorityFeePerGas": hex(30 * GWEI)})
    signed = await scene.sign({await scene.harness.make_account(): 10})
    with pytest.raises(LedgerUnavailable):
        await scene.ledger.submit(signed.signed_bytes)
    tips = [decode_transaction(each.signed_bytes).fees for each in await versions_of(scene, signed.transaction_id)]
    assert [fees.priority_fee_wei for fees in tips] == [1_500_000_000, 30 * GWEI]


@pytest.mark.parametrize("words", ["already known", "AlreadyKnown", "Known transaction", "ALREADY_EXISTS"])
async def test_a_known_transaction_is_delivered(scene: Scene, words: str) -> None:
    signed = await scene.sign({await scene.harness.make_account(): 10})
    way_of(scene).faults = Faults(refusal=words)
    await scene.ledger.submit(signed.signed_bytes)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("txpool is full", "no room"),
        ("TxPoolFull", "no room"),
        ("transaction pool is full", "no room"),
        ("Upfront cost exceeds account balance", "cannot pay for the gas"),
        ("InsufficientFunds", "cannot pay for the gas"),
        ("insufficient funds for gas * price + value", "cannot pay for the gas"),
        ("max fee per gas less than block base fee", "offers less for gas"),
        ("Gas price below configured minimum gas price", "offers less for gas"),
        ("Gas price '0x1' is below configured minimum gas price '0x2'", "offers less for gas"),
        ("FeeTooLowToCompete", "offers less for gas"),
        ("exceeds block gas limit", "EVM_GAS_LIMIT"),
        ("GasLimitExceeded", "EVM_GAS_LIMIT"),
        ("Transaction gas limit '15000000' exceeds max gas per sec limit '100'", "EVM_GAS_LIMIT"),
        ("NonceGap", "waits for nonce"),
        ("Transaction nonce is too distant from current sender nonce", "waits for nonce"),
        ("nonce too low: address 0x1, tx: 0 state: 5", "used by another"),
        ("OldNonce", "used by another"),
        ("NONCE_TOO_LOW", "used by another"),
        ("Nonce too low. Provided nonce: 0, current nonce: 5", "used by another"),
        ("cosmic rays", "does not take"),
    ],
)
async def test_the_words_of_nodes_lead_to_their_meaning(scene: Scene, words: str, meaning: str) -> None:
    signed = await scene.sign({await scene.harness.make_account(): 10})
    way_of(scene).faults = Faults(refusal=words)
    with pytest.raises(LedgerError, match=meaning):
        await scene.ledger.submit(signed.signed_bytes)
    outcome = await scene.ledger.outcome(signed.transaction_id)
    assert isinstance(outcome, Undecided)
    assert meaning in outcome.reason


# Rollups of the OP stack


async def test_a_rollup_charges_for_data_in_the_preview_and_before_signing(
    tmp_path: Path, database_url: URL, settings: Settings
) -> None:
    async with chain(tmp_path, database_url, settings, FREE) as harness:
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        code = harness.anvil.call("eth_getCode", deploy(harness.anvil, "data_fee_oracle").address, "latest")
        harness.anvil.call("anvil_setCode", ORACLE, code)

        tariff = await harness.ledger.tariff(harness.payer_account_id, token_id)
        one, twenty, forty = (tariff.estimate(count).fees for count in (1, 20, 40))

        assert one is not None
        assert twenty is not None
        assert forty is not None
        assert one.units > 0
        assert twenty.units - one.units == 19 * 64 * 10**12
        assert forty.units == 2 * twenty.units
        scene = Scene(harness, token_id)
        assert await scene.sign({await harness.make_account(): 1})
        harness.anvil.call("anvil_setBalance", harness.senders[0], hex(10**12))
        with pytest.raises(LedgerRejected) as refusal:
            await scene.sign({await harness.make_account(): 1})
        assert refusal.value.code == "INSUFFICIENT_PAYER_BALANCE"


# Hedera's relay


async def test_a_relay_that_takes_no_batches_is_asked_one_by_one(scene: Scene) -> None:
    way_of(scene).faults = Faults(without_batches=True, no_mempool=True)
    account = await scene.harness.make_account()
    await scene.ledger.check_payer(scene.harness.payer_account_id, scene.token_id)
    signed = await scene.sign({account: 10})
    await scene.ledger.submit(signed.signed_bytes)
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)


async def test_a_relay_that_refuses_too_much_gas_is_not_taken_for_busy(scene: Scene) -> None:
    signed = await scene.sign({await scene.harness.make_account(): 10})
    words = "Transaction gas limit '15000000' exceeds max gas per sec limit '100'"
    way_of(scene).faults = Faults(refusal=words, refusal_code=-32005)
    with pytest.raises(LedgerRejected, match="EVM_GAS_LIMIT"):
        await scene.ledger.submit(signed.signed_bytes)
