"""What is special about the sandbox: its own storage, its faults, its operator's side."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import URL

from databases import fresh_database
from masspayout.kernel.errors import Conflict, Invalid, LedgerRejected, LedgerUnavailable, LedgerUncertain, NotFound
from masspayout.kernel.movements import Payment
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import Dead, Refused, Settled, Transfer, Undecided
from masspayout.ledger.sandbox import Faults, SandboxLedger
from masspayout.settings import Settings

PAYER = "0.0.1001"
TOKEN = "0.0.5000"
ACCOUNTS = [f"0x{number:040x}" for number in range(1, 7)]


@pytest.fixture
async def ledger(sandbox_url: URL, settings: Settings) -> AsyncIterator[SandboxLedger]:
    ledger = SandboxLedger(sandbox_url, settings)
    await ledger.admin.reset()
    await ledger.admin.create_token(TOKEN, name="Pay", symbol="PAY", decimals=6)
    await ledger.admin.deposit(TOKEN, 1_000_000, PAYER)
    yield ledger
    await ledger.close()


async def sign(ledger: SandboxLedger, payments: dict[str, int], *, number: int | None = None) -> SignedTransaction:
    payees = [Payment(account, units) for account, units in payments.items()]
    number = number or (await ledger.sender(PAYER)).number_floor
    return await ledger.prepare(Transfer(number, PAYER, TOKEN, payees, "test", None, PAYER))


async def pay(ledger: SandboxLedger, payments: dict[str, int]) -> object:
    signed = await sign(ledger, payments)
    await ledger.submit(signed.signed_bytes)
    return await ledger.outcome(signed.transaction_id)


async def balances(ledger: SandboxLedger) -> dict[str, int]:
    snapshot = await ledger.holders(TOKEN)
    return {holder.account_id: holder.balance_units async for page in snapshot.pages for holder in page}


async def test_ids_have_the_form_of_hedera(ledger: SandboxLedger) -> None:
    number = 1_700_000_000_000_000_042
    signed = await sign(ledger, {ACCOUNTS[0]: 1}, number=number)
    assert signed.transaction_id == "0.0.1001@1700000000.000000042"
    with pytest.raises(Invalid):
        await ledger.outcome("1700000000")


async def test_several_processes_may_be_the_first_at_once(empty_database_url: URL, settings: Settings) -> None:
    ledgers = [SandboxLedger(empty_database_url, settings) for _ in range(5)]
    assert await asyncio.gather(*(ledger.admin.tokens() for ledger in ledgers)) == [[]] * 5
    for ledger in ledgers:
        await ledger.close()


async def test_it_runs_on_every_supported_server(server_url: URL, settings: Settings) -> None:
    with fresh_database(server_url) as url:
        ledger = SandboxLedger(url, settings)
        await ledger.admin.create_token(TOKEN, name="Pay", symbol="PAY", decimals=6)
        await ledger.admin.deposit(TOKEN, 100, PAYER)
        assert isinstance(await pay(ledger, {ACCOUNTS[0]: 60}), Settled)
        assert await balances(ledger) == {PAYER: 40, ACCOUNTS[0]: 60}
        await ledger.close()


async def test_the_books_outlive_the_process(ledger: SandboxLedger, sandbox_url: URL, settings: Settings) -> None:
    signed = await sign(ledger, {ACCOUNTS[0]: 5})
    await ledger.submit(signed.signed_bytes)
    other = SandboxLedger(sandbox_url, settings)
    assert isinstance(await other.outcome(signed.transaction_id), Settled)
    assert await other.balance_units(ACCOUNTS[0], TOKEN) == 5
    await other.close()


async def test_a_server_that_is_not_there_is_unavailable(settings: Settings) -> None:
    ledger = SandboxLedger(URL.create("postgresql+psycopg", host="127.0.0.1", port=1, database="x"), settings)
    with pytest.raises(LedgerUnavailable):
        await ledger.token(TOKEN)
    await ledger.close()


async def test_a_stored_transaction_keeps_its_mode_when_the_settings_change(
    ledger: SandboxLedger, sandbox_url: URL, settings: Settings
) -> None:
    await ledger.admin.freeze([ACCOUNTS[1]], TOKEN)
    signed = await sign(ledger, {ACCOUNTS[0]: 1, ACCOUNTS[1]: 1})
    other = SandboxLedger(sandbox_url, settings.model_copy(update={"sandbox_results": "per-recipient"}))
    await other.submit(signed.signed_bytes)
    assert await other.outcome(signed.transaction_id) == Refused("ACCOUNT_FROZEN_FOR_TOKEN")
    await other.close()


async def test_death_is_proven_by_the_longest_validity_that_anybody_signed_with(
    ledger: SandboxLedger, sandbox_url: URL, settings: Settings
) -> None:
    signed = await sign(ledger, {ACCOUNTS[0]: 1})  # valid for 120 seconds
    hasty = SandboxLedger(sandbox_url, settings.model_copy(update={"sandbox_valid_seconds": 1}))
    await hasty.admin.advance(60)
    assert isinstance(await hasty.outcome(signed.transaction_id), Undecided)
    await hasty.admin.advance(61)
    assert isinstance(await hasty.outcome(signed.transaction_id), Dead)
    await hasty.close()


async def test_a_transaction_from_the_future_is_refused(ledger: SandboxLedger) -> None:
    signed = await sign(ledger, {ACCOUNTS[0]: 1}, number=(await ledger.sender(PAYER)).number_floor + 60 * 10**9)
    with pytest.raises(LedgerRejected) as refusal:
        await ledger.submit(signed.signed_bytes)
    assert refusal.value.code == "INVALID_TRANSACTION_START"


async def test_consensus_times_are_those_of_the_order(ledger: SandboxLedger) -> None:
    floor = (await ledger.sender(PAYER)).number_floor
    signed = [await sign(ledger, {ACCOUNTS[0]: 1}, number=floor + index) for index in range(30)]
    await asyncio.gather(*(ledger.submit(one.signed_bytes) for one in signed))
    recorded = await ledger.admin.transactions(limit=30)
    times = [one.consensus_at for one in recorded]
    assert times == sorted(set(times), reverse=True)
    assert await ledger.balance_units(ACCOUNTS[0], TOKEN) == 30


# Who can be paid


async def test_the_first_bad_recipient_decides(ledger: SandboxLedger) -> None:
    dissociated, frozen, deleted, rejected = ACCOUNTS[:4]
    await ledger.admin.dissociate([dissociated], TOKEN)
    await ledger.admin.freeze([frozen], TOKEN)
    await ledger.admin.delete_accounts([deleted])
    await ledger.admin.set_faults(Faults(rejections={rejected: "INVALID_ACCOUNT_ID"}))
    codes = {
        dissociated: "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
        frozen: "ACCOUNT_FROZEN_FOR_TOKEN",
        deleted: "ACCOUNT_DELETED",
        rejected: "INVALID_ACCOUNT_ID",
    }
    for order in (ACCOUNTS[:4], ACCOUNTS[3::-1]):
        assert await pay(ledger, dict.fromkeys(order, 1)) == Refused(codes[order[0]])
    # A rejection is a surprise: nobody can know of it beforehand.
    result = {account: code for account, code in codes.items() if account != rejected}
    assert (await ledger.preflight(PAYER, TOKEN, ACCOUNTS)).failures == result


async def test_a_dissociated_account_is_remembered_and_can_associate_again(ledger: SandboxLedger) -> None:
    await pay(ledger, {ACCOUNTS[0]: 5})
    await ledger.admin.dissociate([ACCOUNTS[0]])
    assert await pay(ledger, {ACCOUNTS[0]: 5}) == Refused("TOKEN_NOT_ASSOCIATED_TO_ACCOUNT")
    await ledger.admin.associate([ACCOUNTS[0]])
    assert isinstance(await pay(ledger, {ACCOUNTS[0]: 5}), Settled)
    assert await ledger.balance_units(ACCOUNTS[0], TOKEN) == 10


async def test_what_concerns_everybody(ledger: SandboxLedger) -> None:
    await ledger.admin.set_paused(TOKEN, paused=True)
    assert await pay(ledger, {ACCOUNTS[0]: 1}) == Refused("TOKEN_IS_PAUSED")
    assert (await ledger.token(TOKEN)).paused
    await ledger.admin.set_paused(TOKEN, paused=False)
    await ledger.admin.freeze([PAYER], TOKEN)
    assert await pay(ledger, {ACCOUNTS[0]: 1}) == Refused("PAYER_NOT_ABLE")
    await ledger.admin.unfreeze([PAYER], TOKEN)
    assert await pay(ledger, {ACCOUNTS[0]: 1_000_001}) == Refused("INSUFFICIENT_TOKEN_BALANCE")
    assert isinstance(await pay(ledger, {ACCOUNTS[0]: 1_000_000}), Settled)


async def test_a_payer_may_be_among_the_recipients(ledger: SandboxLedger) -> None:
    assert isinstance(await pay(ledger, {PAYER: 400, ACCOUNTS[0]: 1}), Settled)
    assert await balances(ledger) == {PAYER: 999_999, ACCOUNTS[0]: 1}


# Faults


async def test_a_throttled_transaction_was_not_taken(ledger: SandboxLedger) -> None:
    await ledger.admin.set_faults(Faults(throttle_percent=100))
    signed = await sign(ledger, {ACCOUNTS[0]: 1})
    with pytest.raises(LedgerUnavailable):
        await ledger.submit(signed.signed_bytes)
    assert await ledger.balance_units(ACCOUNTS[0], TOKEN) == 0


async def test_faults_are_shared_with_other_processes(
    ledger: SandboxLedger, sandbox_url: URL, settings: Settings
) -> None:
    faults = Faults(lose_answer_percent=7, delay_seconds=1.5, rejections={ACCOUNTS[0]: "TRANSFER_REVERTED"})
    await ledger.admin.set_faults(faults)
    other = SandboxLedger(sandbox_url, settings)
    assert await other.admin.faults() == faults
    await other.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"throttle_percent": 101},
        {"delay_seconds": -1},
        {"mirror_lag_seconds": float("inf")},
        {"rejections": {ACCOUNTS[0]: "TOKEN_IS_PAUSED"}},
        {"rejections": {"somebody": "ACCOUNT_DELETED"}},
    ],
)
def test_impossible_faults_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Faults(**wrong)  # type: ignore[arg-type]


# The operator's side


async def test_a_token_is_handed_out_and_the_treasury_keeps_the_rest(ledger: SandboxLedger) -> None:
    token = await ledger.admin.create_token(
        "0.0.7", name="T", symbol="T", decimals=18, supply_units=10**30, holders=[(ACCOUNTS[0], 10**29 + 1)]
    )
    assert token.total_supply_units == 10**30
    assert await ledger.balance_units("0.0.1000", "0.0.7") == 9 * 10**29 - 1
    with pytest.raises(Conflict):
        await ledger.admin.create_token("0.0.7", name="T", symbol="T", decimals=0)


@pytest.mark.parametrize(
    ("supply_units", "holders"),
    [(5, [(ACCOUNTS[0], 6)]), (None, [(ACCOUNTS[0], 1), (ACCOUNTS[0], 2)]), (None, [(ACCOUNTS[0], -1)])],
)
async def test_a_token_that_cannot_be_handed_out_is_not_created(
    ledger: SandboxLedger, supply_units: int | None, holders: list[tuple[str, int]]
) -> None:
    with pytest.raises(Invalid):
        await ledger.admin.create_token(
            "0.0.7", name="T", symbol="T", decimals=0, supply_units=supply_units, holders=holders
        )
    with pytest.raises(NotFound):
        await ledger.token("0.0.7")
    assert await ledger.balance_units(ACCOUNTS[0], "0.0.7") == 0


async def test_a_deposit_adds_to_the_supply(ledger: SandboxLedger) -> None:
    await ledger.admin.deposit(TOKEN, 5, ACCOUNTS[0])
    assert (await ledger.token(TOKEN)).total_supply_units == 1_000_005
    await ledger.admin.freeze([ACCOUNTS[0]])
    with pytest.raises(Conflict):
        await ledger.admin.deposit(TOKEN, 5, ACCOUNTS[0])
    with pytest.raises(Invalid):
        await ledger.admin.deposit(TOKEN, 0, ACCOUNTS[1])


async def test_a_reset_keeps_the_time(ledger: SandboxLedger) -> None:
    later = await ledger.admin.advance(3600)
    await ledger.admin.reset()
    assert await ledger.admin.tokens() == []
    assert await ledger.admin.now() >= later
    with pytest.raises(Invalid):
        await ledger.admin.advance(-1)


# Money is conserved


FAULTS = st.builds(
    Faults,
    lose_answer_percent=st.sampled_from([0, 50]),
    lose_request_percent=st.sampled_from([0, 30]),
    duplicate_percent=st.sampled_from([0, 100]),
    delay_percent=st.sampled_from([0, 40]),
    delay_seconds=st.sampled_from([1.0, 300.0]),
    throttle_percent=st.sampled_from([0, 20]),
    rejections=st.dictionaries(st.sampled_from(ACCOUNTS), st.just("TRANSFER_REVERTED"), max_size=2),
)
SUBMISSIONS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([*ACCOUNTS, PAYER]), st.integers(1, 400_000), min_size=1),
        st.booleans(),  # atomic
        st.integers(1, 3),  # how often the same bytes are sent, at once
        st.sampled_from([0, 2, 130]),  # seconds that pass afterwards
    ),
    max_size=6,
)


@given(faults=FAULTS, submissions=SUBMISSIONS)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_no_money_is_made_or_lost(
    ledger: SandboxLedger,
    sandbox_url: URL,
    settings: Settings,
    faults: Faults,
    submissions: list[tuple[dict[str, int], bool, int, int]],
) -> None:
    contract = SandboxLedger(sandbox_url, settings.model_copy(update={"sandbox_results": "per-recipient"}))
    before = await balances(ledger)
    sent: list[tuple[SignedTransaction, dict[str, int]]] = []
    await ledger.admin.set_faults(faults)
    for payments, atomic, times, seconds in submissions:
        signer = ledger if atomic else contract
        await signer.admin.now()  # learn of the clock that the other one moved
        signed = await sign(signer, payments)
        sent.append((signed, payments))
        answers = await asyncio.gather(
            *(ledger.submit(signed.signed_bytes) for _ in range(times)), return_exceptions=True
        )
        assert all(answer is None or isinstance(answer, LedgerUncertain | LedgerUnavailable) for answer in answers)
        if seconds:
            await ledger.admin.advance(seconds)
    await ledger.admin.set_faults(Faults())
    await ledger.admin.advance(600)  # everything has arrived, or never will

    after = await balances(ledger)
    moved = await ledger.transferred_units([signed.transaction_id for signed, _ in sent])
    expected = dict(before)
    for (transaction_id, account), units in moved.items():
        payments = next(payments for signed, payments in sent if signed.transaction_id == transaction_id)
        assert units == payments[account]
        expected[account] = expected.get(account, 0) + units
        expected[PAYER] -= units
    await contract.close()
    assert after == {account: units for account, units in expected.items() if units}
    assert sum(after.values()) == sum(before.values())
    for signed, payments in sent:
        outcome = await ledger.outcome(signed.transaction_id)
        paid = {account for transaction_id, account in moved if transaction_id == signed.transaction_id}
        assert not isinstance(outcome, Undecided)
        assert paid == (set(payments) - set(outcome.failures) if isinstance(outcome, Settled) else set())
