"""Where a network is, as settings say it, and what its prices come to."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout import runtime
from masspayout.kernel.errors import Invalid
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.hedera.costs import fee_tinybars, seconds, transaction_count
from masspayout.ledger.hedera.mirror.responses import CustomFees, ExchangeRate, FixedFee, Token
from masspayout.ledger.hedera.networks import find_network
from masspayout.settings import Settings


@pytest.mark.parametrize("name", ["mainnet", "testnet", "previewnet"])
def test_public_networks_are_known(settings: Settings, name: str) -> None:
    network = find_network(settings.model_copy(update={"hedera_network": name}))
    assert network.nodes["0.0.3"].endswith(":50211")
    assert all(url.startswith("https://") for url in network.mirror_urls)


def test_own_addresses_take_their_place(settings: Settings) -> None:
    update = {
        "hedera_network": "custom",
        "hedera_nodes": " 10.0.0.1:50211=0.0.3, node.example:50211=0.0.4,",
        "hedera_mirror_urls": "https://one.example/, http://two.example:5551/key",
    }
    network = find_network(settings.model_copy(update=update))
    assert network.nodes == {"0.0.3": "10.0.0.1:50211", "0.0.4": "node.example:50211"}
    assert network.mirror_urls == ["https://one.example", "http://two.example:5551/key"]


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"hedera_network": "custom"}, "does not say where"),
        ({"hedera_network": "custom", "hedera_nodes": "a:1=0.0.3"}, "does not say where"),
        ({"hedera_nodes": "a=0.0.3"}, "is no node"),
        ({"hedera_nodes": "a:1=3"}, "is no node"),
        ({"hedera_nodes": " , "}, "names no node"),
        ({"hedera_mirror_urls": "mirror.example"}, "is no address"),
        ({"hedera_mirror_urls": ","}, "names no mirror"),
    ],
)
def test_wrong_addresses_are_refused(settings: Settings, update: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as refused:
        find_network(settings.model_copy(update=update))
    assert refused.value.hint


def test_the_runtime_chooses_it(settings: Settings) -> None:
    ledger = runtime.make_ledger(settings.external_database_url, settings.model_copy(update={"ledger": "hedera"}))
    assert isinstance(ledger, HederaLedger)
    assert (ledger.traits.name, ledger.traits.recipients_per_transaction, ledger.traits.atomic) == ("hedera", 9, True)


def test_a_custodian_is_not_asked_for_many_signatures_at_once(settings: Settings) -> None:
    ledger = HederaLedger(settings.model_copy(update={"signer": "dfns"}))
    assert ledger.traits.transactions_in_flight == 8


# Prices: one HBAR is worth ten cents here, so that a dollar is a thousand million tinybars.

RATE = ExchangeRate(cent_equivalent=300_000, hbar_equivalent=30_000)
DOLLAR = 1_000_000_000
TOKEN = Token(token_id="0.0.7", name="n", symbol="s", decimals=2, total_supply=1)
CHARGING = TOKEN.model_copy(update={"custom_fees": CustomFees(fixed_fees=[FixedFee(amount=1)])})


@pytest.mark.parametrize(
    ("recipients", "token", "dollars"),
    [(9, TOKEN, 0.0018), (1, TOKEN, 0.001), (9, CHARGING, 0.0028), (9, None, 0.0009), (1_000_000, TOKEN, 200.0)],
)
def test_prices_are_those_of_the_network(recipients: int, token: Token | None, dollars: float) -> None:
    assert fee_tinybars(recipients, 9, token, RATE) == pytest.approx(dollars * DOLLAR, rel=0.001)


@given(st.integers(1, 10**7), st.integers(1, 9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_recipients_never_cost_less(recipients: int, at_once: int, cents: int, hbars: int) -> None:
    rate = ExchangeRate(cent_equivalent=cents, hbar_equivalent=hbars)
    one, more = (fee_tinybars(count, at_once, TOKEN, rate) for count in (recipients, recipients + 1))
    assert 0 < one <= more


def test_time_follows_from_what_is_under_way() -> None:
    assert seconds(transaction_count(9 * 640, 9), 64) == 40
    assert seconds(1, 64) == 4


def test_without_its_libraries_it_says_how_to_install_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("masspayout.ledger.hedera", "hiero_sdk_python"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hiero_sdk_python", None)
    with pytest.raises(Invalid, match="hiero_sdk_python") as refused:
        runtime.make_ledger(settings.external_database_url, settings.model_copy(update={"ledger": "hedera"}))
    assert refused.value.hint == "Install it with: pip install 'masspayout[hedera]'"
