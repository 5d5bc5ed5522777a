"""Reading an emulated network: registers of every shape, who could not receive, what was deposited, how it all is."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from hiero_sdk_python.utils.crypto_utils import keccak256
from pydantic import SecretStr

from hedera_network import Faults
from hedera_network.entities import FixedFee, FractionalFee
from hedera_network.ledger import SNAPSHOT_SECONDS
from hedera_network.wallet import make_key, public_key_of
from ledger.conformance import collect, read
from ledger.hedera.conftest import Hedera
from masspayout.controls import funds
from masspayout.kernel.errors import Conflict, InsufficientFunds, Invalid, LedgerUnavailable, NotFound
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.types import Due, PaymentToken
from masspayout.ledger.hedera.hbar import HBAR, TINYBARS
from masspayout.ledger.port import PreflightResult
from masspayout.ledger.signing.port import KeyType
from masspayout.payments.preflight import RecipientCheck

# Registers


SHAPES = {
    "one": [5],
    "a full page": range(10_000, 10_100),
    "a page and one": range(20_000, 20_101),
    "dense": range(30_000, 33_000),
    "sparse": range(100_000, 10_000_000, 4_001),
    "two clouds": [*range(11_000_000, 11_001_500), *range(4_000_000_000, 4_000_001_500)],
    "a long tail": [*range(12_000_000, 12_002_000), *(13_000_000 + 7**power for power in range(1, 11))],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_register_is_read_whole_whatever_its_shape_with_few_requests(hedera: Hedera, shape: str) -> None:
    wanted = {f"0.0.{number}": number for number in SHAPES[shape]}
    token_id = hedera.operator.create_token(wanted)
    asked = len(hedera.network.mirror.requests)

    holders = await read(hedera.ledger, token_id)

    assert len(holders) == len(wanted)
    assert dict(holders) == wanted
    pages = -(-len(wanted) // 100)
    # Besides the pages: the token, the newest block, the last account, a page that is not full for each reader, and one
    # for each time that a gap between accounts is halved.
    assert len(hedera.network.mirror.requests) - asked <= pages * 1.2 + hedera.settings.hedera_mirror_parallel + 20


async def test_a_hundred_thousand_holders_take_a_fifth_more_requests_than_pages_at_most(hedera: Hedera) -> None:
    """At the rate that is allowed, and never faster, so that the mirror node turns nobody away."""
    wanted = dict.fromkeys((f"0.0.{number}" for number in range(200_000_000, 200_100_000)), 1)
    token_id = hedera.operator.create_token(wanted)
    hedera.network.set_faults(Faults(mirror_requests_per_second=500))
    ledger = hedera.adapter(hedera_mirror_requests_per_second=400.0, hedera_mirror_tries=1)
    asked = len(hedera.network.mirror.requests)

    count = 0
    async for page in (await ledger.holders(token_id)).pages:
        count += len(page)

    assert count == len(wanted)
    assert len(hedera.network.mirror.requests) - asked <= 1.2 * len(wanted) / 100


async def test_pages_are_fetched_no_faster_than_they_are_taken(hedera: Hedera) -> None:
    token_id = hedera.operator.create_token({f"0.0.{number}": 1 for number in range(73_000_000, 73_010_000)})
    pages = aiter((await hedera.ledger.holders(token_id)).pages)
    for _ in range(3):
        await anext(pages)
    # Whoever reads ahead without being asked would read all of the hundred pages now.
    asked = -1
    while asked < len(hedera.network.mirror.requests):
        asked = len(hedera.network.mirror.requests)
        await asyncio.sleep(0.5)
    parallel = hedera.settings.hedera_mirror_parallel
    assert sum(token_id in path for path in hedera.network.mirror.requests) <= 4 + 3 * parallel
    await pages.aclose()  # type: ignore[attr-defined] # it is a generator


async def test_a_register_is_read_through_faults(hedera: Hedera) -> None:
    wanted = {f"0.0.{number}": 1 for number in random.Random(7).sample(range(50_000_000, 60_000_000), 2_500)}
    token_id = hedera.operator.create_token(wanted)
    hedera.network.set_faults(Faults(mirror_error_percent=5, mirror_drop_percent=5))
    ledger = hedera.adapter(hedera_mirror_tries=20)
    assert dict(await read(ledger, token_id)) == wanted


async def test_a_reader_that_stops_early_leaves_nothing_behind(hedera: Hedera) -> None:
    token_id = hedera.operator.create_token({f"0.0.{number}": 1 for number in range(70_000_000, 70_001_000)})
    pages = (await hedera.ledger.holders(token_id)).pages
    assert len(await anext(aiter(pages))) == 100
    await pages.aclose()  # type: ignore[attr-defined] # it is a generator


async def test_an_unreachable_mirror_ends_the_reading_with_an_error(hedera: Hedera) -> None:
    token_id = hedera.operator.create_token({f"0.0.{number}": 1 for number in range(71_000_000, 71_001_000)})
    ledger = hedera.adapter(hedera_mirror_tries=2)
    snapshot = await ledger.holders(token_id)
    hedera.network.set_faults(Faults(mirror_error_percent=100))
    with pytest.raises(LedgerUnavailable):
        _ = [page async for page in snapshot.pages]


async def test_an_earlier_time_is_answered_from_one_snapshot_with_its_own_time(hedera: Hedera) -> None:
    wanted = {f"0.0.{number}": 3 for number in range(72_000_000, 72_000_900)}
    token_id = hedera.operator.create_token(wanted)
    # Just after a quarter of an hour, so that no snapshot of the mirror node's own comes in between.
    hedera.network.clock.advance(SNAPSHOT_SECONDS - hedera.network.clock.now_nanos() / 1e9 % SNAPSHOT_SECONDS)
    hedera.operator.take_snapshot()
    taken_at = to_datetime(hedera.network.clock.now_nanos())
    hedera.operator.fund(token_id, "0.0.72000000", 5)
    hedera.network.clock.advance(60)
    at = taken_at + timedelta(seconds=30)

    snapshot = await hedera.ledger.holders(token_id, at=at)

    assert snapshot.taken_at <= taken_at + timedelta(seconds=1)
    assert dict([holder async for page in snapshot.pages for holder in page]) == wanted
    again = await hedera.ledger.holders(token_id, at=snapshot.taken_at)
    assert again.taken_at == snapshot.taken_at


async def test_hbar_has_no_register(hedera: Hedera) -> None:
    assert (await hedera.ledger.token(HBAR)).decimals == 8
    with pytest.raises(Invalid, match="no register"):
        await hedera.ledger.holders(HBAR)


# Who could not receive


async def test_preflight_names_each_failure(hedera: Hedera) -> None:
    make = hedera.operator.create_account
    codes = {
        make(): None,
        make(automatic_slots=0): "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
        make(automatic_slots=-1): None,
        make(automatic_slots=1): None,
        (full := make(automatic_slots=1)): "NO_REMAINING_AUTOMATIC_ASSOCIATIONS",
        (frozen := make()): "ACCOUNT_FROZEN_FOR_TOKEN",
        (deleted := make()): "ACCOUNT_DELETED",
        make(receiver_signature_required=True): "INVALID_SIGNATURE",
        "0.0.987654321": "INVALID_ACCOUNT_ID",
        "0x" + "2" * 40: "INVALID_ACCOUNT_ID",
    }
    token_id = hedera.make_token(next(iter(codes)), frozen)
    other = hedera.make_token()
    await hedera.pay(other, {full: 1})
    hedera.operator.associate(frozen, token_id, frozen=True)
    hedera.operator.update_account(deleted, deleted=True)
    hedera.operator.associate(list(codes)[7], token_id)

    failures = (await hedera.ledger.preflight(hedera.payer, token_id, list(codes))).failures

    assert failures == {account: code for account, code in codes.items() if code}
    assert (await hedera.ledger.preflight(hedera.payer, HBAR, list(codes))).failures == {
        account: code for account, code in failures.items() if code in {"ACCOUNT_DELETED", "INVALID_SIGNATURE"}
    } | dict.fromkeys(["0.0.987654321", "0x" + "2" * 40], "INVALID_ACCOUNT_ID")


async def test_preflight_of_a_thousand_asks_by_the_hundred(hedera: Hedera) -> None:
    accounts = [f"0.0.{number}" for number in range(80_000_000, 80_001_000)]
    token_id = hedera.operator.create_token(dict.fromkeys(accounts, 1))
    asked = len(hedera.network.mirror.requests)
    ledger = hedera.ledger
    await ledger.preflight(hedera.payer, token_id, accounts[:10])
    per_page = len(hedera.network.mirror.requests) - asked
    assert per_page <= 13


async def test_a_kyc_token_is_not_received_unasked(hedera: Hedera) -> None:
    unasked, granted, revoked = (hedera.operator.create_account(automatic_slots=-1) for _ in range(3))
    token_id = hedera.make_token(granted, revoked, kyc_key=True)
    hedera.operator.associate(revoked, token_id, kyc_granted=False)
    failures = (await hedera.ledger.preflight(hedera.payer, token_id, [unasked, granted, revoked])).failures
    assert failures == dict.fromkeys([unasked, revoked], "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN")


async def test_of_a_token_with_a_freeze_key_as_many_are_asked_about_as_is_said_and_evenly(hedera: Hedera) -> None:
    accounts = [f"0.0.{number}" for number in range(81_000_000, 81_001_000)]
    token_id = hedera.operator.create_token(dict.fromkeys(accounts, 1))
    for frozen in accounts[::2]:
        hedera.operator.associate(frozen, token_id, frozen=True)
    settings = hedera.settings.model_copy(update={"preflight_close_looks": 200})
    recipients = RecipientCheck(hedera.ledger, settings, PaymentToken(token_id, 0, hedera.payer), len(accounts))
    asked = len(hedera.network.mirror.requests)

    for account_ids in (accounts[:400], accounts[400:]):
        await recipients.ask(account_ids)

    assert len(hedera.network.mirror.requests) - asked <= 200 + len(accounts) / 100 + 2
    assert recipients.unchecked_count == 800
    assert set(recipients.unpayable) <= set(accounts[::2])
    assert set(recipients.unpayable.values()) == {"ACCOUNT_FROZEN_FOR_TOKEN"}
    halves = [sum(account in recipients.unpayable for account in half) for half in (accounts[:500], accounts[500:])]
    assert min(halves) >= 25


async def test_who_has_slots_left_for_associations_is_known_without_a_closer_look(hedera: Hedera) -> None:
    free = [hedera.operator.create_account(automatic_slots=slots) for slots in (-1, 5)]
    token_id = hedera.make_token()
    assert await hedera.ledger.preflight(hedera.payer, token_id, free, max_lookups=0) == PreflightResult({})
    full = hedera.operator.create_account(automatic_slots=1)
    await hedera.pay(hedera.make_token(), {full: 1})
    assert await hedera.ledger.preflight(hedera.payer, token_id, [*free, full], max_lookups=0) == PreflightResult({}, 1)


@pytest.mark.parametrize("lag_seconds", [0, 600])
async def test_how_far_the_books_may_be_behind(hedera: Hedera, lag_seconds: int) -> None:
    hedera.network.clock.advance(lag_seconds + 60)
    hedera.network.set_faults(Faults(mirror_lag_seconds=lag_seconds))
    margin_seconds = hedera.settings.hedera_death_margin_seconds
    asked_nanos = hedera.network.clock.now_nanos()
    delay_seconds = await hedera.ledger.delay_seconds()
    took_seconds = (hedera.network.clock.now_nanos() - asked_nanos) / 1e9
    least_seconds = lag_seconds + margin_seconds
    assert least_seconds <= delay_seconds <= least_seconds + took_seconds + 1


# Who could not pay


async def check(hedera: Hedera, token_id: str) -> None:
    await hedera.ledger.check_payer(hedera.payer, token_id)


async def test_an_able_payer_passes(hedera: Hedera) -> None:
    await check(hedera, hedera.make_token())
    await check(hedera, HBAR)
    net = FractionalFee(1, 100, 2, net_of_transfers=True)
    await check(hedera, hedera.make_token(fractional_fees=[net]))


async def test_an_unable_payer_is_named_with_the_next_step(hedera: Hedera) -> None:
    stranger = hedera.operator.create_token({})
    frozen, paused, deleted = hedera.make_token(), hedera.make_token(), hedera.make_token()
    taking = hedera.make_token(fractional_fees=[FractionalFee(1, 100, 2)])
    hedera.operator.associate(hedera.payer, frozen, frozen=True)
    hedera.operator.update_token(paused, paused=True)
    hedera.operator.update_token(deleted, deleted=True)
    for token_id, sentence in {
        stranger: "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT",
        frozen: "ACCOUNT_FROZEN_FOR_TOKEN",
        paused: "is paused",
        deleted: "was deleted",
        taking: "fractional fee",
    }.items():
        with pytest.raises(Conflict, match=sentence) as refused:
            await check(hedera, token_id)
        assert refused.value.hint
    with pytest.raises(NotFound):
        await hedera.ledger.token("0.0.404404")


async def test_a_token_with_a_drawback_says_so(hedera: Hedera) -> None:
    taking = hedera.make_token(fractional_fees=[FractionalFee(1, 100, 2)])
    assert "fractional fee" in str((await hedera.ledger.token(taking)).drawback)
    assert (await hedera.ledger.token(hedera.make_token(fixed_fees=[FixedFee(1, 2)]))).drawback is None


@pytest.mark.parametrize("token", ["a token", HBAR])
async def test_funds_count_the_fees_too(hedera: Hedera, token: str) -> None:
    token_id = HBAR if token == HBAR else hedera.make_token()
    paid_in = PaymentToken(token_id, 8 if token == HBAR else 2, hedera.payer)
    due = Due(recipient_count=900, amount=Decimal(10))
    funds.check(await funds.read(hedera.ledger, paid_in), due)
    # Ten whole HBAR and a little: enough for what is due, or for the fees, and not for both.
    hedera.operator.update_account(hedera.payer, tinybars=10 * TINYBARS + 1 if token == HBAR else 1)
    reading = await funds.read(hedera.ledger, paid_in)
    with pytest.raises(InsufficientFunds, match=r"900 recipients costs about [0-9.]+ HBAR") as refused:
        funds.check(reading, due)
    assert "0.00000001" in refused.value.message
    assert "with HBAR" in refused.value.hint


# How it all is


async def test_a_sound_network_is_described(hedera: Hedera) -> None:
    said = await hedera.ledger.examine()
    assert "1 of 1 mirror nodes answer" in said
    assert "3 of 3 consensus nodes can be reached" in said
    assert f"The key is that of {hedera.payer}." in said


async def test_what_is_wrong_with_a_network_is_named(hedera: Hedera) -> None:
    other_key = make_key(KeyType.ECDSA_SECP256K1)
    stranger = hedera.operator.create_account(public_key_of(other_key))
    for changes, error, sentence in (
        ({"hedera_mirror_urls": "http://127.0.0.1:9", "hedera_mirror_tries": 1}, LedgerUnavailable, "cannot be read"),
        ({"hedera_nodes": "127.0.0.1:9=0.0.3", "hedera_node_timeout_seconds": 0.2}, LedgerUnavailable, "None of the 1"),
        ({"payer_account_id": "0.0.404404"}, Conflict, "knows no account 0.0.404404"),
        ({"payer_account_id": stranger}, Conflict, "The key is not that of"),
        ({"payer_key": SecretStr("")}, Invalid, "no key"),
    ):
        ledger = hedera.adapter(**changes)
        with pytest.raises(error, match=sentence) as raised:
            await ledger.examine()
        assert raised.value.hint


@pytest.mark.parametrize(("lag_seconds", "sentence"), [(400, "seconds old"), (-60, "clock is at least")])
async def test_a_time_that_is_not_ours_is_named(hedera: Hedera, lag_seconds: float, sentence: str) -> None:
    hedera.network.clock.advance(500)
    hedera.network.set_faults(Faults(mirror_lag_seconds=lag_seconds))
    with pytest.raises(Conflict, match=sentence):
        await hedera.ledger.examine()


# Events


async def test_deposits_of_tokens_and_hbar_and_what_a_contract_says_come_in_order(hedera: Hedera) -> None:
    account = hedera.operator.create_account(tinybars=0, automatic_slots=-1)
    token_id = hedera.make_token(account)
    hedera.operator.fund(token_id, account, 5)
    topic = {
        name: hedera_topic(signature)
        for name, signature in {
            "Paused": "LifeCycleCashFlowPaused(address)",
            "PaymentTokenChanged": "PaymentTokenChanged(address)",
            "other": "Approval(address,address,uint256)",
        }.items()
    }
    changed = "0x" + f"{7001:064x}"
    hedera.operator.emit(account, [([topic["other"]], "0x"), ([topic["Paused"], "0x" + "0" * 64], "0x")])
    hedera.operator.emit(account, [([topic["PaymentTokenChanged"]], changed)])
    hedera.operator.fund_tinybars(account, 9)
    await hedera.pay(token_id, {account: 7})

    events = await collect(hedera.ledger, account, (0, 0))

    assert [event.name for event in events] == ["Deposit", "Paused", "PaymentTokenChanged", "Deposit", "Deposit"]
    assert [event.payload.get("amount_units") for event in events] == [5, None, None, 9, 7]
    assert [event.payload.get("token_id") for event in events] == [token_id, None, "0.0.7001", HBAR, token_id]
    assert events[-1].payload["from"] == hedera.payer
    cursor = (events[1].timestamp_nanos, events[1].index)
    assert await collect(hedera.ledger, account, cursor) == events[2:]
    hedera.network.clock.advance(100 * 86_400)
    hedera.operator.fund(token_id, account, 11)
    assert [event.payload["amount_units"] for event in (await collect(hedera.ledger, account, cursor))[2:]] == [7, 11]


def hedera_topic(signature: str) -> str:
    return f"0x{keccak256(signature.encode()).hex()}"
