"""The sandbox, in both of its modes, against what every ledger must do."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count

import pytest
from sqlalchemy import URL

from databases import fresh_database
from ledger.conformance import LedgerConformance, scene
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.sandbox import Faults, SandboxLedger
from masspayout.settings import Settings

__all__ = ["scene"]  # pytest finds the fixture where the test class is


@asynccontextmanager
async def opened(url: URL, settings: Settings) -> AsyncIterator[SandboxLedger]:
    ledger = SandboxLedger(url, settings)
    try:
        yield ledger
    finally:
        await ledger.close()


class SandboxHarness:
    """Does to a sandbox what the conformance tests ask for."""

    def __init__(self, ledger: SandboxLedger, url: URL, settings: Settings) -> None:
        self.ledger, self._url, self._settings = ledger, url, settings
        self.payer_account_id = settings.payer_account_id
        self._numbers = count(2_000)

    @asynccontextmanager
    async def opened_again(self) -> AsyncIterator[SandboxLedger]:
        async with opened(self._url, self._settings) as ledger:
            yield ledger

    @asynccontextmanager
    async def opened_on_another_ledger(self) -> AsyncIterator[SandboxLedger]:
        with fresh_database(self._url) as url:
            async with opened(url, self._settings) as ledger:
                yield ledger

    async def make_token(self, holders: Mapping[str, int]) -> str:
        token_id = f"0.0.{next(self._numbers)}"
        await self.ledger.admin.create_token(token_id, name="Token", symbol="TKN", decimals=2, holders=holders.items())
        return token_id

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        await self.ledger.admin.deposit(token_id, units, account_id)

    async def make_account(self) -> str:
        return f"0x{next(self._numbers):040x}"

    async def freeze(self, account_id: str, token_id: str) -> None:
        await self.ledger.admin.freeze([account_id], token_id)

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        await self.ledger.admin.unfreeze([account_id], token_id)

    async def keep_balances(self) -> None:
        """Every moment is kept."""

    async def now(self) -> datetime:
        return await self.ledger.admin.now()

    async def let_pass(self, seconds: float) -> None:
        await self.ledger.admin.advance(seconds)

    async def outlive(self, signed: SignedTransaction) -> None:
        await self.let_pass((signed.expires_at - await self.now()).total_seconds() + 1)

    async def lose_answers(self) -> None:
        await self.ledger.admin.set_faults(Faults(lose_answer_percent=100))

    async def lose_requests(self) -> None:
        await self.ledger.admin.set_faults(Faults(lose_request_percent=100))

    async def delay(self, seconds: float) -> None:
        await self.ledger.admin.set_faults(Faults(delay_percent=100, delay_seconds=seconds))

    async def lag(self, seconds: float) -> None:
        await self.ledger.admin.set_faults(Faults(mirror_lag_seconds=seconds))

    async def behave(self) -> None:
        await self.ledger.admin.set_faults(Faults())


@pytest.fixture(params=["atomic", "per-recipient"])
async def harness(
    request: pytest.FixtureRequest, sandbox_url: URL, settings: Settings
) -> AsyncIterator[SandboxHarness]:
    settings = settings.model_copy(update={"sandbox_results": request.param, "sandbox_recipients_per_transaction": 20})
    async with opened(sandbox_url, settings) as ledger:
        await ledger.admin.reset()
        yield SandboxHarness(ledger, sandbox_url, settings)


class TestSandbox(LedgerConformance):
    pass
