"""The emulated network refuses what the real one refuses, and remembers and forgets as it does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from hedera_network import EmulatedNetwork, Faults
from hedera_network.entities import FixedFee, FractionalFee
from hedera_network.wallet import Wallet, make_key, public_key_of
from masspayout.ledger.signing.port import KeyType

FUNDS = 10_000
TOKEN_FEE = 833_334  # $0.001 at 12 cents a hbar


@pytest.fixture
def network(tmp_path: Path) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork.start(tmp_path) as network:
        yield network


@pytest.fixture
def wallet(network: EmulatedNetwork) -> Iterator[Wallet]:
    with Wallet(network) as wallet:
        yield wallet


@pytest.fixture
def token(wallet: Wallet) -> str:
    return wallet.network.operator.create_token({wallet.account_id: FUNDS})


def tinybars(network: EmulatedNetwork, account_id: str) -> int:
    return network.operator.account(account_id).tinybars


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_signed_transfer_moves_money_and_costs_a_fee(network: EmulatedNetwork, key_type: KeyType) -> None:
    account = network.operator.create_account(automatic_slots=0)
    with Wallet(network, key_type) as wallet:
        token = network.operator.create_token({wallet.account_id: FUNDS, account: 1})
        before = tinybars(network, wallet.account_id)

        assert wallet.pay(token, {account: 10}) == ("OK", "SUCCESS")

        assert network.operator.balances(token) == {wallet.account_id: FUNDS - 10, account: 11}
        assert before - tinybars(network, wallet.account_id) == TOKEN_FEE


@pytest.mark.parametrize("key_type", list(KeyType))
def test_somebody_elses_signature_is_refused(wallet: Wallet, token: str, key_type: KeyType) -> None:
    transaction = wallet.build(token, {"0.0.2": 10})
    assert wallet.send(wallet.sign(transaction, make_key(key_type))) == "INVALID_SIGNATURE"
    assert wallet.receipt(transaction) == "RECEIPT_NOT_FOUND"


def test_an_altered_body_is_refused(wallet: Wallet, token: str) -> None:
    message = wallet.sign(wallet.build(token, {"0.0.2": 10}, memo="dividend"))
    message.signedTransactionBytes = message.signedTransactionBytes.replace(b"dividend", b"dividenD")
    assert wallet.send(message) == "INVALID_SIGNATURE"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"start_seconds_ago": -30}, "INVALID_TRANSACTION_START"),
        ({"start_seconds_ago": 111}, "TRANSACTION_EXPIRED"),
        ({"start_seconds_ago": 300}, "TRANSACTION_EXPIRED"),
        ({"valid_seconds": 14}, "INVALID_TRANSACTION_DURATION"),
        ({"valid_seconds": 181}, "INVALID_TRANSACTION_DURATION"),
        ({"memo": "m" * 101}, "MEMO_TOO_LONG"),
        ({"max_fee": TOKEN_FEE - 1}, "INSUFFICIENT_TX_FEE"),
    ],
)
def test_what_a_node_refuses_on_arrival(wallet: Wallet, token: str, terms: dict[str, object], code: str) -> None:
    assert wallet.pay(token, {"0.0.2": 10}, **terms) == (code, "RECEIPT_NOT_FOUND")
    assert wallet.network.operator.balances(token) == {wallet.account_id: FUNDS}


def test_a_transaction_names_the_node_it_is_for(wallet: Wallet, token: str) -> None:
    transaction = wallet.build(token, {"0.0.2": 10}, node="0.0.4")
    assert wallet.send(wallet.sign(transaction), node="0.0.3") == "INVALID_NODE_ACCOUNT"
    assert wallet.send(wallet.sign(transaction), node="0.0.4") == "OK"


def test_amounts_must_add_up(wallet: Wallet, token: str) -> None:
    unbalanced = wallet.build(token, {}, adjustments={wallet.account_id: -10, "0.0.2": 9})
    assert wallet.send(wallet.sign(unbalanced)) == "TRANSFERS_NOT_ZERO_SUM_FOR_TOKEN"


def test_a_transaction_of_more_than_6144_bytes_is_refused(wallet: Wallet, token: str) -> None:
    message = wallet.sign(wallet.build(token, {"0.0.2": 10}))
    message.signedTransactionBytes += b"\0" * 6144
    assert wallet.send(message) == "TRANSACTION_OVERSIZE"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("hbar", "TRANSFER_LIST_SIZE_LIMIT_EXCEEDED"), ("token", "TOKEN_TRANSFER_LIST_SIZE_LIMIT_EXCEEDED")],
)
def test_a_transfer_has_at_most_ten_adjustments(wallet: Wallet, token: str, kind: str, code: str) -> None:
    accounts = [wallet.network.operator.create_account(automatic_slots=-1) for _ in range(10)]
    wanted = kind if kind == "hbar" else token
    assert wallet.pay(wanted, dict.fromkeys(accounts[:9], 1)) == ("OK", "SUCCESS")
    assert wallet.pay(wanted, dict.fromkeys(accounts, 1)) == ("OK", code)


def test_who_does_not_exist_or_cannot_pay_is_refused(network: EmulatedNetwork, wallet: Wallet, token: str) -> None:
    network.operator.update_account(wallet.account_id, tinybars=TOKEN_FEE - 1)
    assert wallet.pay(token, {"0.0.2": 1})[0] == "INSUFFICIENT_PAYER_BALANCE"
    network.operator.update_account(wallet.account_id, deleted=True)
    assert wallet.pay(token, {"0.0.2": 1})[0] == "PAYER_ACCOUNT_DELETED"
    wallet.account_id = "0.0.999999"
    assert wallet.pay(token, {"0.0.2": 1})[0] == "PAYER_ACCOUNT_NOT_FOUND"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"slots": 0}, "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"),
        ({"slots": 1, "used": 1}, "NO_REMAINING_AUTOMATIC_ASSOCIATIONS"),
        ({"frozen": True}, "ACCOUNT_FROZEN_FOR_TOKEN"),
        ({"deleted": True}, "ACCOUNT_DELETED"),
        ({"expired": True}, "ACCOUNT_EXPIRED_AND_PENDING_REMOVAL"),
        ({"missing": True}, "INVALID_ACCOUNT_ID"),
        ({"receiver_signature_required": True}, "INVALID_SIGNATURE"),
    ],
)
def test_one_bad_recipient_fails_the_transfer_and_the_fee_is_gone(
    network: EmulatedNetwork, wallet: Wallet, token: str, state: dict[str, int], code: str
) -> None:
    operator = network.operator
    good = operator.create_account(automatic_slots=-1)
    bad = operator.create_account(public_key_of(make_key(KeyType.ED25519)), automatic_slots=state.get("slots", -1))
    if "used" in state:
        operator.update_account(bad, automatic_used=state["used"])
    elif "frozen" in state:
        operator.associate(bad, token, frozen=True)
    elif "missing" in state:
        bad = "0.0.999999"
    elif "slots" not in state:
        operator.update_account(bad, **state)
    before = tinybars(network, wallet.account_id)

    assert wallet.pay(token, {good: 1, bad: 1}) == ("OK", code)

    assert operator.balances(token) == {wallet.account_id: FUNDS}
    assert tinybars(network, wallet.account_id) < before


def test_a_receiver_who_must_sign_may_sign(network: EmulatedNetwork, wallet: Wallet, token: str) -> None:
    with Wallet(network, receiver_signature_required=True, automatic_slots=1) as shy:
        transaction = wallet.build(token, {shy.account_id: 1})
        wallet.send(wallet.sign(transaction, wallet.key, shy.key))
        assert wallet.receipt(transaction) == "SUCCESS"


def test_whoever_is_debited_must_sign(network: EmulatedNetwork, wallet: Wallet) -> None:
    with Wallet(network) as victim:
        token = network.operator.create_token({victim.account_id: FUNDS, wallet.account_id: 0})
        theft = wallet.build(token, {}, adjustments={victim.account_id: -10, wallet.account_id: 10})
        wallet.send(wallet.sign(theft))
        assert wallet.receipt(theft) == "INVALID_SIGNATURE"
        agreed = wallet.build(token, {}, adjustments={victim.account_id: -10, wallet.account_id: 10})
        wallet.send(wallet.sign(agreed, wallet.key, victim.key))
        assert wallet.receipt(agreed) == "SUCCESS"


def test_kyc_must_be_granted(network: EmulatedNetwork, wallet: Wallet) -> None:
    token = network.operator.create_token({wallet.account_id: FUNDS}, kyc_key=True)
    account = network.operator.create_account()
    network.operator.associate(account, token)
    assert wallet.pay(token, {account: 1})[1] == "ACCOUNT_KYC_NOT_GRANTED_FOR_TOKEN"
    network.operator.associate(account, token, kyc_granted=True)
    assert wallet.pay(token, {account: 1})[1] == "SUCCESS"


@pytest.mark.parametrize(("state", "code"), [("paused", "TOKEN_IS_PAUSED"), ("deleted", "TOKEN_WAS_DELETED")])
def test_a_token_that_is_paused_or_deleted_does_not_move(wallet: Wallet, token: str, state: str, code: str) -> None:
    wallet.network.operator.update_token(token, **{state: True})
    assert wallet.pay(token, {"0.0.2": 1}) == ("OK", code)


def test_nobody_can_pay_more_than_they_have(wallet: Wallet, token: str) -> None:
    assert wallet.pay(token, {"0.0.2": FUNDS + 1}) == ("OK", "INSUFFICIENT_TOKEN_BALANCE")
    assert wallet.pay("hbar", {"0.0.2": 10**12}) == ("OK", "INSUFFICIENT_ACCOUNT_BALANCE")


def test_automatic_associations_cost_their_sender(network: EmulatedNetwork, wallet: Wallet, token: str) -> None:
    account = network.operator.create_account(automatic_slots=1)
    before = tinybars(network, wallet.account_id)
    assert wallet.pay(token, {account: 1}) == ("OK", "SUCCESS")
    assert before - tinybars(network, wallet.account_id) > 40 * TOKEN_FEE
    assert network.operator.account(account).automatic_used == 1


def test_custom_fees(network: EmulatedNetwork, wallet: Wallet) -> None:
    operator = network.operator
    collector, account = operator.create_account(), operator.create_account()
    holders = {wallet.account_id: FUNDS, collector: 0, account: 0}
    fixed = operator.create_token(holders, fixed_fees=[FixedFee(500, 98)])
    taken = operator.create_token(holders, fractional_fees=[FractionalFee(1, 10, 98)])
    operator.associate("0.0.98", taken)
    network_hbars = tinybars(network, "0.0.98")

    assert wallet.pay(fixed, {account: 100}) == ("OK", "SUCCESS")
    assert wallet.pay(taken, {account: 100}) == ("OK", "SUCCESS")

    assert operator.balance(account, fixed) == 100
    assert tinybars(network, "0.0.98") == network_hbars + 500
    assert [operator.balance(account, taken), operator.balance("0.0.98", taken)] == [90, 10]


def test_all_fees_go_to_one_account_that_nobody_else_can_pay(network: EmulatedNetwork, wallet: Wallet) -> None:
    assert wallet.pay("hbar", {"0.0.802": 5}) == ("OK", "TRANSFER_TO_FEE_COLLECTION_ACCOUNT_NOT_ALLOWED")
    (record,) = network.operator.records(wallet.account_id)
    assert sorted(record.transfers) == [(802, record.fee), (int(wallet.account_id[4:]), -record.fee)]


def test_the_same_id_happens_once_whoever_submits_it(network: EmulatedNetwork, wallet: Wallet, token: str) -> None:
    network.set_faults(Faults(lying_nodes=(4,)))
    first = wallet.build(token, {"0.0.2": 10})
    assert wallet.send(wallet.sign(first)) == "OK"
    assert wallet.send(wallet.sign(first)) == "DUPLICATE_TRANSACTION"

    copy = wallet.rebuild(first, node="0.0.4")
    assert wallet.send(wallet.sign(copy), node="0.0.4") == "OK"

    assert network.operator.balance("0.0.2", token) == 10
    results = [record.result for record in network.operator.records(wallet.account_id)]
    assert results == ["SUCCESS", "DUPLICATE_TRANSACTION"]
    assert wallet.receipt(first) == "SUCCESS"
    assert wallet.receipt(first, node="0.0.4") == "RECEIPT_NOT_FOUND"


def test_a_failed_transaction_burns_its_id(network: EmulatedNetwork, wallet: Wallet, token: str) -> None:
    account = network.operator.create_account()
    transaction = wallet.build(token, {account: 10})
    message = wallet.sign(transaction)
    wallet.send(message)
    assert wallet.receipt(transaction) == "TOKEN_NOT_ASSOCIATED_TO_ACCOUNT"
    network.operator.associate(account, token)
    assert wallet.send(message) == "DUPLICATE_TRANSACTION"
    assert network.operator.balance(account, token) == 0


def test_receipts_vanish_after_three_minutes_and_no_id_comes_back(wallet: Wallet, token: str) -> None:
    transaction = wallet.build(token, {"0.0.2": 10}, valid_seconds=180)
    message = wallet.sign(transaction)
    wallet.send(message)
    wallet.network.clock.advance(166)  # to 171 seconds after it began to be valid, of the ten last ones
    assert wallet.receipt(transaction) == "SUCCESS"
    assert wallet.send(message) == "TRANSACTION_EXPIRED"
    wallet.network.clock.advance(10)
    assert wallet.receipt(transaction) == "RECEIPT_NOT_FOUND"
    assert wallet.send(message) == "TRANSACTION_EXPIRED"
    assert wallet.network.operator.balance("0.0.2", token) == 10


def test_between_a_node_and_consensus_the_receipt_is_unknown(wallet: Wallet, token: str) -> None:
    wallet.network.set_faults(Faults(consensus_seconds=60))
    transaction = wallet.build(token, {"0.0.2": 10})
    wallet.send(wallet.sign(transaction))
    assert wallet.receipt(transaction) == "UNKNOWN"
    assert wallet.receipt(transaction, node="0.0.4") == "RECEIPT_NOT_FOUND"
    wallet.network.clock.advance(60)
    assert [wallet.receipt(transaction, node=node) for node in ("0.0.3", "0.0.4")] == ["SUCCESS", "SUCCESS"]


def test_a_transaction_that_expires_before_consensus_fails(wallet: Wallet, token: str) -> None:
    wallet.network.set_faults(Faults(consensus_seconds=30))
    transaction = wallet.build(token, {"0.0.2": 10}, valid_seconds=30)
    wallet.send(wallet.sign(transaction))
    wallet.network.clock.advance(31)
    assert wallet.receipt(transaction) == "TRANSACTION_EXPIRED"


def test_lost_answers_and_lost_requests_look_alike(wallet: Wallet, token: str) -> None:
    for faults, balance in ((Faults(lose_answer_percent=100), 10), (Faults(lose_request_percent=100), 10)):
        wallet.network.set_faults(faults)
        with pytest.raises(grpc.RpcError):
            wallet.pay(token, {"0.0.2": 10})
        assert wallet.network.operator.balance("0.0.2", token) == balance


def test_a_delayed_transaction_arrives_later_unless_it_is_too_late(wallet: Wallet, token: str) -> None:
    for delay, balance in ((20, 10), (200, 10)):
        wallet.network.set_faults(Faults(delay_percent=100, delay_seconds=delay))
        with pytest.raises(grpc.RpcError):
            wallet.pay(token, {"0.0.2": 10})
        wallet.network.clock.advance(delay + 1)
        assert wallet.network.operator.balance("0.0.2", token) == balance


def test_nodes_that_are_busy_throttled_dead_or_silent(wallet: Wallet, token: str) -> None:
    def try_with(faults: Faults, *, timeout: float = 60) -> str:
        wallet.network.set_faults(faults)
        try:
            return wallet.send(wallet.sign(wallet.build(token, {"0.0.2": 10})), timeout=timeout)
        except grpc.RpcError as error:
            return str(error.code().name)

    assert try_with(Faults(busy_percent=100)) in {"BUSY", "PLATFORM_TRANSACTION_NOT_CREATED"}
    assert try_with(Faults(dead_nodes=(3,))) == "UNAVAILABLE"
    assert try_with(Faults(mute_nodes=(3,)), timeout=0.1) == "DEADLINE_EXCEEDED"
    assert wallet.network.operator.balance("0.0.2", token) == 0
    wallet.network.set_faults(Faults(throttle_percent=100))
    assert wallet.pay(token, {"0.0.2": 10}) == ("OK", "THROTTLED_AT_CONSENSUS")


def test_consensus_times_increase_strictly(wallet: Wallet, token: str) -> None:
    for _ in range(20):
        wallet.pay(token, {"0.0.2": 1})
    times = [record.consensus_nanos for record in wallet.network.operator.records()]
    assert times == sorted(set(times))


def test_a_network_in_a_process_of_its_own_is_controlled_over_http() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hedera_network"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    )
    assert process.stdout is not None
    settings = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
    control = httpx.Client(base_url=f"{settings['HEDERA_MIRROR_URLS']}/control", timeout=60)

    key = {"_type": "ED25519", "key": "ab" * 32}
    account = control.post("/operator/create_account", json={"automatic_slots": -1, "key": key}).json()
    token = control.post("/operator/create_token", json={"holders": {account: 5}}).json()
    assert control.post("/operator/balances", json={"token_id": token}).json() == {account: 5}
    assert control.post("/operator/account", json={"account_id": account}).json()["automatic_slots"] == "-1"
    assert control.post("/advance", json={"seconds": 3600}).status_code == 200
    assert control.post("/faults", json={"mirror_error_percent": 100, "dead_nodes": [3]}).status_code == 200
    assert httpx.get(f"{settings['HEDERA_MIRROR_URLS']}/api/v1/blocks", timeout=60).status_code in {500, 503}
    assert settings["HEDERA_NODES"].count("=0.0.") == 3

    process.terminate()
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    control.close()
