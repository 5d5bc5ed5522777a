"""What nodes of an EVM chain, and gateways before them, answer wrongly decides nothing."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import URL

from anvil import Anvil
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene, read, scene
from masspayout.kernel.errors import LedgerError, LedgerUnavailable, LedgerUncertain
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.evm.node import to_int
from masspayout.ledger.port import Dead, Outcome, Settled, Undecided
from masspayout.settings import Settings
from unreliable_node import Faults, Lie

__all__ = ["scene"]

READING = ["eth_getTransactionReceipt", "eth_getBlockByNumber", "eth_getTransactionCount"]
NOT_JSON_RPC = [Lie.NO_RESULT, Lie.NO_OBJECT, Lie.HTML]


@pytest.fixture
async def harness(ticking_node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        yield harness


@contextmanager
def lying(harness: EvmHarness, faults: Faults) -> Iterator[None]:
    """Have the node lie; a test in which it never had to fails."""
    before, harness.way.faults = harness.way.lie_count, faults
    yield
    harness.way.faults = Faults()
    assert harness.way.lie_count > before


def evm(scene: Scene) -> EvmHarness:
    assert isinstance(scene.harness, EvmHarness)
    return scene.harness


async def sent(scene: Scene) -> SignedTransaction:
    return await scene.send({await scene.harness.make_account(): 10})


async def outcome(scene: Scene, signed: SignedTransaction) -> Outcome:
    """Ask for the outcome as the business does: what cannot be read is not decided."""
    try:
        return await scene.ledger.outcome(signed.transaction_id)
    except LedgerError as error:
        return Undecided(error.message)


@pytest.mark.parametrize("lie", Lie)
@pytest.mark.parametrize("method", READING)
async def test_a_wrong_answer_decides_nothing(scene: Scene, method: str, lie: Lie) -> None:
    signed = await sent(scene)
    with lying(evm(scene), Faults(lies={method: lie})):
        found = await outcome(scene, signed)
        if method == "eth_getTransactionCount":  # it is not asked for when the receipt is shown
            with pytest.raises(LedgerUnavailable):
                await scene.ledger.sender(scene.harness.payer_account_id)
        else:
            assert isinstance(found, Undecided)
    assert isinstance(await outcome(scene, signed), Settled)


async def test_a_receipt_that_is_not_shown_proves_no_death(scene: Scene) -> None:
    signed, following = await sent(scene), await sent(scene)
    with lying(evm(scene), Faults(hidden=frozenset({signed.transaction_id}))):
        assert isinstance(await outcome(scene, signed), Undecided)
        assert isinstance(await outcome(scene, following), Settled)
        with pytest.raises(LedgerUnavailable, match="does not show its receipt"):
            await scene.ledger.transferred_units([signed.transaction_id])
    assert isinstance(await outcome(scene, signed), Settled)


async def test_the_receipt_of_the_other_transaction_is_needed_to_prove_death(scene: Scene) -> None:
    harness = evm(scene)
    signed = await scene.sign({await harness.make_account(): 10})
    cancelled_by = await harness.ledger.transactions.cancel(signed.transaction_id)
    with lying(harness, Faults(hidden=frozenset({cancelled_by}))):
        assert isinstance(await outcome(scene, signed), Undecided)
    assert isinstance(await outcome(scene, signed), Dead)


async def test_a_count_that_cannot_be_read_proves_no_death(scene: Scene) -> None:
    harness = evm(scene)
    signed = await scene.sign({await harness.make_account(): 10})
    for lie in Lie:
        with lying(harness, Faults(lies={"eth_getTransactionCount": lie})):
            assert isinstance(await outcome(scene, signed), Undecided)


async def test_logs_that_a_receipt_lacks_fail_nobody(scene: Scene) -> None:
    """The contract reports whatever it does: a receipt without logs was cut on its way."""
    harness = evm(scene)
    signed = await sent(scene)
    with lying(harness, Faults(without_logs=True)):
        assert isinstance(await outcome(scene, signed), Undecided)
    found = await outcome(scene, signed)
    assert isinstance(found, Settled)
    assert found.failures == {}


@pytest.mark.parametrize("lie", NOT_JSON_RPC)
async def test_sending_through_a_gateway_that_answers_itself_is_uncertain(scene: Scene, lie: Lie) -> None:
    signed = await scene.sign({await scene.harness.make_account(): 10})
    with (
        lying(evm(scene), Faults(lies={"eth_sendRawTransaction": lie})),
        pytest.raises(LedgerUncertain),
    ):
        await scene.ledger.submit(signed.signed_bytes)
    assert isinstance(await outcome(scene, signed), Undecided)


async def test_a_node_that_is_behind_does_not_say_that_there_are_no_logs(scene: Scene) -> None:
    harness = evm(scene)
    before = to_int(harness.anvil.call("eth_blockNumber"))
    account = await harness.make_account()
    await scene.pay({account: 10})
    payer, cursor = harness.payer_account_id, (0, 0)
    with lying(harness, Faults(ignorant_of=before)):
        with pytest.raises(LedgerUnavailable):
            _ = [page async for page in scene.ledger.statement(payer, after=before)]
        with pytest.raises(LedgerUnavailable):
            await read(scene.ledger, scene.token_id)
        with pytest.raises(LedgerUnavailable):
            _ = [event async for event in scene.ledger.events(account, after=cursor)]
    pages = [page async for page in scene.ledger.statement(payer, after=before)]
    assert [entry.total_units for page in pages for entry in page.entries] == [10]
    assert dict(await read(scene.ledger, scene.token_id)) == {payer: FUNDS - 10, account: 10}


async def test_a_node_with_trouble_of_its_own_does_not_say_what_a_contract_is(scene: Scene) -> None:
    harness = evm(scene)
    signed = await sent(scene)
    async with harness.opened_again() as again:
        harness.way.faults = Faults(failing_method="eth_call")
        with pytest.raises(LedgerUnavailable):
            await again.outcome(signed.transaction_id)
        harness.way.faults = Faults(lies={"eth_getCode": Lie.NULL})
        with pytest.raises(LedgerUnavailable):
            await again.outcome(signed.transaction_id)
        assert harness.way.lie_count
        harness.way.faults = Faults()
        assert isinstance(await again.outcome(signed.transaction_id), Settled)
