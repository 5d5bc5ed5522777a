"""An emulated network and the adapter on it, for tests of what no other ledger has."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from hedera_network import EmulatedNetwork, Faults
from hedera_network.operator import Operator
from hedera_network.wallet import make_key, public_key_of
from masspayout.kernel.errors import LedgerUnavailable, LedgerUncertain
from masspayout.kernel.movements import Payment
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.port import Transfer
from masspayout.ledger.signing.port import KeyType
from masspayout.settings import Settings


@dataclass
class Hedera:
    """A network, and a payer on it with an adapter of its own."""

    network: EmulatedNetwork
    settings: Settings
    ledger: HederaLedger
    payer: str
    last_number: int = 0
    others: list[HederaLedger] = field(default_factory=list)

    @property
    def operator(self) -> Operator:
        return self.network.operator

    def make_token(self, *holders: str, **facts: Any) -> str:
        """Make a token that these accounts are associated with; the payer has a million units of it."""
        token_id = self.operator.create_token({self.payer: 0, **dict.fromkeys(holders, 0)}, **facts)
        self.operator.fund(token_id, self.payer, 1_000_000)
        return token_id

    async def sign(self, token_id: str, payments: dict[str, int]) -> SignedTransaction:
        sender = await self.ledger.sender(self.payer)
        self.last_number = max(self.last_number + 1, sender.number_floor)
        paid = [Payment(account_id, units) for account_id, units in payments.items()]
        return await self.ledger.prepare(
            Transfer(self.last_number, self.payer, token_id, paid, "test", None, sender.account_id)
        )

    async def submit_until_taken(self, signed: SignedTransaction) -> None:
        """Send the same bytes again and again until a node says, in the time that it has, that it took them."""
        while True:
            with suppress(LedgerUncertain, LedgerUnavailable):
                await self.ledger.submit(signed.signed_bytes)
                return

    async def pay(self, token_id: str, payments: dict[str, int]) -> SignedTransaction:
        signed = await self.sign(token_id, payments)
        await self.ledger.submit(signed.signed_bytes)
        return signed

    def adapter(self, **changes: Any) -> HederaLedger:
        """Return another adapter, with other settings; it is closed after the test."""
        made = HederaLedger(self.settings.model_copy(update=changes), clock=self.network.clock.now_nanos)
        self.others.append(made)
        return made


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork.start(tmp_path_factory.mktemp("hedera")) as network:
        yield network


@pytest.fixture
async def hedera(network: EmulatedNetwork, settings: Settings) -> AsyncIterator[Hedera]:
    network.set_faults(Faults())
    key = make_key(KeyType.ED25519)
    payer = network.operator.create_account(public_key_of(key))
    settings = settings.model_copy(
        update={
            **network.settings(),
            "hedera_mirror_requests_per_second": 10_000.0,
            "payer_account_id": payer,
            "payer_key": SecretStr(key.to_string_raw()),
            "payer_key_type": "ED25519",
        }
    )
    ledger = HederaLedger(settings, clock=network.clock.now_nanos)
    hedera = Hedera(network, settings, ledger, payer)
    yield hedera
    network.set_faults(Faults())
    for each in (ledger, *hedera.others):
        await each.close()
