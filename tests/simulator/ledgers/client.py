"""What all simulated ledgers have in common: how a process reaches them, and what goes wrong on the way."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from masspayout.kernel.errors import LedgerUnavailable, LedgerUncertain
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import Estimate, LedgerTraits, Tariff, Transfer
from masspayout.ledger.transaction_ids import make_transaction_id
from masspayout.ledger.transfer_rules import check_transfer
from simulator.ledgers.books import Books, Signed
from simulator.processes import Process

VALID_SECONDS = 120


class Network:
    """A ledger's network, one for all processes.

    Attributes:
        is_away: Nobody reaches it.
        swallows: What is sent does not arrive, and nobody is told.
    """

    def __init__(self, books: Books, traits: LedgerTraits) -> None:
        self.books = books
        self.traits = traits
        self.is_away = False
        self.swallows = False


class Client:
    """A process's connection to a network."""

    def __init__(self, process: Process, network: Any, clock: Callable[[], int]) -> None:
        self.process = process
        self.network = network
        self.clock = clock

    @property
    def traits(self) -> LedgerTraits:
        """What this ledger is like."""
        traits: LedgerTraits = self.network.traits
        return traits

    async def exchange(self, what: str) -> None:
        """Ask the network something.

        Raises:
            LedgerUnavailable: It cannot be reached.
        """
        await self.process.step(what)
        process = self.process
        if self.network.is_away or process.faults.strike("question lost", process.chance.random()):
            raise LedgerUnavailable("The ledger cannot be reached.", "Wait.")

    async def carry(self, what: str, deliver: Callable[[], None]) -> None:
        """Carry a message to the network: it may be lost, late, or arrive twice, and so may its answer.

        Raises:
            LedgerUnavailable: It was not taken.
            LedgerUncertain: No answer came.
        """
        process = self.process
        await process.step(what)
        chance, faults, later = process.chance, process.faults, process.loop.call_later
        if self.network.is_away or faults.strike("throttled", chance.random()):
            raise LedgerUnavailable("The ledger is too busy.", "Wait.")
        if faults.strike("message lost", chance.random()) or self.network.swallows:
            process.tell(f"{what}: lost on the way")
            raise LedgerUncertain("No answer came.", "Look.")
        if faults.strike("message delayed", chance.random()):
            seconds = 10 ** (3.1 * chance.random())
            process.tell(f"{what}: arrives in {seconds:.1f} s")
            later(seconds, deliver)
            raise LedgerUncertain("No answer came.", "Look.")
        if faults.strike("message doubled", chance.random()):
            later(10 ** (3 * chance.random()), deliver)
        deliver()
        if faults.strike("answer lost", chance.random()):
            raise LedgerUncertain("No answer came.", "Look.")
        process.survive(what)

    async def check_payer(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> None:
        """Let every payer try."""
        await self.exchange("check payer")

    async def balance_units(self, account_id: str, token_id: str) -> int:
        """Return what a payer holds."""
        await self.exchange("balance")
        return int(self.network.books.held_units[account_id])

    async def tariff(self, payer_account_id: str, token_id: str, contract_terms: str | None = None) -> Tariff:
        """Charge nothing."""
        return Tariff(lambda recipient_count: Estimate(recipient_count, fees=None))

    async def held_units_at(self, payer_account_id: str, token_id: str, cursor: int) -> int | None:
        """Tell nothing of the past."""
        return None

    async def statement_position(self, at: datetime) -> int:
        """Refuse: no statement begins at a time here."""
        raise NotImplementedError

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Refuse: nobody reconciles here."""
        raise NotImplementedError

    async def close(self) -> None:
        """Do nothing."""


class ExpiringClient(Client):
    """A connection to a ledger whose transactions are named by when their validity begins, and expire."""

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Sign a transaction."""
        await self.process.step("sign")
        check_transfer(transfer, at_most=self.traits.recipients_per_transaction, setting="…")
        until_nanos = transfer.number + VALID_SECONDS * NANOS_PER_SECOND
        signed = Signed(
            make_transaction_id(transfer.payer_account_id, transfer.number),
            transfer.payer_account_id,
            transfer.token_id,
            tuple(transfer.payments),
            transfer.memo,
            transfer.number,
            transfer.number,
            until_nanos,
        )
        self.network.books.signed[signed.content] = signed
        self.process.tell(f"signs {signed.transaction_id} for {', '.join(one.account_id for one in signed.payments)}")
        return SignedTransaction(signed.transaction_id, signed.content, to_datetime(until_nanos))
