"""The adapter on an emulated network that deceives it: replicas that lag differently, and what the mirror hides."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hedera_network import EmulatedNetwork, Faults, NetworkClock
from hedera_worlds import PAYER, build_world, world_settings
from masspayout.kernel.errors import LedgerUnavailable, LedgerUncertain
from masspayout.kernel.movements import Payment
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.port import Dead, Outcome, Settled, Transfer, Undecided
from payouts import PAYMENT_TOKEN, accounts

HOLDERS = [(account, 100) for account in accounts(120)]
FIRST = HOLDERS[0][0]
NODES = (3, 4, 5)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork.start(tmp_path) as network:
        build_world(network, HOLDERS)
        network.clock.advance(1800)
        yield network


@pytest.fixture
async def ledger(network: EmulatedNetwork, tmp_path: Path) -> AsyncIterator[HederaLedger]:
    settings = world_settings(network, tmp_path, hedera_mirror_requests_per_second=10_000)
    ledger = HederaLedger(settings, clock=network.clock.now_nanos)
    yield ledger
    await ledger.close()


async def sign(ledger: HederaLedger) -> SignedTransaction:
    sender = await ledger.sender(PAYER)
    payments = [Payment(FIRST, 10)]
    return await ledger.prepare(
        Transfer(sender.number_floor, PAYER, PAYMENT_TOKEN, payments, "", None, sender.account_id)
    )


async def test_replicas_that_lag_differently_prove_no_death(network: EmulatedNetwork, ledger: HederaLedger) -> None:
    signed = await sign(ledger)
    await ledger.submit(signed.signed_bytes)
    network.clock.advance(600)
    network.set_faults(Faults(lying_nodes=NODES, stale_percent=85, stale_seconds=3600))

    found: Counter[type[Outcome]] = Counter()
    while found.total() < 60 or not (found[Settled] and found[Undecided]):
        found[type(await ledger.outcome(signed.transaction_id))] += 1

    assert found.keys() == {Settled, Undecided}


async def test_a_mirror_that_is_behind_decides_nothing_until_it_has_caught_up(
    network: EmulatedNetwork, ledger: HederaLedger
) -> None:
    paid, lost = await sign(ledger), None
    await ledger.submit(paid.signed_bytes)
    network.set_faults(Faults(lying_nodes=NODES, mirror_lag_seconds=1200))
    lost = await sign(ledger)
    for _ in range(19):
        network.clock.advance(60)
        assert isinstance(await ledger.outcome(paid.transaction_id), Undecided)
        assert isinstance(await ledger.outcome(lost.transaction_id), Undecided)
    network.clock.advance(300)
    assert isinstance(await ledger.outcome(paid.transaction_id), Settled)
    assert isinstance(await ledger.outcome(lost.transaction_id), Dead)


async def test_many_recipients_are_looked_at_together(network: EmulatedNetwork, ledger: HederaLedger) -> None:
    operator = network.operator
    many_tokens = operator.create_account(automatic_slots=-1)
    for _ in range(60):
        operator.associate(many_tokens, operator.create_token({}))
    late = operator.create_token({PAYER: 100, many_tokens: 0})
    stranger, full = operator.create_account(), operator.create_account(automatic_slots=1)
    operator.update_account(full, automatic_used=1)
    operator.associate(full, operator.create_token({}), automatic=True)
    wanted = [many_tokens, stranger, full, "0.0.888888"]

    before = len(network.mirror.requests)
    assert (await ledger.preflight(PAYER, PAYMENT_TOKEN, [account for account, _ in HOLDERS])).failures == {}
    everybody = len(network.mirror.requests) - before

    assert (await ledger.preflight(PAYER, late, wanted)).failures == {
        stranger: "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
        full: "NO_REMAINING_AUTOMATIC_ASSOCIATIONS",
        "0.0.888888": "INVALID_ACCOUNT_ID",
    }
    assert everybody <= len(HOLDERS) + 4


@pytest.mark.parametrize("skew_seconds", [-5, 5])
async def test_a_clock_that_is_five_seconds_off_does_not_matter(
    network: EmulatedNetwork, tmp_path: Path, skew_seconds: int
) -> None:
    clock = NetworkClock(network.clock.path, skew_seconds=skew_seconds)
    ledger = HederaLedger(world_settings(network, tmp_path), clock=clock.now_nanos)
    signed = await sign(ledger)
    await ledger.submit(signed.signed_bytes)
    assert isinstance(await ledger.outcome(signed.transaction_id), Settled)
    await ledger.close()
    clock.close()


async def test_a_node_that_keeps_silent_is_passed_over_when_the_same_bytes_are_sent_again(
    network: EmulatedNetwork, tmp_path: Path
) -> None:
    settings = world_settings(network, tmp_path, hedera_node_timeout_seconds=1.0)
    ledger, patient = (
        HederaLedger(each, clock=network.clock.now_nanos) for each in (settings, world_settings(network, tmp_path))
    )
    network.set_faults(Faults(mute_nodes=NODES))
    signed = await sign(ledger)
    for _ in NODES:
        with pytest.raises(LedgerUncertain):
            await ledger.submit(signed.signed_bytes)
    assert isinstance(await patient.outcome(signed.transaction_id), Undecided)
    network.set_faults(Faults(mute_nodes=NODES[:2]))
    is_taken = False
    while not is_taken:
        with suppress(LedgerUncertain, LedgerUnavailable):  # also when the third node takes too long
            await ledger.submit(signed.signed_bytes)
            is_taken = True
    assert isinstance(await patient.outcome(signed.transaction_id), Settled)
    assert network.operator.balance(FIRST, PAYMENT_TOKEN) == 10
    await patient.close()
    await ledger.close()
