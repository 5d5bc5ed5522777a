"""An EVM chain, a real node behind a way that loses and delays, against what every ledger must do."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from eth_account import Account
from pydantic import SecretStr
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from chains import Contract, deploy, deploy_code
from databases import fresh_database
from ledger.conformance import LedgerConformance, scene
from masspayout.ledger.evm import EvmLedger
from masspayout.ledger.evm.contracts.own import artifact, deployment
from masspayout.ledger.port import SignedTransaction
from masspayout.settings import Settings
from unreliable_node import Faults, UnreliableNode

__all__ = ["scene"]  # pytest finds the fixture where the test class is

RICH_WEI = 10**21


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with running_anvil(tmp_path_factory.mktemp("anvil")) as anvil:
        anvil.call("anvil_setBlockTimestampInterval", 1)  # so that a time tells which block is meant
        yield anvil


@pytest.fixture(scope="module")
def evm_url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """The address of a database for what the adapter keeps."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url


class EvmHarness:
    """Does to a chain what the conformance tests ask for. Each token has a paying contract of its own."""

    payer_account_id = ""

    def __init__(self, anvil: Anvil, way: UnreliableNode, ledger: EvmLedger, sender: str) -> None:
        self.ledger = ledger
        self._anvil, self._way, self._sender = anvil, way, sender
        self._tokens: dict[str, Contract] = {}
        self._admin = anvil.accounts[0]

    async def make_token(self, holders: Mapping[str, int]) -> str:
        token = deploy(self._anvil, "token", "Token", "TKN", 2)
        self._tokens[token.address] = token
        for account, units in holders.items():
            token.send("mint", account, units, sender=self._admin)
        code = deployment(token.address, admin=self._admin, payer=self._sender, pauser=self._admin)
        self.payer_account_id = deploy_code(self._anvil, artifact()["abi"], code).address
        return token.address

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        self._tokens[token_id].send("mint", account_id, units, sender=self._admin)

    async def make_account(self) -> str:
        return f"0x{secrets.token_hex(20)}"

    async def freeze(self, account_id: str, token_id: str) -> None:
        self._tokens[token_id].send("refuse", account_id, True, sender=self._admin)

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        self._tokens[token_id].send("refuse", account_id, False, sender=self._admin)

    async def keep_balances(self) -> None:
        """Every moment is kept."""

    async def now(self) -> datetime:
        return datetime.fromtimestamp(
            int(self._anvil.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16), UTC
        )

    async def let_pass(self, seconds: float) -> None:
        self._anvil.call("evm_increaseTime", int(seconds))
        self._anvil.call("evm_mine")
        await self._way.deliver()

    async def outlive(self, signed: SignedTransaction) -> None:
        """Nothing expires on such a chain: another transaction takes the nonce."""
        faults, self._way.faults = self._way.faults, Faults()
        await self.ledger.cancel(signed.transaction_id)
        self._way.faults = faults

    async def lose_answers(self) -> None:
        self._way.faults = Faults(lose_answer_percent=100)

    async def lose_requests(self) -> None:
        self._way.faults = Faults(lose_request_percent=100)

    async def delay(self, seconds: float) -> None:
        self._way.faults = Faults(delay=True)

    async def lag(self, seconds: float) -> None:
        self._way.faults = Faults(horizon=int(self._anvil.call("eth_blockNumber"), 16))

    async def behave(self) -> None:
        self._way.faults = replace(Faults())


@pytest.fixture
async def harness(node: Anvil, evm_url: URL, settings: Settings) -> AsyncIterator[EvmHarness]:
    key = Account.create()
    node.call("anvil_setBalance", key.address, hex(RICH_WEI))
    way = UnreliableNode(node.url)
    await way.start()
    settings = settings.model_copy(
        update={
            "evm_rpc_url": way.url,
            "evm_chain_id": node.chain_id,
            "evm_confirmations": 1,
            "evm_keys": SecretStr(key.key.to_0x_hex()),
            "evm_recipients_per_transaction": 20,
        }
    )
    ledger = EvmLedger(evm_url, settings)
    yield EvmHarness(node, way, ledger, key.address.lower())
    await ledger.close()
    await way.stop()


class TestEvm(LedgerConformance):
    pass
