"""Statements of paying contracts: what is a debit of theirs, whoever had it made, and what only looks like one."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest
from eth_utils.crypto import keccak
from sqlalchemy import URL

from anvil import Anvil
from chains import deploy
from evm_harness import EvmHarness, evm_harness
from ledger.conformance import FUNDS, Scene, scene
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid
from masspayout.kernel.movements import StatementEntry, StatementPage
from masspayout.ledger.evm.administration import Administration
from masspayout.ledger.evm.contracts.own import TRANSFER_GAS
from masspayout.ledger.evm.node import to_hex, to_int
from masspayout.settings import Settings
from unreliable_node import Faults

__all__ = ["scene"]

KEY = bytes(range(32))


@pytest.fixture
async def harness(ticking_node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        yield harness


def evm(scene: Scene) -> EvmHarness:
    assert isinstance(scene.harness, EvmHarness)
    return scene.harness


async def pages_of(scene: Scene, after: int | None = None) -> list[StatementPage]:
    return [page async for page in scene.ledger.statement(scene.harness.payer_account_id, after=after)]


async def entries_of(scene: Scene) -> Sequence[StatementEntry]:
    return [entry for page in await pages_of(scene) for entry in page.entries]


async def test_a_payment_is_marked_with_the_key_that_it_was_made_under(scene: Scene) -> None:
    account = await scene.harness.make_account()
    signed = await scene.pay({account: 10})
    (entry,) = await entries_of(scene)
    assert entry.transaction_id == signed.transaction_id
    assert entry.mark is not None
    assert len(bytes.fromhex(entry.mark[2:])) == 32
    assert entry.number is None


async def test_what_somebody_else_has_the_contract_pay_is_in_its_statement(scene: Scene) -> None:
    harness, account = evm(scene), await scene.harness.make_account()
    assert harness.contract is not None
    harness.contract.send("set_payer", harness.admin, True, sender=harness.admin)
    receipt = harness.contract.send("pay", KEY, [(account, 5)], TRANSFER_GAS, sender=harness.admin)

    (entry,) = await entries_of(scene)

    assert entry.transaction_id == receipt["transactionHash"]
    assert (entry.mark, dict(entry.payments)) == (to_hex(KEY), {account: 5})
    assert entry.position == to_int(receipt["blockNumber"])


async def test_a_withdrawal_is_a_debit_without_a_mark(
    ticking_node: Anvil, evm_url: URL, settings: Settings, database: Database
) -> None:
    async with evm_harness(ticking_node, evm_url, settings) as harness:
        token_id = await harness.make_token({})
        await harness.fund(token_id, harness.payer_account_id, FUNDS)
        scene, noted = Scene(harness, token_id), list[str]()
        assert harness.contract is not None
        sender = harness.senders[0]
        harness.contract.send("nominate_admin", sender, sender=harness.admin)
        ticking_node.call("anvil_impersonateAccount", sender)
        harness.contract.send("accept_admin", sender=sender)

        async def note(transaction_id: str) -> None:
            noted.append(transaction_id)

        work = Administration(harness.ledger, database, harness.settings.evm_gas_margin_percent)
        done = await work.withdraw(harness.payer_account_id, Decimal(7), sender, before_sending=note)

        (entry,) = await entries_of(scene)
        assert [entry.transaction_id, entry.mark] == [done["transaction_id"], None]
        assert noted == [entry.transaction_id]
        assert dict(entry.payments) == {sender: 700}


async def test_what_strangers_log_is_no_debit(scene: Scene) -> None:
    """A token of theirs that names the contract as the sender, and a transfer of nothing in the payment token."""
    harness, account = evm(scene), await scene.harness.make_account()
    payer, stranger = harness.payer_account_id, harness.anvil.accounts[7]
    forged = deploy(harness.anvil, "token", "Free Money", "FREE", 2)
    forged.send("mint", payer, 5, sender=stranger)
    forged.send("burn", payer, 5, sender=stranger)
    harness.tokens[scene.token_id].send("transferFrom", payer, account, 0, sender=stranger)
    await scene.pay({account: 10})
    assert [(entry.token_id, entry.total_units) for entry in await entries_of(scene)] == [(scene.token_id, 10)]


async def test_what_an_issuer_takes_is_a_debit(scene: Scene) -> None:
    harness = evm(scene)
    harness.tokens[scene.token_id].send("burn", harness.payer_account_id, 40, sender=harness.admin)
    (entry,) = await entries_of(scene)
    assert (entry.mark, entry.total_units) == (None, 40)
    cursor = (await pages_of(scene))[-1].cursor
    assert await scene.ledger.held_units_at(harness.payer_account_id, scene.token_id, cursor) == FUNDS - 40


async def test_pages_end_with_a_block(scene: Scene) -> None:
    harness, contract = evm(scene), evm(scene).contract
    assert contract is not None
    account = await harness.make_account()
    (funded,) = await pages_of(scene)
    for count in (101, 2):
        harness.anvil.call("evm_setAutomine", False)
        for number in range(count):
            call = contract.interface.call("withdraw", scene.token_id, account, number + 1)
            transaction = {"from": harness.admin, "to": contract.address, "data": to_hex(call), "gas": hex(200_000)}
            harness.anvil.call("eth_sendTransaction", transaction)
        harness.anvil.call("evm_setAutomine", True)
        harness.anvil.call("evm_mine")
    await harness.fund(scene.token_id, harness.payer_account_id, 3)

    pages = await pages_of(scene, after=funded.cursor)

    assert [len(page.entries) for page in pages] == [101, 2]
    assert {entry.position for entry in pages[0].entries} == {pages[0].cursor}
    assert [dict(page.received_units) for page in pages] == [{}, {scene.token_id: 3}]
    assert funded.received_units == {scene.token_id: FUNDS}
    resumed = await pages_of(scene, after=pages[0].cursor)
    assert [page.entries for page in resumed] == [pages[1].entries]
    assert all(page.read_until == page.entries[-1].occurred_at for page in pages[:1])


async def test_it_is_read_in_ranges_that_the_node_gives(scene: Scene) -> None:
    harness = evm(scene)
    account = await harness.make_account()
    for units in (1, 2):
        await scene.pay({account: units})
        harness.anvil.call("anvil_mine", hex(20))
    harness.way.faults = Faults(most_log_blocks=3)
    assert [entry.total_units for entry in await entries_of(scene)] == [1, 2]


async def test_a_node_that_has_forgotten_old_states_gives_the_whole_statement(scene: Scene) -> None:
    harness = evm(scene)
    await scene.pay({await harness.make_account(): 4})
    harness.anvil.call("anvil_mine", hex(5))
    newest = to_int(harness.anvil.call("eth_blockNumber"))
    for faults in (Faults(oldest_state=newest), Faults(codeless_until=newest)):
        harness.way.faults = faults
        pages = await pages_of(scene)
        assert [entry.total_units for page in pages for entry in page.entries] == [4]
        assert sum(page.received_units[scene.token_id] for page in pages if page.received_units) == FUNDS
    assert harness.way.lie_count
    harness.way.faults = Faults(oldest_state=newest)
    assert await scene.ledger.held_units_at(harness.payer_account_id, scene.token_id, newest - 1) is None
    assert await scene.ledger.held_units_at(harness.payer_account_id, scene.token_id, newest) == FUNDS - 4


async def test_what_is_no_paying_contract_has_no_statement(scene: Scene) -> None:
    with pytest.raises(Invalid, match="none that can pay"):
        _ = [page async for page in scene.ledger.statement(scene.token_id, after=None)]


async def test_a_cursor_beyond_the_final_block_waits(scene: Scene) -> None:
    (page,) = await pages_of(scene, after=10**9)
    assert (page.entries, page.cursor, dict(page.received_units)) == ([], 10**9, {})
    assert page.read_until <= await scene.harness.now()


async def test_keys_follow_from_what_is_paid(scene: Scene) -> None:
    assert scene.ledger.payment_key("dividend 1 of ACME") == to_hex(keccak(b"dividend 1 of ACME"))
    assert await scene.ledger.settling_seconds() == 0
