"""Evidence of what became of a transaction: no silence, no gateway's answer and no single node's word is any."""

from collections.abc import Callable

import pytest

from hedera_network import Faults
from hedera_network.mirror.lies import LIES
from ledger.hedera.conftest import Hedera
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import Dead, Outcome, Refused, Settled, Undecided

LONGEST_VALID, MARGIN = 180, 30
LONG_AFTER_SECONDS = LONGEST_VALID + MARGIN + 190
ALL_NODES = (3, 4, 5)

# Of the ways in which an answer can be untrue, those that a client takes for one that was meant.
BY_ID, LIST = ("transactions/",), ("transactions",)


async def paid_long_ago(hedera: Hedera) -> SignedTransaction:
    """Pay somebody, and let so much time pass that only the mirror node remembers it."""
    account = hedera.operator.create_account()
    signed = await hedera.pay(hedera.make_token(account), {account: 100})
    hedera.network.clock.advance(LONG_AFTER_SECONDS)
    return signed


async def outcome_of(hedera: Hedera, signed: SignedTransaction) -> Outcome:
    """Return the outcome as the paying job sees it, for which a ledger that cannot be read has decided nothing."""
    try:
        return await hedera.ledger.outcome(signed.transaction_id)
    except LedgerUnavailable as error:
        return Undecided(error.message)


@pytest.fixture
def count_lies(hedera: Hedera) -> Callable[[], int]:
    before = hedera.network.mirror.liar.counts.total()
    return lambda: hedera.network.mirror.liar.counts.total() - before


@pytest.mark.parametrize("lie", LIES)
async def test_one_untrue_answer_for_an_id_is_no_proof_of_death(
    hedera: Hedera, lie: str, count_lies: Callable[[], int]
) -> None:
    signed = await paid_long_ago(hedera)
    hedera.network.set_faults(Faults(mirror_lie=lie, mirror_lie_paths=BY_ID, mirror_lie_times=1))
    assert isinstance(await outcome_of(hedera, signed), Settled)
    assert count_lies() == 1


@pytest.mark.parametrize("lie", LIES)
async def test_whatever_is_said_of_an_id_the_payers_transactions_show_it(
    hedera: Hedera, lie: str, count_lies: Callable[[], int]
) -> None:
    hedera.ledger = hedera.adapter(hedera_mirror_tries=2)
    signed = await paid_long_ago(hedera)
    hedera.network.set_faults(Faults(mirror_lie=lie, mirror_lie_paths=BY_ID))
    assert isinstance(await outcome_of(hedera, signed), Settled)
    assert count_lies()


@pytest.mark.parametrize("lie", LIES)
async def test_where_all_that_is_asked_is_answered_untruly_nothing_is_decided(
    hedera: Hedera, lie: str, count_lies: Callable[[], int]
) -> None:
    hedera.ledger = hedera.adapter(hedera_mirror_tries=2)
    signed = await paid_long_ago(hedera)
    hedera.network.set_faults(Faults(mirror_lie=lie, mirror_lie_paths=BY_ID + LIST))
    assert isinstance(await outcome_of(hedera, signed), Undecided)
    assert count_lies()
    hedera.network.set_faults(Faults())
    assert isinstance(await outcome_of(hedera, signed), Settled)


async def test_a_mirror_node_that_answers_and_shows_no_proof_keeps_it_undecided(
    hedera: Hedera, count_lies: Callable[[], int]
) -> None:
    account = hedera.operator.create_account()
    signed = await hedera.sign(hedera.make_token(account), {account: 1})
    hedera.network.clock.advance(LONG_AFTER_SECONDS)
    hedera.ledger = hedera.adapter(hedera_mirror_tries=1)
    hedera.network.set_faults(Faults(mirror_lie="gateway", mirror_lie_paths=LIST))
    assert isinstance(await outcome_of(hedera, signed), Undecided)
    assert count_lies()
    hedera.network.set_faults(Faults())
    assert isinstance(await outcome_of(hedera, signed), Dead)


async def test_death_is_proven_by_all_pages_of_the_payers_transactions(hedera: Hedera) -> None:
    accounts = [hedera.operator.create_account() for _ in range(3)]
    token_id = hedera.make_token(*accounts)
    lost = await hedera.sign(token_id, {accounts[0]: 1})
    for _ in range(110):
        await hedera.pay(token_id, {accounts[1]: 1})
    found = await hedera.pay(token_id, {accounts[2]: 1})
    hedera.network.clock.advance(LONG_AFTER_SECONDS)
    asked = len(hedera.network.mirror.requests)

    assert isinstance(await outcome_of(hedera, lost), Dead)

    pages = [one for one in list(hedera.network.mirror.requests)[asked:] if "account.id=" in one]
    assert len(pages) >= 2
    hedera.network.set_faults(Faults(mirror_lie="misrouted", mirror_lie_paths=BY_ID))
    assert isinstance(await outcome_of(hedera, found), Settled)


@pytest.mark.parametrize("code", ["FAIL_INVALID", "FAIL_FEE", "FAIL_BALANCE", "ACCOUNT_FROZEN_FOR_TOKEN", "BUSY"])
async def test_the_receipt_of_one_node_refuses_nothing(hedera: Hedera, code: str) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.network.set_faults(Faults(false_receipt_nodes=ALL_NODES, false_receipt=code, mirror_lag_seconds=60))
    before = hedera.network.false_receipts
    signed = await hedera.pay(token_id, {account: 5})
    assert isinstance(await outcome_of(hedera, signed), Undecided)
    hedera.network.clock.advance(61)
    assert isinstance(await outcome_of(hedera, signed), Settled)
    assert hedera.network.false_receipts > before


async def test_a_refusal_counts_when_the_record_says_the_same(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.operator.associate(account, token_id, frozen=True)
    hedera.network.clock.advance(70)
    hedera.network.set_faults(Faults(mirror_lag_seconds=60))
    signed = await hedera.pay(token_id, {account: 5})
    assert isinstance(await outcome_of(hedera, signed), Undecided)
    hedera.network.clock.advance(61)
    assert await outcome_of(hedera, signed) == Refused("ACCOUNT_FROZEN_FOR_TOKEN")


async def test_a_payment_that_succeeds_takes_no_request_to_a_mirror_node(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    asked = len(hedera.network.mirror.requests)
    signed = await hedera.pay(token_id, {account: 5})
    assert isinstance(await outcome_of(hedera, signed), Settled)
    assert len(hedera.network.mirror.requests) == asked
