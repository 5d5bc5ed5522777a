"""Paying on an emulated network: nodes that fail, whose fault a failure is, HBAR, and when death is proven."""

import asyncio
from pathlib import Path

import pytest

from hedera_network import EmulatedNetwork, Faults
from ledger.hedera.conftest import Hedera
from masspayout.kernel.errors import LedgerRejected, LedgerUnavailable, LedgerUncertain
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_nanos
from masspayout.ledger.hedera.hbar import HBAR, TINYBARS
from masspayout.ledger.hedera.mirror.responses import Transaction as MirrorTransaction
from masspayout.ledger.hedera.outcomes import original
from masspayout.ledger.port import Dead, Refused, Settled, Undecided
from masspayout.ledger.transaction_ids import split_transaction_id

LONGEST_VALID, MARGIN = 180, 30


# Nodes


@pytest.mark.parametrize(
    "faults",
    [Faults(dead_nodes=(3, 4)), Faults(lying_nodes=(3, 4)), Faults(busy_percent=50), Faults(duplicate_percent=100)],
    ids=["dead", "lying", "busy", "duplicating"],
)
async def test_what_is_sent_again_and_again_pays_once(hedera: Hedera, faults: Faults) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.network.set_faults(faults)
    signed = await hedera.sign(token_id, {account: 5})
    for _ in range(20):
        try:
            await hedera.ledger.submit(signed.signed_bytes)
        except (LedgerUncertain, LedgerUnavailable):
            continue
    assert isinstance(await hedera.ledger.outcome(signed.transaction_id), Settled)
    assert hedera.operator.balance(account, token_id) == 5


async def test_a_node_that_does_not_listen_is_passed_over(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    nodes = f"127.0.0.1:9=0.0.3,{hedera.settings.hedera_nodes},127.0.0.1:9=0.0.5"
    hedera.ledger = hedera.adapter(hedera_nodes=nodes, hedera_node_timeout_seconds=0.3)
    for units in (1, 2, 3):
        await hedera.submit_until_taken(await hedera.sign(token_id, {account: units}))
    assert hedera.operator.balance(account, token_id) == 6


async def test_without_any_node_nothing_is_taken_and_nothing_is_decided(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.ledger = hedera.adapter(hedera_nodes="127.0.0.1:9=0.0.3", hedera_node_timeout_seconds=0.2)
    signed = await hedera.sign(token_id, {account: 1})
    with pytest.raises(LedgerUnavailable, match="No node took"):
        await hedera.ledger.submit(signed.signed_bytes)
    assert isinstance(await hedera.ledger.outcome(signed.transaction_id), Undecided)


async def test_a_mute_node_leaves_it_uncertain_and_another_takes_it(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    patient, hedera.ledger = hedera.ledger, hedera.adapter(hedera_node_timeout_seconds=1.0)
    hedera.network.set_faults(Faults(mute_nodes=(3, 4, 5)))
    signed = await hedera.sign(token_id, {account: 5})
    with pytest.raises(LedgerUncertain):
        await hedera.ledger.submit(signed.signed_bytes)
    assert isinstance(await patient.outcome(signed.transaction_id), Undecided)
    hedera.network.set_faults(Faults(mute_nodes=(3, 4)))
    await hedera.submit_until_taken(signed)
    assert isinstance(await patient.outcome(signed.transaction_id), Settled)


async def test_while_consensus_takes_its_time_the_result_is_waited_for(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.network.set_faults(Faults(consensus_seconds=40))
    patient = hedera.ledger = hedera.adapter(hedera_consensus_wait_seconds=240)
    impatient = hedera.adapter(hedera_consensus_wait_seconds=0)
    signed = await hedera.pay(token_id, {account: 5})
    assert isinstance(await impatient.outcome(signed.transaction_id), Undecided)
    asked, receipts_asked = len(hedera.network.mirror.requests), hedera.network.receipts_asked
    waiting = asyncio.create_task(patient.outcome(signed.transaction_id))
    while hedera.network.receipts_asked == receipts_asked:  # noqa: ASYNC110 - the network tells nobody
        await asyncio.sleep(0.01)
    hedera.network.clock.advance(40)
    assert isinstance(await waiting, Settled)
    assert len(hedera.network.mirror.requests) == asked


async def test_many_at_once_have_ids_of_their_own(hedera: Hedera) -> None:
    accounts = [hedera.operator.create_account() for _ in range(40)]
    token_id = hedera.make_token(*accounts)
    signed = [await hedera.sign(token_id, {account: 1}) for account in accounts]
    assert len({one.transaction_id for one in signed}) == len(accounts)
    await asyncio.gather(*(hedera.ledger.submit(one.signed_bytes) for one in signed))
    outcomes = await asyncio.gather(*(hedera.ledger.outcome(one.transaction_id) for one in signed))
    assert all(isinstance(outcome, Settled) for outcome in outcomes)


# Whose fault it is


async def test_a_wrong_key_is_refused_at_the_door_as_the_payers(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    signed = await hedera.sign(token_id, {account: 1})
    hedera.operator.update_account(hedera.payer, key=hedera.operator.account("0.0.3").key)
    with pytest.raises(LedgerRejected) as refused:
        await hedera.ledger.submit(signed.signed_bytes)
    assert refused.value.code == "INVALID_PAYER_SIGNATURE"


async def test_a_recipient_that_wants_to_sign_is_its_own_fault(hedera: Hedera) -> None:
    account = hedera.operator.create_account(receiver_signature_required=True)
    signed = await hedera.pay(hedera.make_token(account), {account: 1})
    assert await hedera.ledger.outcome(signed.transaction_id) == Refused("INVALID_SIGNATURE")


@pytest.mark.parametrize("frozen", ["payer", "recipient"])
async def test_who_is_frozen_decides_whom_it_concerns(hedera: Hedera, frozen: str) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.operator.associate(hedera.payer if frozen == "payer" else account, token_id, frozen=True)
    signed = await hedera.pay(token_id, {account: 1})
    code = "PAYER_NOT_ABLE" if frozen == "payer" else "ACCOUNT_FROZEN_FOR_TOKEN"
    assert await hedera.ledger.outcome(signed.transaction_id, signed.signed_bytes) == Refused(code)
    # Also for whoever finds it in the database, and has only the bytes. Without them only the code is known.
    assert await hedera.adapter().outcome(signed.transaction_id, signed.signed_bytes) == Refused(code)
    assert await hedera.adapter().outcome(signed.transaction_id) == Refused("ACCOUNT_FROZEN_FOR_TOKEN")


async def test_the_payer_and_addresses_cannot_be_paid(hedera: Hedera) -> None:
    token_id = hedera.make_token()
    for account, code in ((hedera.payer, "PAYER_IS_RECIPIENT"), ("0x" + "1" * 40, "INVALID_ACCOUNT_ID")):
        with pytest.raises(LedgerRejected) as refused:
            await hedera.sign(token_id, {account: 1})
        assert refused.value.code == code


# HBAR


async def test_hbar_is_paid_and_read_back_without_the_fees(hedera: Hedera) -> None:
    accounts = [hedera.operator.create_account(tinybars=0) for _ in range(9)]
    payments = {account: (number + 1) * TINYBARS for number, account in enumerate(accounts)}
    before = await hedera.ledger.balance_units(hedera.payer, HBAR)
    estimate = (await hedera.ledger.tariff(hedera.payer, HBAR)).estimate(len(accounts))

    signed = await hedera.pay(HBAR, payments)

    assert isinstance(await hedera.ledger.outcome(signed.transaction_id), Settled)
    moved = await hedera.ledger.transferred_units([signed.transaction_id])
    assert moved == {(signed.transaction_id, account): units for account, units in payments.items()}
    assert await hedera.ledger.balance_units(accounts[-1], HBAR) == 9 * TINYBARS
    charged = before - await hedera.ledger.balance_units(hedera.payer, HBAR) - sum(payments.values())
    assert estimate.fees is not None
    assert estimate.fees.units == charged


async def test_a_payer_without_enough_hbar_concerns_everybody(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    held = await hedera.ledger.balance_units(hedera.payer, HBAR)
    signed = await hedera.pay(HBAR, {account: held + 1})
    assert await hedera.ledger.outcome(signed.transaction_id) == Refused("INSUFFICIENT_ACCOUNT_BALANCE")


@pytest.mark.parametrize("count", [1, 9, 25])
async def test_the_estimate_is_what_is_charged(hedera: Hedera, count: int) -> None:
    accounts = [hedera.operator.create_account() for _ in range(count)]
    token_id = hedera.make_token(*accounts)
    estimate = (await hedera.ledger.tariff(hedera.payer, token_id)).estimate(count)
    before = await hedera.ledger.balance_units(hedera.payer, HBAR)
    for start in range(0, count, 9):
        await hedera.pay(token_id, dict.fromkeys(accounts[start : start + 9], 1))
    assert estimate.fees is not None
    charged = before - await hedera.ledger.balance_units(hedera.payer, HBAR)
    # The network rounds each transaction up, the estimate only the sum.
    assert estimate.fees.units <= charged <= estimate.fees.units + -(-count // 9)


# Death


async def lost(hedera: Hedera) -> str:
    """Sign a transaction that never reaches the network, and return its id."""
    account = hedera.operator.create_account()
    return (await hedera.sign(hedera.make_token(account), {account: 1})).transaction_id


async def test_death_takes_the_longest_validity_and_the_margin_whatever_ours_was(hedera: Hedera) -> None:
    hedera.ledger = hedera.adapter(hedera_valid_seconds=30)
    transaction_id = await lost(hedera)
    _, start_nanos = split_transaction_id(transaction_id)
    age_seconds = (hedera.network.clock.now_nanos() - start_nanos) / NANOS_PER_SECOND
    hedera.network.clock.advance(LONGEST_VALID + MARGIN - 20 - age_seconds)
    assert isinstance(await hedera.ledger.outcome(transaction_id), Undecided)
    hedera.network.clock.advance(20)
    assert isinstance(await hedera.ledger.outcome(transaction_id), Dead)


async def test_a_mirror_that_is_behind_proves_nothing(hedera: Hedera) -> None:
    transaction_id = await lost(hedera)
    hedera.network.clock.advance(LONGEST_VALID + MARGIN + 60)
    hedera.network.set_faults(Faults(mirror_lag_seconds=1200))
    outcome = await hedera.ledger.outcome(transaction_id)
    assert isinstance(outcome, Undecided)
    assert "up to" in outcome.reason


async def test_a_mirror_node_of_another_network_proves_nothing(hedera: Hedera, tmp_path: Path) -> None:
    with EmulatedNetwork.start(tmp_path) as another:
        another.clock.advance(3600)
        urls = f"{hedera.network.mirror_url},{another.mirror_url}"
        ledger = hedera.ledger = hedera.adapter(hedera_mirror_urls=urls, hedera_mirror_tries=2)
        await ledger.identity()
        transaction_id = await lost(hedera)
        hedera.network.clock.advance(LONGEST_VALID + MARGIN + 60)
        # Whichever of them is taken for the right one, the other contradicts it.
        for either in (urls, f"{another.mirror_url},{hedera.network.mirror_url}"):
            assert isinstance(await hedera.adapter(hedera_mirror_urls=either).outcome(transaction_id), Undecided)
        hedera.network.set_faults(Faults(mirror_error_percent=100))

        outcome = await ledger.outcome(transaction_id)

        assert isinstance(outcome, Undecided)
        assert f"The mirror node {another.mirror_url} is on hedera:custom:0x" in outcome.reason
        with pytest.raises(LedgerUnavailable, match=r"is on hedera:custom:0x.*, and another on hedera:custom:0x"):
            await ledger.examine()


async def test_replicas_that_are_behind_by_less_than_the_margin_cannot_hide_a_payment(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    signed = await hedera.pay(token_id, {account: 5})
    # Receipts are forgotten by now.
    hedera.network.clock.advance(LONGEST_VALID + 15)
    for lag in (MARGIN - 2, 2):
        hedera.network.set_faults(Faults(stale_percent=50, stale_seconds=lag))
        for _ in range(60):
            assert not isinstance(await hedera.ledger.outcome(signed.transaction_id), Dead)
            hedera.network.clock.advance(0.5)


async def test_one_mirror_that_knows_it_outweighs_all_that_do_not(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    signed = await hedera.pay(hedera.make_token(account), {account: 5})
    hedera.network.clock.advance(LONGEST_VALID + MARGIN + 60)
    urls = f"http://127.0.0.1:9,{hedera.network.mirror_url}"
    ledger = hedera.adapter(hedera_mirror_urls=urls, hedera_mirror_tries=2)
    outcome = await ledger.outcome(signed.transaction_id)
    assert isinstance(outcome, Settled)
    assert outcome.consensus_at is not None
    assert to_nanos(outcome.consensus_at) <= hedera.network.clock.now_nanos()


def test_a_failure_of_a_node_is_not_the_last_word() -> None:
    rows = [
        MirrorTransaction(transaction_id="0.0.8-1-000000006", consensus_timestamp=nanos, result=result, nonce=nonce)
        for nanos, (result, nonce) in enumerate(
            [
                ("INVALID_NODE_ACCOUNT", 0),
                ("INVALID_PAYER_SIGNATURE", 0),
                ("TRANSACTION_EXPIRED", 0),
                ("DUPLICATE_TRANSACTION", 0),
                ("SUCCESS", 1),
            ]
        )
    ]
    assert original(rows) is None
    last = rows[0].model_copy(update={"result": "ACCOUNT_FROZEN_FOR_TOKEN"})
    assert original([*rows, last]) is last
