"""An EVM chain that a test may do anything to: a real node, behind a way that loses and delays."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eth_account import Account
from pydantic import SecretStr
from sqlalchemy import URL

from anvil import Anvil, running_anvil
from chains import Contract, deploy, deploy_code
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.evm import EvmLedger
from masspayout.ledger.evm.contracts.own import artifact, deployment
from masspayout.settings import Settings
from unreliable_node import Faults, UnreliableNode

RICH_WEI = 10**21


class EvmHarness:
    """Does to a chain what the conformance tests ask for. Each token has a paying contract of its own."""

    payer_account_id = ""

    def __init__(
        self, anvil: Anvil, way: UnreliableNode, ledger: EvmLedger, senders: list[str], url: URL, settings: Settings
    ) -> None:
        self.ledger, self.url, self.settings = ledger, url, settings
        self.anvil, self.way, self.senders = anvil, way, senders
        self.tokens: dict[str, Contract] = {}
        self.contract: Contract | None = None
        self.admin = anvil.accounts[0]

    async def make_token(self, holders: Mapping[str, int]) -> str:
        return self.add_token(holders, decimals=2)

    def add_token(self, holders: Mapping[str, int], *, decimals: int) -> str:
        token = deploy(self.anvil, "token", "Token", "TKN", decimals)
        self.tokens[token.address] = token
        for account, units in holders.items():
            token.send("mint", account, units, sender=self.admin)
        code = deployment(token.address, admin=self.admin, payer=self.senders[0], pauser=self.admin)
        self.contract = deploy_code(self.anvil, artifact()["abi"], code)
        for sender in self.senders[1:]:
            self.contract.send("set_payer", sender, True, sender=self.admin)
        self.payer_account_id = self.contract.address
        return token.address

    @asynccontextmanager
    async def another(self, **changes: Any) -> AsyncIterator["EvmHarness"]:
        """Open a second ledger on the same chain, with other settings."""
        settings = self.settings.model_copy(update=changes)
        ledger = EvmLedger(self.url, settings)
        harness = EvmHarness(self.anvil, self.way, ledger, self.senders, self.url, settings)
        harness.tokens, harness.contract, harness.payer_account_id = self.tokens, self.contract, self.payer_account_id
        try:
            yield harness
        finally:
            await ledger.close()

    @asynccontextmanager
    async def opened_again(self) -> AsyncIterator[EvmLedger]:
        async with self.another() as again:
            yield again.ledger

    @asynccontextmanager
    async def opened_on_another_ledger(self) -> AsyncIterator[EvmLedger]:
        # Two chains that are started within one second begin with the same block.
        with TemporaryDirectory() as directory, running_anvil(Path(directory), "--timestamp", "1700000000") as anvil:
            async with self.another(evm_rpc_url=anvil.url) as another:
                yield another.ledger

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        self.tokens[token_id].send("mint", account_id, units, sender=self.admin)

    async def make_account(self) -> str:
        return f"0x{secrets.token_hex(20)}"

    async def freeze(self, account_id: str, token_id: str) -> None:
        self.tokens[token_id].send("refuse", account_id, True, sender=self.admin)

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        self.tokens[token_id].send("refuse", account_id, False, sender=self.admin)

    async def keep_balances(self) -> None:
        """Every moment is kept."""

    async def now(self) -> datetime:
        return datetime.fromtimestamp(
            int(self.anvil.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16), UTC
        )

    async def let_pass(self, seconds: float) -> None:
        self.anvil.call("evm_increaseTime", int(seconds))
        self.anvil.call("evm_mine")
        await self.way.deliver()

    async def outlive(self, signed: SignedTransaction) -> None:
        """Nothing expires on such a chain: another transaction takes the nonce."""
        faults, self.way.faults = self.way.faults, Faults()
        await self.ledger.transactions.cancel(signed.transaction_id)
        self.way.faults = faults

    async def lose_answers(self) -> None:
        self.way.faults = Faults(lose_answer_percent=100)

    async def lose_requests(self) -> None:
        self.way.faults = Faults(lose_request_percent=100)

    async def delay(self, seconds: float) -> None:
        self.way.faults = Faults(delay=True)

    async def lag(self, seconds: float) -> None:
        self.way.faults = Faults(horizon=int(self.anvil.call("eth_blockNumber"), 16))

    async def behave(self) -> None:
        self.way.faults = Faults()


@asynccontextmanager
async def evm_harness(
    anvil: Anvil, url: URL, settings: Settings, *, sender_count: int = 1, **changes: Any
) -> AsyncIterator[EvmHarness]:
    """Open a ledger on a node, with senders of its own that are rich."""
    keys = [Account.create() for _ in range(sender_count)]
    for key in keys:
        anvil.call("anvil_setBalance", key.address, hex(RICH_WEI))
    way = UnreliableNode(anvil.url)
    await way.start()
    settings = settings.model_copy(
        update={
            "ledger": "evm",
            "evm_rpc_url": way.url,
            "evm_chain_id": anvil.chain_id,
            "evm_confirmations": 1,
            "evm_keys": SecretStr(",".join(key.key.to_0x_hex() for key in keys)),
            "evm_recipients_per_transaction": 20,
            **changes,
        }
    )
    ledger = EvmLedger(url, settings)
    try:
        yield EvmHarness(anvil, way, ledger, [key.address.lower() for key in keys], url, settings)
    finally:
        await ledger.close()
        await way.stop()
