"""Nodes that stand in for each other, are busy or wrong; and the keys that sign."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from pydantic import SecretStr
from sqlalchemy import URL

from anvil import running_anvil
from evm_harness import EvmHarness
from ledger.conformance import FUNDS, Scene, read, scene
from ledger.evm_scenes import deep, harness
from masspayout.kernel.errors import Invalid, LedgerUnavailable
from masspayout.ledger.evm import EvmLedger
from masspayout.ledger.evm.node import Node
from masspayout.ledger.evm.senders import Senders
from masspayout.settings import Settings
from unreliable_node import Faults

__all__ = ["deep", "harness", "scene"]


@pytest.mark.parametrize("urls", ["", "node.example", "ws://node.example", "http://", "https://node.example,nonsense"])
def test_what_is_no_address_of_a_node_is_refused_and_not_repeated(settings: Settings, urls: str) -> None:
    with pytest.raises(Invalid, match="is no address of a node") as refusal:
        Node(settings.model_copy(update={"evm_rpc_url": urls}))
    assert "example" not in str(refusal.value)


async def test_nodes_stand_in_for_each_other(scene: Scene, evm_url: URL, settings: Settings) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    urls = f"http://127.0.0.1:9, {harness.way.url}"
    ledger = EvmLedger(evm_url, settings.model_copy(update={"evm_rpc_url": urls, "evm_confirmations": 1}))
    assert (await ledger.token(scene.token_id)).token_id == scene.token_id
    assert dict(await read(ledger, scene.token_id)) == {harness.payer_account_id: FUNDS}
    await ledger.close()


async def test_a_node_on_another_chain_does_not_stand_in(
    scene: Scene, evm_url: URL, settings: Settings, tmp_path: Path
) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    with running_anvil(tmp_path, "--chain-id", "4711") as other:
        urls = f"{harness.way.url},{other.url}"
        ledger = EvmLedger(evm_url, settings.model_copy(update={"evm_rpc_url": urls, "evm_confirmations": 1}))
        identity = await ledger.identity()
        harness.way.faults = Faults(busy_percent=100)
        with pytest.raises(LedgerUnavailable, match="it is on chain 4711, and another one on"):
            await ledger.balance_units(scene.harness.payer_account_id, scene.token_id)
        harness.way.faults = Faults()
        assert await ledger.identity() == identity
        await ledger.close()


async def test_a_key_in_the_address_of_a_node_is_not_repeated(evm_url: URL, settings: Settings) -> None:
    changes = {"evm_rpc_url": "http://127.0.0.1:9/v3/secret-key", "evm_timeout_seconds": 1.0}
    ledger = EvmLedger(evm_url, settings.model_copy(update=changes))
    with pytest.raises(LedgerUnavailable, match=r"at 127\.0\.0\.1:9: no connection\.") as refusal:
        await ledger.token("0x" + "12" * 20)
    assert "secret" not in str(refusal.value)
    await ledger.close()


async def test_a_node_that_is_busy_is_asked_again_and_then_called_unavailable(scene: Scene) -> None:
    harness = scene.harness
    assert isinstance(harness, EvmHarness)
    harness.way.faults = Faults(busy_percent=30)
    assert await scene.payer_balance() == FUNDS
    harness.way.faults = Faults(busy_percent=100)
    with pytest.raises(LedgerUnavailable):
        await scene.payer_balance()


async def test_a_keystore_file_is_a_key(tmp_path: Path, settings: Settings) -> None:
    key = Account.create()
    path = tmp_path / "sender.json"
    kept = Account.encrypt(key.key, "open sesame", iterations=2)
    path.write_text(json.dumps(kept))
    path.chmod(0o600)
    for update in ({"payer_key_file": path}, {"evm_keys": SecretStr(f"{path}")}):
        chosen = settings.model_copy(update={**update, "payer_key_passphrase": SecretStr("open sesame")})
        assert [account.address for account in await Senders(chosen).all()] == [key.address.lower()]
        for passphrase in ("wrong", ""):
            with pytest.raises(Invalid):
                await Senders(chosen.model_copy(update={"payer_key_passphrase": SecretStr(passphrase)})).all()
    path.write_text(json.dumps({**kept, "version": 1}))
    with pytest.raises(Invalid, match="cannot be decrypted"):
        await Senders(chosen).all()


async def test_without_a_key_nobody_sends_and_it_is_said(settings: Settings) -> None:
    with pytest.raises(Invalid, match="no key"):
        await Senders(settings).next()
