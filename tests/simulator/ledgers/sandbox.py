"""The sandbox in simulation: ids are times and used once, transactions expire, and the mirror lags behind."""

from collections import Counter
from collections.abc import AsyncIterator
from math import ceil

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import StatementEntry, StatementPage
from masspayout.kernel.types import Sender
from masspayout.ledger.port import Dead, LedgerTraits, Outcome, Refused, Settled, Undecided
from masspayout.ledger.transaction_ids import split_transaction_id
from simulator.ledgers.books import SUCCESS, Books, Signed
from simulator.ledgers.client import VALID_SECONDS, ExpiringClient, Network
from simulator.processes import EPOCH_NANOS, Faults
from simulator.virtual_time import VirtualLoop

_PAGE_SIZE = 3


class SandboxNetwork(Network):
    """The books, and who gets into them.

    Attributes:
        lag_seconds: By how much the mirror is behind.
    """

    def __init__(self, loop: VirtualLoop, books: Books, traits: LedgerTraits, faults: Faults) -> None:
        super().__init__(books, traits)
        self.loop = loop
        self.faults = faults
        self.lag_seconds = 0.0
        self.fee_level = 0

    identity = "sandbox:simulated"

    def payment_key(self, obligation: str) -> str | None:
        """Return None: no contract pays here."""
        return None

    def nanos(self) -> int:
        """Return the network's time."""
        return EPOCH_NANOS + int(self.loop.time() * NANOS_PER_SECOND)

    def mirror_nanos(self) -> int:
        """Return up to when the mirror has seen the network."""
        return self.nanos() - int(self.lag_seconds * NANOS_PER_SECOND)

    def refusal(self, signed: Signed) -> str | None:
        """Return the code with which a transaction is refused on arrival now."""
        if self.nanos() > signed.until_nanos:
            return "TRANSACTION_EXPIRED"
        return "INVALID_TRANSACTION_START" if signed.start_nanos >= self.nanos() else None

    def arrive(self, signed: Signed, busy_chance: float) -> None:
        """Execute a transaction, unless its id was used before or it is turned away."""
        books = self.books
        if signed.transaction_id in books.executed or self.refusal(signed) is not None:
            return
        failures = {
            one.account_id: books.frozen[one.account_id] for one in signed.payments if one.account_id in books.frozen
        }
        needed = sum(
            one.amount_units for one in signed.payments if self.traits.atomic or one.account_id not in failures
        )
        code = SUCCESS
        if self.faults.strike("busy at consensus", busy_chance):
            code = "THROTTLED_AT_CONSENSUS"
        elif books.held_units[signed.payer] < needed:
            code = "INSUFFICIENT_TOKEN_BALANCE"
        elif failures and self.traits.atomic:
            code = next(iter(failures.values()))
        books.enter(signed, code, failures if code == SUCCESS else {}, self.nanos())

    def enter_foreign(self, signed: Signed) -> None:
        """Have somebody else pay from the payer's account."""
        self.books.enter(signed, SUCCESS, {}, self.nanos(), is_foreign=True)


class SandboxClient(ExpiringClient):
    """The sandbox behind the ledger port, decided as the adapter decides."""

    network: SandboxNetwork

    async def identity(self) -> str:
        """Return which sandbox it is."""
        await self.exchange("identity")
        return self.network.identity

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the payer, with the numbers that it may use now."""
        now = self.clock()
        return Sender(payer_account_id, now - 5 * NANOS_PER_SECOND, now + 5 * NANOS_PER_SECOND)

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a transaction."""
        signed, network = self.network.books.signed[signed_bytes], self.network
        busy_chance = self.process.chance.random()
        await self.carry(f"sends {signed.transaction_id}", lambda: network.arrive(signed, busy_chance))
        if signed.transaction_id not in network.books.executed and (code := network.refusal(signed)):
            raise LedgerRejected(code, f"{signed.transaction_id} is not taken: {code}.")

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Say what became of a transaction."""
        await self.exchange("outcome")
        network = self.network
        done = network.books.executed.get(transaction_id)
        mirror_nanos = network.mirror_nanos()
        if done is None or done.nanos > mirror_nanos:
            _, start_nanos = split_transaction_id(transaction_id)
            if mirror_nanos > start_nanos + VALID_SECONDS * NANOS_PER_SECOND:
                return Dead("The mirror was seen complete without it.")
            return Undecided("It may still happen.")
        if done.code != SUCCESS:
            return Refused(done.code)
        return Settled(to_datetime(done.nanos), dict(done.failures))

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream what a payer paid, up to the mirror's time."""
        await self.exchange("statement")
        cursor, until_nanos = after or 0, self.network.mirror_nanos()
        while True:
            done = [
                one
                for one in self.network.books.of_payer.get(payer_account_id, [])
                if cursor < one.nanos <= until_nanos
            ]
            page, is_last = done[:_PAGE_SIZE], len(done) <= _PAGE_SIZE
            cursor = max(cursor, until_nanos) if is_last else page[-1].nanos
            entries = [
                StatementEntry(
                    one.nanos,
                    one.signed.transaction_id,
                    one.signed.token,
                    one.paid,
                    to_datetime(one.nanos),
                    one.signed.mark,
                    one.signed.number,
                )
                for one in page
                if one.paid
            ]
            yield StatementPage(entries, cursor, to_datetime(cursor), Counter())
            if is_last:
                return
            await self.exchange("statement")

    async def settling_seconds(self) -> int:
        """Return the longest validity, and how far the mirror lags behind."""
        await self.exchange("settling time")
        return VALID_SECONDS + ceil(self.network.lag_seconds)

    def payment_key(self, obligation: str) -> str | None:
        """Return None: no contract pays here."""
        return None

    async def clock_lead_seconds(self) -> float | None:
        """Return by how much the network is ahead of our clock."""
        await self.exchange("clock of the ledger")
        return (self.network.nanos() - self.clock()) / NANOS_PER_SECOND

    async def delay_seconds(self) -> int:
        """Return how far the mirror lags behind."""
        return ceil(self.network.lag_seconds)
