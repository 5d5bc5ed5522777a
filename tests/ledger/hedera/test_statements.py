"""Statements of payers on Hedera: every debit once, without fees, in pages, from whatever the mirror node lists."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from hedera_network import EmulatedNetwork, Faults
from hedera_network.entities import FixedFee, FractionalFee
from hedera_network.wallet import Wallet
from ledger.hedera.conftest import Hedera
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import StatementEntry, StatementPage
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.responses import Block
from masspayout.ledger.transaction_ids import make_transaction_id, split_transaction_id
from masspayout.settings import Settings

MARGIN_SECONDS = 30
DAY_SECONDS = 86_400


async def read(hedera: Hedera, *, after: int | None = None, payer: str | None = None) -> list[StatementPage]:
    """Read a statement, once every replica has seen what happened."""
    hedera.network.clock.advance(MARGIN_SECONDS + 3)
    return [page async for page in hedera.ledger.statement(payer or hedera.payer, after=after)]


def entries_of(pages: Sequence[StatementPage]) -> list[StatementEntry]:
    return [entry for page in pages for entry in page.entries]


def sums(pages: Sequence[StatementPage]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return what came in, what went out and what was charged, by token."""
    received: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    charged: Counter[str] = Counter()
    for page in pages:
        received.update(page.received_units)
        charged.update(page.fee_units)
        for entry in page.entries:
            sent[entry.token_id] += entry.total_units
    return received, sent, charged


async def test_an_entry_has_the_id_the_number_and_the_memo_of_its_transaction(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    signed = await hedera.pay(token_id, {account: 7})

    (entry,) = entries_of(await read(hedera))

    assert (entry.transaction_id, entry.token_id, entry.mark) == (signed.transaction_id, token_id, "test")
    assert entry.number == split_transaction_id(signed.transaction_id)[1]
    assert list(entry.payments) == [(account, 7)]
    assert entry.occurred_at == to_datetime(entry.position)


async def test_a_long_statement_is_read_in_pages_and_goes_on_at_any_of_them(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    before = (await read(hedera))[-1].cursor
    for number in range(3_250):
        hedera.operator.transfer(token_id, hedera.payer, {account: 1 + number % 7})
    asked = len(hedera.network.mirror.requests)

    pages = await read(hedera, after=before)

    assert [len(page.entries) for page in pages] == [100] * 32 + [50]
    assert len(hedera.network.mirror.requests) - asked <= 33 + 4
    entries = entries_of(pages)
    assert [entry.total_units for entry in entries] == [1 + number % 7 for number in range(3_250)]
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    assert [page.cursor for page in pages[:-1]] == [page.entries[-1].position for page in pages[:-1]]
    assert all(page.read_until == to_datetime(page.cursor) for page in pages)
    for number in (0, 17, 31, 32):
        rest = [page async for page in hedera.ledger.statement(hedera.payer, after=pages[number].cursor)]
        assert entries_of(rest) == entries[100 * (number + 1) :]
    assert len(rest) == 1


async def test_years_are_read_in_windows_that_the_mirror_node_takes(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    for units in (1, 2, 3):
        hedera.operator.transfer(token_id, hedera.payer, {account: units})
        hedera.network.clock.advance(100 * DAY_SECONDS)
    pages = await read(hedera)
    assert [entry.total_units for entry in entries_of(pages)] == [1, 2, 3]
    assert [page.cursor for page in pages] == sorted(page.cursor for page in pages)
    assert len(pages) >= 6


async def test_only_what_succeeded_moved_money_and_failures_cost_their_fees(hedera: Hedera) -> None:
    good, bad = hedera.operator.create_account(), hedera.operator.create_account()
    token_id = hedera.make_token(good)
    before = await hedera.ledger.balance_units(hedera.payer, HBAR)
    await hedera.pay(token_id, {good: 5})
    await hedera.pay(token_id, {bad: 6})
    hedera.network.set_faults(Faults(duplicate_percent=100))
    await hedera.pay(token_id, {good: 7})
    hedera.network.set_faults(Faults())

    pages = await read(hedera)

    received, sent, charged = sums(pages)
    assert [dict(entry.payments) for entry in entries_of(pages)] == [{good: 5}, {good: 7}]
    assert (received[token_id], sent[token_id], charged[token_id]) == (1_000_000, 12, 0)
    assert charged[HBAR] == before - await hedera.ledger.balance_units(hedera.payer, HBAR)
    assert charged[HBAR] > 0


async def test_it_adds_up_to_what_is_held_at_its_cursor(hedera: Hedera) -> None:
    accounts = [hedera.operator.create_account() for _ in range(4)]
    token_id = hedera.make_token(*accounts)
    hedera.operator.take_snapshot()
    opening = await hedera.ledger.balance_units(hedera.payer, HBAR)
    start = (await read(hedera))[-1].cursor
    await hedera.pay(token_id, dict.fromkeys(accounts, 9))
    await hedera.pay(HBAR, dict.fromkeys(accounts, 1_000))
    hedera.operator.fund_tinybars(hedera.payer, 77)
    await hedera.pay(token_id, {hedera.operator.create_account(): 1})
    pages = await read(hedera, after=start)
    await hedera.pay(token_id, {accounts[0]: 100})

    cursor = pages[-1].cursor
    received, sent, charged = sums(pages)

    async def held(token: str) -> int | None:
        return await hedera.ledger.held_units_at(hedera.payer, token, cursor)

    assert await held(token_id) == 1_000_000 - sent[token_id] == 1_000_000 - 36
    assert await held(HBAR) == opening + received[HBAR] - sent[HBAR] - charged[HBAR]
    assert (received[HBAR], sent[HBAR]) == (77, 4_000)
    assert await hedera.ledger.held_units_at("0.0.404404", HBAR, cursor) is None
    assert await hedera.ledger.held_units_at("0.0.2", HBAR, cursor) is None, "no transaction shows its opening balance"
    # Of what a replica may not have seen yet nothing is told.
    assert await hedera.ledger.held_units_at(hedera.payer, token_id, hedera.network.clock.now_nanos()) is None


async def test_children_and_scheduled_transactions_count_and_have_ids_of_their_own(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    transfer = hedera.operator.transfer
    child = transfer(token_id, hedera.payer, {account: 1}, payer="0.0.2", nonce=1)
    scheduled = transfer(token_id, hedera.payer, {account: 2}, payer="0.0.2", scheduled=True)
    both = transfer(token_id, hedera.payer, {account: 3}, payer="0.0.2", scheduled=True, nonce=2, memo="sold")
    plain = transfer(token_id, hedera.payer, {account: 4}, payer="0.0.2")

    entries = entries_of(await read(hedera))

    assert [(entry.transaction_id, entry.total_units, entry.number, entry.mark) for entry in entries] == [
        (f"{child.key.path}/1", 1, None, None),
        (f"{scheduled.key.path}?scheduled", 2, None, None),
        (f"{both.key.path}?scheduled/2", 3, None, "sold"),
        (make_transaction_id("0.0.2", plain.key.valid_start_nanos), 4, None, None),
    ]


@pytest.mark.parametrize("shares_fees", [False, True], ids=["one fee account", "shared fees"])
async def test_hbar_that_is_paid_to_accounts_of_the_network_is_no_fee(
    tmp_path: Path, settings: Settings, shares_fees: bool
) -> None:
    with EmulatedNetwork.start(tmp_path, shares_fees=shares_fees) as network, Wallet(network) as wallet:
        # How fees were shared is not told, so that of two such accounts at once the shares would be a guess.
        paid = {"0.0.98": 5_000_000_000} if shares_fees else {"0.0.3": 3, "0.0.98": 5_000_000_000, "0.0.800": 1}
        network.operator.create_account(account_id="0.0.800", tinybars=0)
        assert wallet.pay("hbar", paid, memo="to the network") == ("OK", "SUCCESS")
        assert wallet.pay("hbar", {"0.0.2": 11}, node="0.0.4") == ("OK", "SUCCESS")
        network.clock.advance(60)
        ledger = HederaLedger(settings.model_copy(update=network.settings()), clock=network.clock.now_nanos)
        pages = [page async for page in ledger.statement(wallet.account_id, after=None)]
        entries = entries_of(pages)
        assert [dict(entry.payments) for entry in entries] == [paid, {"0.0.2": 11}]
        fees = sum(record.fee for record in network.operator.records(wallet.account_id))
        assert sums(pages)[2] == Counter({HBAR: fees})
        if not shares_fees:
            assert network.operator.account("0.0.802").tinybars == fees
        moved = await ledger.transferred_units([entries[0].transaction_id])
        assert {account: units for (_, account), units in moved.items()} == paid
        await ledger.close()


async def test_custom_fees_are_charges_and_no_payments(hedera: Hedera) -> None:
    account, collector = hedera.operator.create_account(), hedera.operator.create_account()
    other = hedera.make_token(collector)
    number, other_number = (int(one.rpartition(".")[2]) for one in (collector, other))
    fees = {
        "fixed_fees": [FixedFee(500, number), FixedFee(3, number, other_number)],
        "fractional_fees": [FractionalFee(1, 10, number, net_of_transfers=True)],
    }
    token_id = hedera.make_token(account, collector, **fees)
    await hedera.pay(token_id, {account: 100, collector: 40})
    asked = len(hedera.network.mirror.requests)
    hedera.operator.transfer(token_id, hedera.payer, {account: 1})
    hedera.operator.update_token(token_id, fixed_fees=(), fractional_fees=())

    pages = await read(hedera)

    received, sent, charged = sums(pages)
    assert [(entry.token_id, dict(entry.payments)) for entry in entries_of(pages)] == [
        (token_id, {account: 100, collector: 40}),
        (token_id, {account: 1}),
    ]
    assert (charged[token_id], charged[other]) == (14, 3)
    for token in (token_id, other):
        held = received[token] - sent[token] - charged[token]
        assert held == await hedera.ledger.balance_units(hedera.payer, token)
    assert charged[HBAR] > 500
    assert any("transactions/" in path for path in list(hedera.network.mirror.requests)[asked:])


async def test_of_what_several_sent_only_what_the_payer_lost_is_its_payment(hedera: Hedera) -> None:
    with Wallet(hedera.network) as wallet, Wallet(hedera.network) as other:
        accounts = [hedera.operator.create_account() for _ in range(2)]
        token_id = hedera.operator.create_token(dict.fromkeys([*accounts, wallet.account_id, other.account_id], 50))
        amounts = {wallet.account_id: -30, other.account_id: -20, accounts[0]: 25, accounts[1]: 25}
        transaction = wallet.build(token_id, {}, adjustments=amounts)
        wallet.send(wallet.sign(transaction, wallet.key, other.key))
        assert wallet.receipt(transaction) == "SUCCESS"
        totals = [
            sum(entry.total_units for entry in entries_of(await read(hedera, payer=one.account_id)))
            for one in (wallet, other)
        ]
        assert totals == [30, 20]


async def test_replicas_that_are_behind_by_less_than_the_margin_hide_no_debit(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    cursor = (await read(hedera))[-1].cursor
    hedera.network.set_faults(Faults(stale_percent=50, stale_seconds=MARGIN_SECONDS - 1))
    shown: list[int] = []
    for units in itertools.count(1):
        if units <= 60:
            hedera.operator.transfer(token_id, hedera.payer, {account: units})
        pages = [page async for page in hedera.ledger.statement(hedera.payer, after=cursor)]
        shown += [entry.total_units for entry in entries_of(pages)]
        cursor = pages[-1].cursor
        hedera.network.clock.advance(4)
        if len(shown) == 60 or units > 60 + 2 * MARGIN_SECONDS:
            break
    assert shown == list(range(1, 61))


async def test_a_mirror_node_that_goes_back_while_it_is_read_moves_no_cursor(
    hedera: Hedera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one, ten minutes behind, takes its place: it would leave out what the first had seen."""
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    cursor = (await read(hedera))[-1].cursor
    hedera.operator.transfer(token_id, hedera.payer, {account: 5})
    hedera.network.clock.advance(10 * MARGIN_SECONDS)
    ask = MirrorClient.newest_block

    async def ask_and_go_back(mirror: MirrorClient, url: str | None = None) -> Block | None:
        answer = await ask(mirror, url)
        hedera.network.set_faults(Faults(stale_percent=100, stale_seconds=20 * MARGIN_SECONDS))
        return answer

    monkeypatch.setattr(MirrorClient, "newest_block", ask_and_go_back)
    with pytest.raises(LedgerUnavailable, match="goes back"):
        [page async for page in hedera.ledger.statement(hedera.payer, after=cursor)]
    monkeypatch.undo()
    hedera.network.set_faults(Faults())
    assert [entry.total_units for entry in entries_of(await read(hedera, after=cursor))] == [5]


@pytest.mark.parametrize("lie", ["misrouted", "gateway", "empty", "moved"])
async def test_an_untrue_answer_moves_no_cursor(hedera: Hedera, lie: str) -> None:
    hedera.ledger = hedera.adapter(hedera_mirror_tries=1)
    account = hedera.operator.create_account()
    token_id = hedera.make_token(account)
    hedera.operator.transfer(token_id, hedera.payer, {account: 5})
    counts = hedera.network.mirror.liar.counts[lie]
    hedera.network.set_faults(Faults(mirror_lie=lie, mirror_lie_paths=("transactions",)))
    with pytest.raises(LedgerUnavailable):
        await read(hedera)
    assert hedera.network.mirror.liar.counts[lie] > counts
    hedera.network.set_faults(Faults())
    assert [entry.total_units for entry in entries_of(await read(hedera))] == [5]


async def test_a_statement_is_read_from_one_mirror_node_that_answers(hedera: Hedera) -> None:
    account = hedera.operator.create_account()
    hedera.operator.transfer(hedera.make_token(account), hedera.payer, {account: 5})
    urls = f"http://127.0.0.1:9,{hedera.network.mirror_url}"
    hedera.ledger = hedera.adapter(hedera_mirror_urls=urls, hedera_mirror_tries=1)
    with pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1:9"):
        await read(hedera)
    assert [entry.total_units for entry in entries_of(await read(hedera))] == [5]


async def test_it_settles_within_the_longest_validity_and_the_delay_of_the_mirror_nodes(hedera: Hedera) -> None:
    settings = hedera.settings
    least = settings.hedera_longest_valid_seconds + settings.hedera_death_margin_seconds
    begun_nanos = hedera.network.clock.now_nanos()
    settling_seconds = await hedera.ledger.settling_seconds()
    took_seconds = (hedera.network.clock.now_nanos() - begun_nanos) // NANOS_PER_SECOND
    assert least <= settling_seconds <= least + took_seconds + 1
    assert hedera.ledger.payment_key("anything") is None
