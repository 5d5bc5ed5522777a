"""The emulated mirror node, and the client that asks it, against the public description; and its habits in paging."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hedera_network import EmulatedNetwork, Faults, NetworkClock
from hedera_network.entities import FixedFee, FractionalFee
from hedera_network.identifiers import timestamp
from hedera_network.ledger import SNAPSHOT_SECONDS
from hedera_network.mirror.description import complaints_of_answer, complaints_of_request
from hedera_network.mirror.lies import LIES
from hedera_network.wallet import Wallet, mirror_path
from hedera_worlds import PAYER, build_world, world_settings
from masspayout.kernel.errors import LedgerUnavailable
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.movements import Payment
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.port import Transfer
from payouts import ASSET_TOKEN, PAYMENT_TOKEN, accounts

HOLDERS = [(account, number + 1) for number, account in enumerate(accounts(250))]
TOPIC = "0x" + "ab" * 32


@pytest.fixture
def just_after_a_snapshot(tmp_path: Path) -> None:
    """Set the clock of the network to come to the beginning of a quarter of an hour, when mirror nodes take one."""
    clock = NetworkClock(tmp_path / "network-clock")
    clock.advance(SNAPSHOT_SECONDS - clock.now_nanos() / 1e9 % SNAPSHOT_SECONDS)
    clock.close()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork.start(tmp_path) as network:
        build_world(network, HOLDERS)
        network.mirror.keep_answers = True
        yield network


def ask(network: EmulatedNetwork, target: str, status: int = 200) -> Any:
    path = target if target.startswith("/") else f"/api/v1/{target}"
    response = httpx.get(f"{network.mirror_url}{path}", timeout=60)
    assert response.status_code == status, response.text
    return response.json()


def answers_are_as_described(network: EmulatedNetwork) -> None:
    assert network.mirror.answers
    complaints = [line for one in network.mirror.answers for line in complaints_of_answer(*one)]
    assert complaints == []


def pages(network: EmulatedNetwork, target: str | None, name: str) -> list[list[dict[str, Any]]]:
    found = []
    while target is not None:
        answer = ask(network, target)
        found.append(answer[name])
        target = answer["links"]["next"]
    return found


async def test_the_clients_requests_and_all_answers_are_as_described(network: EmulatedNetwork, tmp_path: Path) -> None:
    ledger = HederaLedger(world_settings(network, tmp_path, hedera_mirror_requests_per_second=1000))
    network.operator.take_snapshot()
    now = to_datetime(network.clock.now_nanos())

    await ledger.check_payer(PAYER, PAYMENT_TOKEN)
    (await ledger.tariff(PAYER, PAYMENT_TOKEN)).estimate(250)
    await ledger.preflight(PAYER, PAYMENT_TOKEN, [account for account, _ in HOLDERS])
    for at in (None, now):
        snapshot = await ledger.holders(ASSET_TOKEN, at=at)
        assert sum([len(page) async for page in snapshot.pages]) == 250
    sender = await ledger.sender(PAYER)
    payments = [Payment(account, 10) for account, _ in HOLDERS[:9]]
    signed = await ledger.prepare(
        Transfer(sender.number_floor, PAYER, PAYMENT_TOKEN, payments, "", None, sender.account_id)
    )
    await ledger.submit(signed.signed_bytes)
    network.set_faults(Faults(lying_nodes=(3, 4, 5)))
    await ledger.outcome(signed.transaction_id)
    await ledger.transferred_units([signed.transaction_id, f"{PAYER}@1700000000.000000001"])
    network.operator.emit(HOLDERS[0][0], [([TOPIC], "0x")])
    events = [event async for event in ledger.events(HOLDERS[0][0], after=(0, 0))]
    assert [event.name for event in events] == ["Deposit", "Deposit"], "what it was created with, and the payout"
    network.clock.advance(60)
    pages = [page async for page in ledger.statement(PAYER, after=None)]
    for token_id in (PAYMENT_TOKEN, HBAR):
        assert await ledger.held_units_at(PAYER, token_id, pages[-1].cursor)
    await ledger.close()

    assert [line for request in network.mirror.requests for line in complaints_of_request(request)] == []
    answers_are_as_described(network)


def test_other_answers_are_as_described(network: EmulatedNetwork) -> None:
    operator = network.operator
    fees = operator.create_token({}, fixed_fees=[FixedFee(1, 98)], fractional_fees=[FractionalFee(1, 10, 98)])
    for target in (f"tokens/{fees}", f"accounts/{PAYER}", "balances?limit=3", "accounts?limit=3&balance=false"):
        ask(network, target)
    ask(network, "tokens/0.0.404", 404)
    ask(network, "accounts/0.0.404/tokens", 404)
    ask(network, "transactions/0.0.2-1700000000-000000000", 404)
    ask(network, "tokens/nobody", 400)
    ask(network, "blocks?colour=red", 400)
    ask(network, "blocks?limit=0", 400)
    answers_are_as_described(network)


def test_an_answer_with_a_wrong_field_is_noticed() -> None:
    answer = {"timestamp": "1.5", "balances": [{"account": "0.0.1", "balance": "7"}], "links": {"next": None, "x": 1}}
    assert sorted(complaints_of_answer("/api/v1/tokens/0.0.9/balances", 200, answer)) == [
        "/api/v1/tokens/0.0.9/balances.balances[0].balance: '7' is not a whole number of 64 bits",
        "/api/v1/tokens/0.0.9/balances.balances[0].decimals: missing",
        "/api/v1/tokens/0.0.9/balances.links.x: not described",
    ]
    assert list(complaints_of_request("/api/v1/blocks?limit=101&order=up"))
    assert list(complaints_of_request("/api/v1/tokens/0.0.9/owners"))


def test_pages_hold_25_or_at_most_100_and_lead_on(network: EmulatedNetwork) -> None:
    balances = f"tokens/{ASSET_TOKEN}/balances?order=asc&account.balance=gt:0"
    assert [len(page) for page in pages(network, balances, "balances")] == [25] * 10 + [0]
    found = pages(network, f"{balances}&limit=1000", "balances")
    assert [len(page) for page in found] == [100, 100, 50]
    assert [(one["account"], one["balance"]) for page in found for one in page] == HOLDERS
    ranged = pages(network, f"{balances}&limit=100&account.id=gt:0.0.20009&account.id=lte:0.0.20209", "balances")
    assert [len(page) for page in ranged] == [100, 100, 0]
    assert {one["account"] for page in ranged for one in page} == {f"0.0.{20_010 + n}" for n in range(200)}


def test_several_accounts_are_any_of_them_in_lists_and_all_at_once_among_holders(network: EmulatedNetwork) -> None:
    both = f"account.id={HOLDERS[0][0]}&account.id={HOLDERS[1][0]}"
    assert len(ask(network, f"accounts?{both}")["accounts"]) == 2
    assert ask(network, f"tokens/{ASSET_TOKEN}/balances?{both}")["balances"] == []
    assert len(ask(network, f"tokens/{ASSET_TOKEN}/balances?account.id={HOLDERS[0][0]}")["balances"]) == 1


def test_balances_of_the_past_are_those_of_the_newest_snapshot(
    just_after_a_snapshot: None, network: EmulatedNetwork
) -> None:
    holder = HOLDERS[0][0]
    target = f"tokens/{ASSET_TOKEN}/balances?account.id={holder}&timestamp="
    before = network.clock.now_nanos()
    assert ask(network, f"{target}{timestamp(before)}")["balances"] == []
    network.operator.take_snapshot()
    network.operator.fund(ASSET_TOKEN, holder, 50)
    now = timestamp(network.clock.now_nanos())
    assert [one["balance"] for one in ask(network, f"{target}lte:{now}")["balances"]] == [1]
    network.clock.advance(SNAPSHOT_SECONDS)
    quarter = ask(network, f"{target}{timestamp(network.clock.now_nanos())}")
    assert [one["balance"] for one in quarter["balances"]] == [51]
    assert float(quarter["timestamp"]) % SNAPSHOT_SECONDS == 0


def test_the_present_bears_the_time_of_the_newest_change_on_the_page(network: EmulatedNetwork) -> None:
    target = f"tokens/{ASSET_TOKEN}/balances?limit=1&order=asc&account.id=gte:{HOLDERS[0][0]}"
    first = ask(network, target)["timestamp"]
    network.operator.fund(ASSET_TOKEN, HOLDERS[1][0], 1)
    assert ask(network, target)["timestamp"] == first
    network.operator.fund(ASSET_TOKEN, HOLDERS[0][0], 1)
    assert float(ask(network, target)["timestamp"]) > float(first)


def test_a_transaction_id_has_all_its_records(network: EmulatedNetwork) -> None:
    network.set_faults(Faults(duplicate_percent=100))
    with Wallet(network) as wallet:
        token = network.operator.create_token({wallet.account_id: 100})
        transaction = wallet.build(token, {"0.0.2": 10})
        wallet.send(wallet.sign(transaction))
    found = ask(network, f"transactions/{mirror_path(transaction)}")["transactions"]
    assert [(one["result"], one["nonce"]) for one in found] == [("SUCCESS", 0), ("DUPLICATE_TRANSACTION", 0)]
    assert [one["token_transfers"] != [] for one in found] == [True, False]
    credited = ask(network, f"transactions?account.id={wallet.account_id}&type=credit&result=success")["transactions"]
    assert [one["name"] for one in credited] == ["CRYPTOCREATEACCOUNT"]
    network.set_faults(Faults(mirror_lag_seconds=60))
    ask(network, f"transactions/{mirror_path(transaction)}", 404)
    network.clock.advance(61)
    ask(network, f"transactions/{mirror_path(transaction)}")
    newest = ask(network, "blocks?order=desc&limit=1")["blocks"][0]["timestamp"]["to"]
    assert float(newest) < network.clock.now_nanos() / 1e9 - 59


def test_logs_are_found_by_topic_only_within_a_week(network: EmulatedNetwork) -> None:
    contract = HOLDERS[0][0]
    times = [network.operator.emit(contract, [([TOPIC], "0x01"), ([], "0x02"), ([TOPIC], "0x03")]) for _ in range(2)]
    logs = f"contracts/{contract}/results/logs"
    ask(network, f"{logs}?topic0={TOPIC}", 400)
    ask(network, f"{logs}?topic0={TOPIC}&timestamp=gte:1&timestamp=lte:{timestamp(times[1])}", 400)
    ask(network, f"{logs}?index=gt:1", 400)
    first, last = map(timestamp, times)
    found = ask(network, f"{logs}?topic0={TOPIC}&timestamp=gte:{first}&timestamp=lte:{last}")
    assert [one["data"] for one in found["logs"]] == ["0x03", "0x01", "0x03", "0x01"]
    walked = pages(network, f"{logs}?order=asc&limit=2&timestamp=gte:{first}", "logs")
    assert [[one["data"] for one in page] for page in walked] == [["0x01", "0x02"], ["0x03", "0x01"], ["0x02", "0x03"]]


def test_transactions_are_listed_within_60_days_at_most(network: EmulatedNetwork) -> None:
    day = 86_400
    target = f"transactions?account.id={PAYER}&timestamp=gt:1000000000&timestamp=lte:{1_000_000_000 + 60 * day}"
    assert ask(network, target)["transactions"] == []
    ask(network, f"transactions?timestamp=gt:1000000000&timestamp=lte:{1_000_000_001 + 60 * day}", 400)


@pytest.mark.parametrize("lie", LIES)
def test_a_mirror_node_that_lies_is_counted(network: EmulatedNetwork, lie: str) -> None:
    network.set_faults(Faults(mirror_lie=lie, mirror_lie_paths=("blocks",), mirror_lie_times=1))
    status, _, body = LIES[lie]
    answers = [httpx.get(f"{network.mirror_url}/api/v1/blocks", timeout=60) for _ in range(2)]
    assert (answers[0].status_code, answers[0].text, network.mirror.liar.counts[lie]) == (status, body, 1)
    assert answers[1].json()["blocks"]


def test_what_goes_wrong_on_the_way(network: EmulatedNetwork) -> None:
    network.set_faults(Faults(mirror_throttle_percent=100))
    assert httpx.get(f"{network.mirror_url}/api/v1/blocks", timeout=60).headers["Retry-After"] == "1"
    network.set_faults(Faults(mirror_error_percent=100))
    assert httpx.get(f"{network.mirror_url}/api/v1/blocks", timeout=60).status_code in {500, 503}
    network.set_faults(Faults(mirror_drop_percent=100))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{network.mirror_url}/api/v1/blocks", timeout=60)
    network.set_faults(Faults(mirror_requests_per_second=3))
    with httpx.Client(base_url=network.mirror_url, timeout=60) as client:
        assert 429 in {client.get("/api/v1/blocks").status_code for _ in range(50)}


async def test_a_client_gets_through_a_bad_mirror_node(network: EmulatedNetwork, tmp_path: Path) -> None:
    network.set_faults(Faults(mirror_error_percent=20, mirror_drop_percent=20))
    ledger = HederaLedger(world_settings(network, tmp_path, hedera_mirror_tries=20))
    snapshot = await ledger.holders(ASSET_TOKEN)
    assert sum([len(page) async for page in snapshot.pages]) == 250
    network.set_faults(Faults(mirror_error_percent=100))
    impatient = HederaLedger(world_settings(network, tmp_path, hedera_mirror_tries=1))
    with pytest.raises(LedgerUnavailable):
        await impatient.token(ASSET_TOKEN)
    await impatient.close()
    await ledger.close()
