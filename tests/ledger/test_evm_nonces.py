"""Nonces: each sender has its own, without gaps, and a nonce that is used decides."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import URL

from anvil import Anvil
from databases import fresh_database
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene, scene
from ledger.evm_scenes import deep, funded, harness, mine, spend_nonce
from masspayout.kernel.errors import Conflict, LedgerRejected, LedgerUnavailable, NotFound
from masspayout.kernel.movements import Payment
from masspayout.ledger.evm import EvmLedger
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.port import Dead, Settled, Undecided
from masspayout.settings import Settings
from unreliable_node import Faults

__all__ = ["deep", "harness", "scene"]


async def test_each_sender_has_nonces_of_its_own_without_gaps(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, sender_count=3) as harness:
        scene = await funded(harness)
        signed = [await scene.sign({await harness.make_account(): 1}) for _ in range(9)]
        await asyncio.gather(*(scene.ledger.submit(one.signed_bytes) for one in reversed(signed)))
        for one in signed:
            assert isinstance(await scene.ledger.outcome(one.transaction_id), Settled)
        counts = [int(ticking_node.call("eth_getTransactionCount", sender, "latest"), 16) for sender in harness.senders]
        assert counts == [3, 3, 3]


async def test_a_node_that_keeps_no_later_nonces_is_sent_nothing_that_no_attempt_has_stored(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    harness.way.faults = Faults(no_mempool=True)
    signed = [await scene.sign({await harness.make_account(): 1}) for _ in range(5)]

    with pytest.raises(LedgerUnavailable, match="waits for nonce 0"):
        await scene.ledger.submit(signed[-1].signed_bytes)

    assert await scene.payer_balance() == FUNDS
    for one in signed:
        await scene.ledger.submit(one.signed_bytes)
        assert isinstance(await scene.ledger.outcome(one.transaction_id), Settled)
    assert await scene.payer_balance() == FUNDS - 5


async def test_the_same_call_is_signed_once_however_the_fees_have_changed(scene: Scene) -> None:
    """As by two workers, or after a crash between signing and storing."""
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    transfer = await scene.transfer([Payment(await harness.make_account(), 10)])
    first = await scene.ledger.prepare(transfer)
    harness.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(10**8))
    mine(harness.anvil, 1)
    async with harness.opened_again() as again:
        prepared = await asyncio.gather(*(again.prepare(transfer) for _ in range(3)))
    assert prepared == [first] * 3
    await scene.ledger.submit(first.signed_bytes)
    assert isinstance(await scene.ledger.outcome(first.transaction_id), Settled)


async def test_a_nonce_that_is_signed_for_again_after_a_refusal_is_the_later_attempt_s(scene: Scene) -> None:
    never_stored = await scene.ledger.prepare(await scene.transfer([Payment(await scene.harness.make_account(), 10)]))
    account = await scene.harness.make_account()
    stored = await scene.ledger.prepare(await scene.transfer([Payment(account, 20)]))
    await scene.ledger.submit(stored.signed_bytes)
    assert isinstance(await scene.ledger.outcome(stored.transaction_id), Settled)
    dead = await scene.ledger.outcome(never_stored.transaction_id)
    assert isinstance(dead, Dead)
    assert stored.transaction_id in dead.proof
    assert await scene.ledger.transferred_units([never_stored.transaction_id, stored.transaction_id]) == {
        (stored.transaction_id, account): 20
    }


async def test_a_nonce_that_was_used_before_it_was_signed_for_proves_death(scene: Scene) -> None:
    """As when it was filled for a worker that signs late."""
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    transfer = await scene.transfer([Payment(await harness.make_account(), 10)])
    other = spend_nonce(harness)
    late = await scene.ledger.prepare(transfer)
    with pytest.raises(LedgerRejected):
        await scene.ledger.submit(late.signed_bytes)
    dead = await scene.ledger.outcome(late.transaction_id)
    assert isinstance(dead, Dead)
    assert other in dead.proof


async def test_a_nonce_that_nobody_signs_for_is_filled_once_a_later_one_has_waited(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        scene = await funded(harness)
        transfer = await scene.transfer([Payment(await harness.make_account(), 10)])
        never_stored = await scene.ledger.prepare(replace(transfer, number=transfer.number + 1))
        waiting = await scene.ledger.prepare(replace(transfer, number=transfer.number + 2))
        await scene.ledger.submit(waiting.signed_bytes)
        assert isinstance(await scene.ledger.outcome(waiting.transaction_id), Undecided)
        async with harness.another(evm_replace_seconds=0.001) as patient:
            await patient.ledger.submit(waiting.signed_bytes)
            assert isinstance(await patient.ledger.outcome(waiting.transaction_id), Settled)
            late = await patient.ledger.prepare(transfer)
            with pytest.raises(LedgerRejected):
                await patient.ledger.submit(late.signed_bytes)
            for unused in (late, never_stored):
                assert isinstance(await patient.ledger.outcome(unused.transaction_id), Dead)
        assert await scene.payer_balance() == FUNDS - 10


async def test_a_version_that_the_database_does_not_know_is_found_on_the_chain(
    scene: Scene, embedded_server: URL, migrated_template: str
) -> None:
    """As when the database was restored from before a transaction was signed anew at a higher fee."""
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    account = await harness.make_account()
    transfer = await scene.transfer([Payment(account, 10)])
    signed = await scene.ledger.prepare(transfer)
    with fresh_database(embedded_server, template=migrated_template) as url:
        another = EvmLedger(url, harness.settings)
        harness.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(10**8))
        mine(harness.anvil, 1)
        newer = await another.prepare(transfer)
        assert newer.transaction_id != signed.transaction_id
        await another.submit(newer.signed_bytes)
        await another.close()

    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)

    moved = {(signed.transaction_id, account): 10}
    assert await scene.ledger.transferred_units([signed.transaction_id]) == moved
    pages = [page async for page in scene.ledger.statement(harness.payer_account_id, after=None)]
    assert [entry.transaction_id for page in pages for entry in page.entries] == [signed.transaction_id]


async def test_what_waits_for_an_earlier_nonce_says_so(scene: Scene) -> None:
    first, second = [await scene.sign({await scene.harness.make_account(): 1}) for _ in range(2)]
    await scene.ledger.submit(second.signed_bytes)
    outcome = await scene.ledger.outcome(second.transaction_id)
    assert isinstance(outcome, Undecided)
    assert "waits for nonce 0" in outcome.reason
    await scene.ledger.submit(first.signed_bytes)
    assert isinstance(await scene.ledger.outcome(second.transaction_id), Settled)


async def test_a_cancelled_transaction_is_dead_and_the_next_one_goes_on(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    account = await harness.make_account()
    stuck, following = await scene.sign({account: 10}), await scene.sign({account: 1})
    await scene.ledger.submit(following.signed_bytes)

    cancelled_by = await harness.ledger.transactions.cancel(stuck.transaction_id)

    dead = await scene.ledger.outcome(stuck.transaction_id)
    assert isinstance(dead, Dead)
    assert cancelled_by in dead.proof
    assert isinstance(await scene.ledger.outcome(following.transaction_id), Settled)
    assert await scene.balance(account) == 1
    assert await harness.ledger.transactions.cancel(stuck.transaction_id) == cancelled_by
    with pytest.raises(NotFound):
        await harness.ledger.transactions.cancel("0x" + "ab" * 32)


async def test_what_is_in_a_block_is_not_cancelled(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    signed = await scene.sign({await harness.make_account(): 10})
    await scene.ledger.submit(signed.signed_bytes)
    with pytest.raises(Conflict, match="in a block already"):
        await harness.ledger.transactions.cancel(signed.transaction_id)
    assert len((await harness.ledger.transactions.versions([signed.transaction_id]))[signed.transaction_id]) == 1
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)


async def test_a_nonce_that_somebody_else_used_proves_death(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    signed = await scene.sign({await harness.make_account(): 10})
    other = spend_nonce(harness)

    with pytest.raises(LedgerRejected) as refusal:
        await scene.ledger.submit(signed.signed_bytes)

    assert describe_failure(refusal.value.code).failure_class is FailureClass.TRANSIENT
    dead = await scene.ledger.outcome(signed.transaction_id)
    assert isinstance(dead, Dead)
    assert other in dead.proof
