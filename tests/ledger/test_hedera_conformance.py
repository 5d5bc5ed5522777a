"""Hedera, an emulated network over real sockets, with keys of both kinds, against what every ledger must do."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pydantic import SecretStr

from hedera_network import EmulatedNetwork, Faults
from hedera_network.wallet import make_key, public_key_of
from ledger.conformance import LedgerConformance, scene
from masspayout.kernel.ledger_time import to_datetime
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.hedera.adapter import HederaLedger
from masspayout.ledger.signing.port import KeyType
from masspayout.settings import Settings

__all__ = ["scene"]  # pytest finds the fixture where the test class is

# However long a transaction may have been valid, and whatever margin a proof of death wants.
LONG_ENOUGH_SECONDS = 300


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork.start(tmp_path_factory.mktemp("hedera")) as network:
        yield network


@asynccontextmanager
async def opened(network: EmulatedNetwork, settings: Settings) -> AsyncIterator[HederaLedger]:
    ledger = HederaLedger(settings, clock=network.clock.now_nanos)
    try:
        yield ledger
    finally:
        await ledger.close()


class HederaHarness:
    """Does to the emulated network what the conformance tests ask for."""

    def __init__(self, network: EmulatedNetwork, ledger: HederaLedger, settings: Settings) -> None:
        self.network, self.ledger, self._settings = network, ledger, settings
        self.payer_account_id = settings.payer_account_id

    @asynccontextmanager
    async def opened_again(self) -> AsyncIterator[HederaLedger]:
        async with opened(self.network, self._settings) as ledger:
            yield ledger

    @asynccontextmanager
    async def opened_on_another_ledger(self) -> AsyncIterator[HederaLedger]:
        with TemporaryDirectory() as directory, EmulatedNetwork.start(Path(directory)) as another:
            another.clock.advance(60)  # so that its first block is complete
            async with opened(another, self._settings.model_copy(update=another.settings())) as ledger:
                yield ledger

    async def make_token(self, holders: Mapping[str, int]) -> str:
        return self.network.operator.create_token({self.payer_account_id: 0, **holders})

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        if self.network.operator.balance(account_id, token_id) == 0:
            self.network.operator.associate(account_id, token_id)
        self.network.operator.fund(token_id, account_id, units)

    async def make_account(self) -> str:
        return self.network.operator.create_account(tinybars=0, automatic_slots=-1)

    async def freeze(self, account_id: str, token_id: str) -> None:
        self.network.operator.associate(account_id, token_id, frozen=True)

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        self.network.operator.associate(account_id, token_id, frozen=False)

    async def keep_balances(self) -> None:
        self.network.operator.take_snapshot()

    async def now(self) -> datetime:
        return to_datetime(self.network.clock.now_nanos())

    async def let_pass(self, seconds: float) -> None:
        self.network.clock.advance(seconds)

    async def outlive(self, signed: SignedTransaction) -> None:
        await self.let_pass((signed.expires_at - await self.now()).total_seconds() + LONG_ENOUGH_SECONDS)

    async def lose_answers(self) -> None:
        self.network.set_faults(Faults(lose_answer_percent=100))

    async def lose_requests(self) -> None:
        self.network.set_faults(Faults(lose_request_percent=100))

    async def delay(self, seconds: float) -> None:
        self.network.set_faults(Faults(delay_percent=100, delay_seconds=seconds))

    async def lag(self, seconds: float) -> None:
        # Nodes know first; so that everything that can be looked up is behind, they keep it to themselves.
        self.network.set_faults(Faults(mirror_lag_seconds=seconds, lying_nodes=(3, 4, 5)))

    async def behave(self) -> None:
        self.network.set_faults(Faults())


@pytest.fixture(params=list(KeyType))
async def harness(
    request: pytest.FixtureRequest, network: EmulatedNetwork, settings: Settings
) -> AsyncIterator[HederaHarness]:
    network.set_faults(Faults())
    key = make_key(request.param)
    payer = network.operator.create_account(public_key_of(key))
    settings = settings.model_copy(
        update={
            **network.settings(),
            "payer_account_id": payer,
            "payer_key": SecretStr(key.to_string_raw()),
            "payer_key_type": request.param.value,
            # Statements end by that much before the newest block; the tests wait for five seconds.
            "hedera_death_margin_seconds": 2,
        }
    )
    async with opened(network, settings) as ledger:
        yield HederaHarness(network, ledger, settings)


class TestHedera(LedgerConformance):
    pass
