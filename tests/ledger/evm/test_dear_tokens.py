"""Tokens whose transfers take much gas, take a fee, or stop: what is tried before anything is signed."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL

from anvil import Anvil
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene
from masspayout.kernel.errors import Conflict, LedgerRejected, LedgerUnavailable
from masspayout.ledger.evm.contracts.own import TRANSFER_GAS, interface
from masspayout.ledger.evm.envelopes import decode_transaction
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.port import Outcome, Settled, Undecided
from masspayout.settings import Settings
from unreliable_node import Faults

TAKES_A_FEE = 4
STUDIO_GAS = 684_000


@pytest.fixture
async def scene(anvil: Anvil, database_url: URL, settings: Settings) -> AsyncIterator[Scene]:
    async with evm_harness(anvil, database_url, settings) as harness:
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        yield Scene(harness, token_id)


def tell_token(scene: Scene, name: str, *arguments: object) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    harness.tokens[scene.token_id].send(name, *arguments, sender=harness.admin)


async def make_accounts(scene: Scene, count: int) -> list[str]:
    return [await scene.harness.make_account() for _ in range(count)]


async def pay(scene: Scene, accounts: list[str]) -> Outcome:
    signed = await scene.sign(dict.fromkeys(accounts, 10))
    await scene.ledger.submit(signed.signed_bytes)
    return await scene.ledger.outcome(signed.transaction_id)


# Gas


async def test_a_token_whose_transfers_are_dear_is_given_the_gas_that_it_needs(scene: Scene) -> None:
    tell_token(scene, "burn_gas", STUDIO_GAS)
    accounts = await make_accounts(scene, 5)
    assert await scene.preflight(accounts) == {}
    outcome = await pay(scene, accounts)
    assert isinstance(outcome, Settled)
    assert outcome.failures == {}
    assert [await scene.balance(account) for account in accounts] == [10] * 5


async def test_an_ordinary_token_is_given_as_little_gas_as_before(scene: Scene) -> None:
    signed = await scene.sign(dict.fromkeys(await make_accounts(scene, 2), 10))
    called = interface().called(decode_transaction(signed.signed_bytes).data)
    assert called is not None
    assert called.arguments[2] == TRANSFER_GAS


async def test_a_recipient_who_needs_more_gas_than_was_given_is_paid_by_the_next_transaction(scene: Scene) -> None:
    good, dear = await make_accounts(scene, 2)
    signed = await scene.sign({good: 10, dear: 10})
    tell_token(scene, "burn_gas_for", dear, STUDIO_GAS)
    await scene.ledger.submit(signed.signed_bytes)
    outcome = await scene.ledger.outcome(signed.transaction_id)
    assert isinstance(outcome, Settled)
    assert outcome.failures == {dear: "TRANSFER_NEEDS_MORE_GAS"}
    assert describe_failure("TRANSFER_NEEDS_MORE_GAS").failure_class is FailureClass.TRANSIENT

    again = await pay(scene, [dear])

    assert isinstance(again, Settled)
    assert again.failures == {}
    assert await scene.balance(dear) == 10


async def test_a_recipient_who_burns_whatever_is_given_costs_a_bounded_amount(scene: Scene) -> None:
    good, greedy = await make_accounts(scene, 2)
    tell_token(scene, "burn_gas_for", greedy, 30_000_000)
    outcome = await pay(scene, [good, greedy])
    assert isinstance(outcome, Settled)
    assert set(outcome.failures) == {greedy}
    assert await scene.balance(good) == 10


# Fees


async def test_a_token_that_takes_a_fee_is_seen_beforehand(scene: Scene) -> None:
    tell_token(scene, "behave", TAKES_A_FEE)
    accounts = await make_accounts(scene, 2)
    assert await scene.preflight(accounts) == dict.fromkeys(accounts, "WRONG_AMOUNT_ARRIVED")


# Tokens that stop


async def test_a_paused_token_is_blamed_and_nothing_is_signed(scene: Scene) -> None:
    tell_token(scene, "pause", True)
    accounts = await make_accounts(scene, 2)
    assert await scene.preflight(accounts) == dict.fromkeys(accounts, "TOKEN_IS_PAUSED")
    with pytest.raises(Conflict, match="is paused"):
        await scene.ledger.check_payer(scene.harness.payer_account_id, scene.token_id)
    with pytest.raises(LedgerRejected) as refusal:
        await scene.sign(dict.fromkeys(accounts, 10))
    assert refusal.value.code == "TOKEN_IS_PAUSED"


async def test_a_payer_whom_the_token_blocks_is_blamed_and_not_its_recipients(scene: Scene) -> None:
    payer = scene.harness.payer_account_id
    tell_token(scene, "refuse", payer, True)
    accounts = await make_accounts(scene, 2)
    assert await scene.preflight(accounts) == dict.fromkeys(accounts, "PAYER_NOT_ABLE")
    with pytest.raises(Conflict, match=f"refuses every transfer of the payer {payer}"):
        await scene.ledger.check_payer(payer, scene.token_id)
    with pytest.raises(LedgerRejected) as refusal:
        await scene.sign(dict.fromkeys(accounts, 10))
    assert refusal.value.code == "PAYER_NOT_ABLE"


@pytest.mark.parametrize(("pauses", "code"), [(True, "TOKEN_IS_PAUSED"), (False, "PAYER_NOT_ABLE")])
async def test_what_was_under_way_when_the_token_stopped_concerns_everybody(
    scene: Scene, pauses: bool, code: str
) -> None:
    accounts = await make_accounts(scene, 3)
    signed = await scene.sign(dict.fromkeys(accounts, 10))
    tell_token(scene, *(("pause", True) if pauses else ("refuse", scene.harness.payer_account_id, True)))
    await scene.ledger.submit(signed.signed_bytes)
    outcome = await scene.ledger.outcome(signed.transaction_id)
    assert isinstance(outcome, Settled)
    assert outcome.failures == dict.fromkeys(accounts, code)
    assert describe_failure(code).failure_class is FailureClass.EVERYBODY


# Many at once


async def test_a_batch_that_was_planned_for_more_recipients_is_split(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    accounts = await make_accounts(scene, 3)
    async with harness.another(evm_recipients_per_transaction=2) as lower:
        with pytest.raises(LedgerRejected) as refusal:
            await Scene(lower, scene.token_id).sign(dict.fromkeys(accounts, 10))
    assert describe_failure(refusal.value.code).failure_class is FailureClass.RECIPIENT


async def test_no_more_wait_in_a_pool_than_nodes_keep_of_one_sender(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    harness.anvil.call("evm_setAutomine", False)
    async with harness.another(evm_pending_per_sender=2) as few:
        bounded = Scene(few, scene.token_id)
        signed = [await bounded.sign({account: 1}) for account in await make_accounts(scene, 3)]
        for each in signed[:2]:
            await bounded.ledger.submit(each.signed_bytes)
        with pytest.raises(LedgerUnavailable, match="EVM_PENDING_PER_SENDER=2"):
            await bounded.ledger.submit(signed[2].signed_bytes)
        outcome = await bounded.ledger.outcome(signed[2].transaction_id)
        assert isinstance(outcome, Undecided)
        assert "EVM_PENDING_PER_SENDER=2" in outcome.reason
        harness.way.faults = Faults()
        harness.anvil.call("evm_mine")
        await bounded.ledger.submit(signed[2].signed_bytes)
        harness.anvil.call("evm_mine")
        assert isinstance(await bounded.ledger.outcome(signed[2].transaction_id), Settled)
