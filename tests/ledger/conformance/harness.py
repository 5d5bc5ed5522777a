"""What a conformance test has at hand: a ledger that it may do anything to, and a funded payer on it."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pytest

from masspayout.kernel.errors import LedgerUncertain
from masspayout.kernel.movements import Payment, StatementEntry
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import HolderBalance, Ledger, Settled, Transfer

FUNDS = 1_000_000


class LedgerHarness(Protocol):
    """One ledger that a test may do anything to."""

    payer_account_id: str

    @property
    def ledger(self) -> Ledger:
        """The ledger, through its port."""

    def opened_again(self) -> AbstractAsyncContextManager[Ledger]:
        """Open the ledger as another process does."""

    def opened_on_another_ledger(self) -> AbstractAsyncContextManager[Ledger]:
        """Open another ledger of the same kind, with settings that call it the same."""

    async def make_token(self, holders: Mapping[str, int]) -> str:
        """Make a token with two decimals that these accounts hold."""

    async def fund(self, token_id: str, account_id: str, units: int) -> None:
        """Deposit into an account."""

    async def make_account(self) -> str:
        """Return an account that can receive any token."""

    async def freeze(self, account_id: str, token_id: str) -> None:
        """Make an account refuse a token, with a code of one recipient."""

    async def unfreeze(self, account_id: str, token_id: str) -> None:
        """Undo ``freeze``."""

    async def keep_balances(self) -> None:
        """Let a ledger that keeps only the balances of some times keep those of now."""

    async def now(self) -> datetime:
        """Return the ledger's time."""

    async def let_pass(self, seconds: float) -> None:
        """Let the ledger's time pass."""

    async def outlive(self, signed: SignedTransaction) -> None:
        """Let time pass until the ledger cannot take a transaction any more, whatever its settings."""

    async def lose_answers(self) -> None:
        """From now on transactions are executed, but no answer comes."""

    async def lose_requests(self) -> None:
        """From now on transactions do not reach the ledger."""

    async def delay(self, seconds: float) -> None:
        """From now on transactions reach the ledger that much later."""

    async def lag(self, seconds: float) -> None:
        """From now on what can be looked up is that much behind."""

    async def behave(self) -> None:
        """From now on nothing goes wrong."""


class Scene:
    """A funded payer and the steps that most tests begin with."""

    def __init__(self, harness: LedgerHarness, token_id: str) -> None:
        self.harness, self.ledger, self.token_id = harness, harness.ledger, token_id
        self._last_numbers: dict[str, int] = {}

    async def sign(self, payments: Mapping[str, int]) -> SignedTransaction:
        transfer = await self.transfer([Payment(account, units) for account, units in payments.items()])
        signed = await self.ledger.prepare(transfer)
        self._last_numbers[transfer.sender_account_id] = transfer.number
        return signed

    async def transfer(self, payments: Sequence[Payment]) -> Transfer:
        """Return a transfer of a distribution of its own, with the number that comes next."""
        sender = await self.ledger.sender(self.harness.payer_account_id)
        return Transfer(
            number=max(self._last_numbers.get(sender.account_id, -1) + 1, sender.number_floor),
            payer_account_id=self.harness.payer_account_id,
            token_id=self.token_id,
            payments=payments,
            memo="conformance",
            payment_key=f"0x{uuid.uuid4().int:064x}",
            sender_account_id=sender.account_id,
        )

    async def send(self, payments: Mapping[str, int]) -> SignedTransaction:
        """Have a payment made, whether or not its outcome is shown by now."""
        signed = await self.sign(payments)
        await self.ledger.submit(signed.signed_bytes)
        return signed

    async def pay(self, payments: Mapping[str, int]) -> SignedTransaction:
        """Have a payment made, and wait for its outcome."""
        signed = await self.send(payments)
        async with asyncio.timeout(60):
            while not isinstance(await self.ledger.outcome(signed.transaction_id), Settled):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return signed

    async def settle(self) -> None:
        """Let the ledger's books show everything that has happened, unless they are told to lag behind."""
        await self.harness.let_pass(5)

    async def submit_without_answer(self, signed: SignedTransaction) -> None:
        with pytest.raises(LedgerUncertain):
            await self.ledger.submit(signed.signed_bytes)

    async def preflight(self, account_ids: Sequence[str]) -> Mapping[str, str]:
        return (await self.ledger.preflight(self.harness.payer_account_id, self.token_id, account_ids)).failures

    async def balance(self, account_id: str) -> int:
        return await self.ledger.balance_units(account_id, self.token_id)

    async def payer_balance(self) -> int:
        return await self.balance(self.harness.payer_account_id)


@pytest.fixture
async def scene(harness: LedgerHarness) -> Scene:
    token_id = await harness.make_token({})
    await harness.fund(token_id, harness.payer_account_id, FUNDS)
    return Scene(harness, token_id)


async def read(ledger: Ledger, token_id: str, at: datetime | None = None) -> list[HolderBalance]:
    snapshot = await ledger.holders(token_id, at=at)
    return [holder async for page in snapshot.pages for holder in page]


@dataclass
class Statement:
    """The pages of a statement, put together."""

    entries: list[StatementEntry]
    cursor: int
    received_units: Counter[str]


async def read_statement(scene: Scene, *, after: int | None = None) -> Statement:
    """Read a payer's statement, once everything that happened is shown."""
    await scene.settle()
    pages = [page async for page in scene.ledger.statement(scene.harness.payer_account_id, after=after)]
    entries = [entry for page in pages for entry in page.entries]
    received: Counter[str] = Counter()
    for page in pages:
        received.update(page.received_units)
    return Statement(entries, pages[-1].cursor, received)
