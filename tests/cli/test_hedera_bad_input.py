"""What can be wrong with a payout on Hedera before it begins: a sentence, the next step, and nothing sent."""

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine, refused
from databases import fresh_database
from hedera_network import EmulatedNetwork, Faults
from hedera_network.wallet import make_key
from hedera_worlds import PAYER, PAYER_KEY, build_world
from masspayout.ledger.signing.port import KeyType
from payouts import PAYMENT_TOKEN, accounts

HOLDERS = [(account, 100) for account in accounts(3)]
PAY = ("pay", "list.csv", "--payment-token", PAYMENT_TOKEN)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmulatedNetwork, EmulatedNetwork]]:
    """The network that everything is on, and another one."""
    with (
        EmulatedNetwork.start(tmp_path_factory.mktemp("one")) as one,
        EmulatedNetwork.start(tmp_path_factory.mktemp("other")) as other,
    ):
        build_world(one, HOLDERS)
        yield one, other


@pytest.fixture(scope="module")
def url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url


@pytest.fixture
def hedera(
    networks: tuple[EmulatedNetwork, EmulatedNetwork],
    url: URL,
    command_line_on: Callable[[URL], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[EmulatedNetwork, CommandLine]]:
    """The command line on Hedera, with a list of payments that is in order."""
    network = networks[0]
    command_line = command_line_on(url)
    terms = {**network.settings(), "payer_account_id": PAYER, "payer_key": PAYER_KEY, "hedera_mirror_tries": "2"}
    for name, value in terms.items():
        monkeypatch.setenv(name.upper(), value)
    Path("list.csv").write_text("account_id,amount\n" + "".join(f"{account},5\n" for account, _ in HOLDERS))
    yield network, command_line
    network.set_faults(Faults())
    assert network.operator.records(PAYER) == [], "something was sent"


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """An address that is taken, and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


Hedera = tuple[EmulatedNetwork, CommandLine]


def test_another_network_knows_neither_token_nor_payer(
    hedera: Hedera, networks: tuple[EmulatedNetwork, EmulatedNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = networks[1]
    monkeypatch.setenv("HEDERA_MIRROR_URLS", other.mirror_url)
    refused(hedera[1], *PAY, status=1, sentences=("knows no token 0.0.7001", "HEDERA_NETWORK"))
    other.operator.create_token({"0.0.2": 0}, token_id=PAYMENT_TOKEN, decimals=6)
    refused(hedera[1], *PAY, status=1, sentences=(PAYER, "HEDERA_NETWORK"))


def test_a_network_without_addresses_is_refused(hedera: Hedera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEDERA_NODES")
    refused(hedera[1], *PAY, status=2, sentences=("HEDERA_NETWORK=custom", "Set HEDERA_NODES"))


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_key_that_is_not_the_payers_is_refused(
    hedera: Hedera, monkeypatch: pytest.MonkeyPatch, key_type: KeyType
) -> None:
    monkeypatch.setenv("PAYER_KEY", make_key(key_type).to_string_der())
    refused(hedera[1], *PAY, status=1, sentences=(f"The key is not that of {PAYER}", "PAYER_KEY"))


def test_without_a_key_nothing_is_paid(hedera: Hedera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYER_KEY")
    refused(hedera[1], *PAY, status=2, sentences=("key", "PAYER_KEY"))


@pytest.mark.parametrize(
    ("relation", "sentence"),
    [
        ({"associated": False}, "not associated with the payment token"),
        ({"frozen": True}, "frozen for the payment token"),
    ],
)
def test_a_payer_who_could_not_send_the_token_is_refused(
    hedera: Hedera, relation: Mapping[str, bool], sentence: str
) -> None:
    network, command_line = hedera
    network.operator.associate(PAYER, PAYMENT_TOKEN, **relation)
    try:
        refused(command_line, *PAY, status=1, sentences=(PAYER, sentence))
    finally:
        network.operator.associate(PAYER, PAYMENT_TOKEN, associated=True, frozen=False)
        network.operator.fund(PAYMENT_TOKEN, PAYER, 10**9)


@pytest.mark.parametrize(("state", "status"), [("paused", 1), ("deleted", 2)])
def test_a_token_that_is_paused_or_deleted_is_refused(hedera: Hedera, state: str, status: int) -> None:
    network, command_line = hedera
    network.operator.update_token(PAYMENT_TOKEN, **{state: True})
    try:
        refused(command_line, *PAY, status=status, sentences=(PAYMENT_TOKEN, state))
    finally:
        network.operator.update_token(PAYMENT_TOKEN, **{state: False})


def test_a_mirror_node_that_cannot_be_reached_is_named(
    hedera: Hedera, nobody_listens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDERA_MIRROR_URLS", f"http://{nobody_listens}")
    refused(hedera[1], *PAY, status=1, sentences=(f"http://{nobody_listens}", "Check HEDERA_MIRROR_URLS"))


def test_nodes_that_cannot_be_reached_are_named(
    hedera: Hedera, nobody_listens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDERA_NODES", f"{nobody_listens}=0.0.3")
    monkeypatch.setenv("HEDERA_NODE_TIMEOUT_SECONDS", "0.5")
    refused(hedera[1], *PAY, status=1, sentences=(nobody_listens, "Check HEDERA_NODES"))
