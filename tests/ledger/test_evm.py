"""What is special about EVM chains: reorganisations, fees, registers told from events."""

import asyncio

import pytest
from sqlalchemy import URL

from anvil import Anvil
from chains import deploy
from evm_harness import RICH_WEI, EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene, read, scene
from ledger.evm_scenes import deep, funded, harness, mine
from masspayout.kernel.errors import Conflict, ContractPaused, Invalid, LedgerRejected, LedgerUnavailable, NotFound
from masspayout.ledger.failures import FailureClass, describe_failure
from masspayout.ledger.port import Settled, Undecided
from masspayout.settings import Settings
from unreliable_node import Faults

__all__ = ["deep", "harness", "scene"]

TAKES_A_FEE, GIVES_TOO_MUCH = 4, 8


# Blocks that are not final


async def test_nothing_is_settled_before_its_block_is_deep_enough(deep: EvmHarness) -> None:
    scene = await funded(deep)
    signed = await scene.sign({await deep.make_account(): 10})
    await scene.ledger.submit(signed.signed_bytes)
    for _ in range(2):
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)
        mine(deep.anvil, 1)
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)


async def test_a_block_that_is_replaced_puts_its_transactions_back(deep: EvmHarness) -> None:
    scene = await funded(deep)
    mine(deep.anvil, 5)
    account = await deep.make_account()
    before = deep.anvil.call("evm_snapshot")
    signed = await scene.sign({account: 10})
    await scene.ledger.submit(signed.signed_bytes)
    mine(deep.anvil, 1)
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)

    deep.anvil.call("evm_revert", before)
    mine(deep.anvil, 4)

    assert await scene.balance(account) == 0
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)
    assert await scene.ledger.transferred_units([signed.transaction_id]) == {}
    await scene.ledger.submit(signed.signed_bytes)
    mine(deep.anvil, 2)
    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
    assert await scene.balance(account) == 10


async def test_a_transaction_that_a_reorganisation_moves_to_another_block_is_settled_there(deep: EvmHarness) -> None:
    scene = await funded(deep)
    mine(deep.anvil, 5)
    account = await deep.make_account()
    signed = await scene.sign({account: 10})
    await scene.ledger.submit(signed.signed_bytes)
    deep.anvil.call("anvil_reorg", 2, [])

    await scene.ledger.submit(signed.signed_bytes)
    mine(deep.anvil, 3)

    assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
    assert await scene.balance(account) == 10


async def test_registers_and_events_are_read_from_final_blocks_only(deep: EvmHarness) -> None:
    account = await deep.make_account()
    token_id = await deep.make_token({})
    mine(deep.anvil, 5)
    await deep.fund(token_id, account, 7)
    assert await read(deep.ledger, token_id) == []
    assert [event async for event in deep.ledger.events(account, after=(0, 0))] == []
    mine(deep.anvil, 2)
    assert await read(deep.ledger, token_id) == [(account, 7)]
    assert len([event async for event in deep.ledger.events(account, after=(0, 0))]) == 1


# Fees


async def test_what_the_fees_leave_behind_goes_out_again_at_a_higher_fee(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, evm_replace_seconds=0.001) as harness:
        scene = await funded(harness)
        account = await harness.make_account()
        signed = await scene.sign({account: 10})
        ticking_node.call("evm_setAutomine", False)
        try:
            await scene.ledger.submit(signed.signed_bytes)
            ticking_node.call("anvil_setNextBlockBaseFeePerGas", hex(30 * 10**9))
            mine(ticking_node, 1)
            assert isinstance(await scene.ledger.outcome(signed.transaction_id), Undecided)
            await scene.ledger.submit(signed.signed_bytes)
            mine(ticking_node, 1)
        finally:
            ticking_node.call("evm_setAutomine", True)
            ticking_node.call("anvil_setNextBlockBaseFeePerGas", hex(10**9))
            mine(ticking_node, 1)
        assert isinstance(await scene.ledger.outcome(signed.transaction_id), Settled)
        assert await scene.balance(account) == 10
        assert len((await harness.ledger.transactions.versions([signed.transaction_id]))[signed.transaction_id]) > 1
        assert await scene.ledger.transferred_units([signed.transaction_id]) == {(signed.transaction_id, account): 10}


async def test_nothing_is_signed_while_gas_costs_more_than_allowed(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, evm_max_fee_gwei=0.000001) as harness:
        scene = await funded(harness)
        with pytest.raises(LedgerUnavailable, match="EVM_MAX_FEE_GWEI"):
            await scene.sign({await harness.make_account(): 10})


# What cannot be paid says why


async def test_a_payer_who_could_not_pay_is_told_why(scene: Scene) -> None:
    harness, ledger = scene.harness, scene.ledger
    assert isinstance(harness, EvmHarness)
    assert harness.contract is not None
    contract, payer, token_id = harness.contract, harness.payer_account_id, scene.token_id
    other_token = deploy(harness.anvil, "token", "Other", "OTH", 2).address

    with pytest.raises(Conflict, match="pays in"):
        await ledger.check_payer(payer, other_token)
    with pytest.raises(Conflict, match="no contract"):
        await ledger.check_payer(await harness.make_account(), token_id)
    with pytest.raises(Conflict, match="none that can pay"):
        await ledger.check_payer(token_id, token_id)
    with pytest.raises(Conflict, match="PAYER_ACCOUNT_ID"):
        await ledger.check_payer("0.0.1001", token_id)
    with pytest.raises(NotFound):
        await ledger.check_payer(payer, await harness.make_account())
    contract.send("set_payer", harness.senders[0], False, sender=harness.admin)
    with pytest.raises(Conflict, match="does not let"):
        await ledger.check_payer(payer, token_id)
    with pytest.raises(LedgerRejected) as refusal:
        await scene.sign({await harness.make_account(): 1})
    assert refusal.value.code == "CONTRACT_ROLE_MISSING"
    contract.send("set_payer", harness.senders[0], True, sender=harness.admin)
    contract.send("pause", sender=harness.admin)
    with pytest.raises(ContractPaused):
        await ledger.check_payer(payer, token_id)
    with pytest.raises(LedgerRejected) as refusal:
        await scene.sign({await harness.make_account(): 1})
    assert refusal.value.code == "CONTRACT_PAUSED"
    contract.send("unpause", sender=harness.admin)
    harness.anvil.call("anvil_setBalance", harness.senders[0], "0x0")
    with pytest.raises(Conflict, match="gas"):
        await ledger.check_payer(payer, token_id)
    with pytest.raises(LedgerRejected) as refusal:
        await scene.sign({await harness.make_account(): 1})
    assert refusal.value.code == "INSUFFICIENT_PAYER_BALANCE"
    harness.anvil.call("anvil_setBalance", harness.senders[0], hex(RICH_WEI))
    await ledger.check_payer(payer, token_id)
    assert await scene.payer_balance() == FUNDS


async def test_a_wrong_chain_is_refused_before_anything_is_sent(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, evm_chain_id=1) as harness:
        token_id = await harness.make_token({})
        with pytest.raises(Conflict, match="EVM_CHAIN_ID says 1"):
            await harness.ledger.token(token_id)
        with pytest.raises(Conflict, match="nothing was sent"):
            await harness.ledger.sender(harness.payer_account_id)
        assert harness.way.sent_count == 0


async def test_what_is_no_token_is_not_found(harness: EvmHarness) -> None:
    await harness.make_token({})
    with pytest.raises(NotFound, match="no contract"):
        await harness.ledger.token(await harness.make_account())
    with pytest.raises(NotFound, match="no ERC-20"):
        await harness.ledger.token(harness.payer_account_id)
    with pytest.raises(Invalid):
        await harness.ledger.balance_units("0.0.1001", await harness.make_token({}))


async def test_a_batch_that_needs_too_much_gas_is_refused_so_that_it_is_split(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, evm_gas_limit=600_000) as harness:
        scene = await funded(harness)
        accounts = [await harness.make_account() for _ in range(20)]
        with pytest.raises(LedgerRejected) as refusal:
            await scene.sign(dict.fromkeys(accounts, 1))
        assert describe_failure(refusal.value.code).failure_class is FailureClass.RECIPIENT
        assert await scene.sign({accounts[0]: 1})


# Registers


async def test_a_register_is_read_on_from_where_it_was_left(
    ticking_node: Anvil, evm_url: URL, settings: Settings
) -> None:
    async with evm_harness(ticking_node, evm_url, settings, evm_log_blocks=2) as harness:
        accounts = sorted([await harness.make_account() for _ in range(5)])
        token_id = await harness.make_token(dict.fromkeys(accounts, 3))
        assert sorted(await read(harness.ledger, token_id)) == [(account, 3) for account in accounts]
        await harness.fund(token_id, accounts[0], 1)
        mine(ticking_node, 20)
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        found = await asyncio.gather(*(read(harness.ledger, token_id) for _ in range(3)))
        assert all(dict(one) == {**dict.fromkeys(accounts, 3), accounts[0]: 4} for one in found)


async def test_a_node_that_gives_few_blocks_at_once_is_asked_for_fewer(harness: EvmHarness) -> None:
    account = await harness.make_account()
    token_id = await harness.make_token({account: 3})
    mine(harness.anvil, 30)
    await harness.fund(token_id, account, 4)
    harness.way.faults = Faults(most_log_blocks=3)
    assert await read(harness.ledger, token_id) == [(account, 7)]
    assert len([event async for event in harness.ledger.events(account, after=(0, 0))]) == 2


async def test_a_register_whose_blocks_are_gone_is_read_again(harness: EvmHarness) -> None:
    account = await harness.make_account()
    token_id = await harness.make_token({account: 3})
    before = harness.anvil.call("evm_snapshot")
    await harness.fund(token_id, account, 4)
    assert await read(harness.ledger, token_id) == [(account, 7)]
    harness.anvil.call("evm_revert", before)
    mine(harness.anvil, 3)
    assert await read(harness.ledger, token_id) == [(account, 3)]


@pytest.mark.parametrize("behaviour", [TAKES_A_FEE, GIVES_TOO_MUCH])
async def test_a_token_whose_events_do_not_tell_who_holds_it_is_refused(harness: EvmHarness, behaviour: int) -> None:
    holder = harness.anvil.accounts[5]
    token_id = await harness.make_token({holder: 1000})
    token = harness.tokens[token_id]
    assert await read(harness.ledger, token_id) == [(holder, 1000)]
    token.send("behave", behaviour, sender=harness.admin)
    token.send("transfer", await harness.make_account(), 100, sender=holder)
    with pytest.raises(LedgerRejected, match="cannot be told from its events"):
        await harness.ledger.holders(token_id)


async def test_what_a_node_has_forgotten_is_compared_with_what_it_knows(harness: EvmHarness) -> None:
    holder = harness.anvil.accounts[5]
    token_id = await harness.make_token({holder: 1000})
    before = await harness.now()
    mine(harness.anvil, 3)
    harness.way.faults = Faults(oldest_state=int(harness.anvil.call("eth_blockNumber"), 16))
    assert await read(harness.ledger, token_id, before) == [(holder, 1000)]
    token = harness.tokens[token_id]
    token.send("behave", TAKES_A_FEE, sender=harness.admin)
    token.send("transfer", await harness.make_account(), 100, sender=holder)
    with pytest.raises(LedgerRejected, match="cannot be told from its events"):
        await harness.ledger.holders(token_id, at=before)


async def test_eighteen_decimals_and_more_than_64_bits_are_exact(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    units = 123_456_789 * 10**18 + 1
    account = await harness.make_account()
    token_id = harness.add_token({harness.payer_account_id: 0}, decimals=18)
    await harness.fund(token_id, harness.payer_account_id, units)
    rich = Scene(harness, token_id)
    signed = await rich.sign({account: units})
    await rich.ledger.submit(signed.signed_bytes)
    assert isinstance(await rich.ledger.outcome(signed.transaction_id), Settled)
    assert await rich.ledger.transferred_units([signed.transaction_id]) == {(signed.transaction_id, account): units}
    assert dict(await read(rich.ledger, token_id)) == {account: units}


# Events


async def test_a_paying_contract_says_when_it_is_funded_and_paused(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    assert harness.contract is not None
    for name in ("pause", "unpause"):
        harness.contract.send(name, sender=harness.admin)
    events = [event async for event in scene.ledger.events(harness.payer_account_id, after=(0, 0))]
    assert [event.name for event in events] == ["Deposit", "Paused", "Unpaused"]
    deposit = events[0].payload
    assert (deposit["token_id"], deposit["from"], deposit["amount_units"]) == (scene.token_id, scene.token_id, FUNDS)


async def test_a_token_says_when_it_changes_hands_and_our_payments_go_by_their_ids(scene: Scene) -> None:
    account = await scene.harness.make_account()
    signed = await scene.sign({account: 5})
    await scene.ledger.submit(signed.signed_bytes)
    events = [event async for event in scene.ledger.events(scene.token_id, after=(0, 0))]
    assert [event.name for event in events] == ["Transfer", "Transfer"]
    assert events[1].payload["transaction_id"] == signed.transaction_id
    assert events[1].payload["amount_units"] == 5


async def test_the_contract_itself_is_no_recipient(scene: Scene) -> None:
    payer, other = scene.harness.payer_account_id, await scene.harness.make_account()
    assert await scene.preflight([payer, other]) == {payer: "PAYER_IS_RECIPIENT"}
