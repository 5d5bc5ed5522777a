"""A chain in simulation: a mempool, nonces, replacement, blocks that may be replaced, and a contract that pays once."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.movements import Payment
from masspayout.ledger.port import LedgerTraits
from simulator.ledgers.books import SUCCESS, Books, Signed
from simulator.ledgers.client import Network
from simulator.processes import EPOCH_NANOS, Faults
from simulator.virtual_time import VirtualLoop

CONFIRMATIONS = 4
_BLOCK_SECONDS = 4
_TRANSACTIONS_A_BLOCK = 6


class Sent(NamedTuple):
    """A signed transaction of a sender; one without a call pays nobody."""

    hash: str
    sender: str
    nonce: int
    fee: int
    call: Signed | None


class Receipt(NamedTuple):
    """What became of a transaction in a block."""

    sent: Sent
    number: int
    nanos: int
    code: str
    failures: dict[str, str]
    moved: Sequence[Payment]


@dataclass
class Block:
    """A block of the chain."""

    number: int
    nanos: int
    receipts: list[Receipt] = field(default_factory=list)


class EvmNetwork(Network):
    """The chain, its mempool and the paying contract.

    Attributes:
        fee_level: What a unit of gas costs now.
        chain: The canonical blocks.
    """

    identity = "eip155:1337:0x00000000000000"

    def __init__(self, loop: VirtualLoop, books: Books, traits: LedgerTraits, faults: Faults, seed: int) -> None:
        super().__init__(books, traits)
        self.loop = loop
        self.faults = faults
        self.fee_level = 10
        self.lag_seconds = 0.0
        self.chain = [Block(0, EPOCH_NANOS)]
        self.pending: dict[tuple[str, int], tuple[Sent, float]] = {}
        self._chance = Random(f"chain/{seed}")
        self._paid: set[tuple[str | None, str]] = set()
        self._judged = 0
        self.known: dict[str, Sent] = {}
        self._receipts: dict[str, Receipt] = {}
        self._used_at: defaultdict[str, list[int]] = defaultdict(list)

    def nanos(self) -> int:
        """Return true time."""
        return EPOCH_NANOS + int(self.loop.time() * NANOS_PER_SECOND)

    def payment_key(self, obligation: str) -> str | None:
        """Return the key under which the contract remembers whom it paid."""
        return "0x" + obligation.encode().hex().ljust(64, "0")[:64]

    def grow(self) -> None:
        """Make the blocks that are due, and judge those that became final."""
        while (head := self.chain[-1]).nanos + _BLOCK_SECONDS * NANOS_PER_SECOND <= self.nanos():
            block = Block(head.number + 1, head.nanos + _BLOCK_SECONDS * NANOS_PER_SECOND)
            self.chain.append(block)
            self._fill(block)
        for block in self.chain[self._judged + 1 : max(0, len(self.chain) - CONFIRMATIONS)]:
            self._judged = block.number
            for receipt in block.receipts:
                for account, units in receipt.moved:
                    self.books.at_payment(receipt.sent.call.mark if receipt.sent.call else None, account, units)

    def reorganise(self, depth: int) -> None:
        """Replace the last blocks by others; some of what was in them goes back to the mempool."""
        self.grow()
        depth = min(depth, CONFIRMATIONS - 1, len(self.chain) - 1)
        replaced = self.chain[len(self.chain) - depth :]
        del self.chain[len(self.chain) - depth :]
        for block in reversed(replaced):
            for receipt in reversed(block.receipts):
                self._undo(receipt)
        for block in replaced:
            other = Block(block.number, block.nanos)
            self.chain.append(other)
            for receipt in block.receipts:
                if self._chance.random() < 0.7:
                    place = (receipt.sent.sender, receipt.sent.nonce)
                    self.pending.setdefault(place, (receipt.sent, self.loop.time()))
            self._fill(other)

    def receive(self, sent: Sent) -> str | None:
        """Take a transaction into the mempool; return the words of a refusal."""
        self.grow()
        if sent.nonce < self.next_nonce(sent.sender):
            return "nonce too low"
        waiting = self.pending.get((sent.sender, sent.nonce))
        if waiting is not None and waiting[0].hash == sent.hash:
            return "already known"
        if waiting is not None and sent.fee < waiting[0].fee * 1.1:
            return "replacement transaction underpriced"
        self.pending[sent.sender, sent.nonce] = (sent, self.loop.time() + 3 * self._chance.random())
        return None

    def next_nonce(self, sender: str, number: int | None = None) -> int:
        """Return how many transactions of a sender are in the blocks up to a number."""
        used_at = self._used_at[sender]
        return len(used_at) if number is None else bisect_right(used_at, number)

    def pending_nonce(self, sender: str) -> int:
        """Return the nonce that follows all that the mempool can bring into a block."""
        nonce = self.next_nonce(sender)
        while (sender, nonce) in self.pending:
            nonce += 1
        return nonce

    def find(self, transaction_hash: str, number: int) -> Receipt | None:
        """Return the receipt of a transaction in the blocks up to a number."""
        receipt = self._receipts.get(transaction_hash)
        return receipt if receipt is not None and receipt.number <= number else None

    def drop_pending(self) -> None:
        """Have the mempool forget everything."""
        self.pending.clear()

    def enter_foreign(self, signed: Signed) -> None:
        """Have the owner of the contract move something out of it."""
        self.grow()
        head = self.chain[-1]
        sent = Sent(f"0xf{signed.number:063x}", "0xowner", self.next_nonce("0xowner"), 100, signed)
        self._add(head, Receipt(sent, head.number, head.nanos, SUCCESS, {}, signed.payments))

    def _fill(self, block: Block) -> None:
        """Put into a block what the mempool has, in order of nonces, as far as the fees allow."""
        at_seconds = (block.nanos - EPOCH_NANOS) / NANOS_PER_SECOND
        for _ in range(_TRANSACTIONS_A_BLOCK):
            ready = [
                sent
                for (sender, nonce), (sent, since) in self.pending.items()
                if nonce == self.next_nonce(sender) and sent.fee >= self.fee_level and since <= at_seconds
            ]
            if not ready:
                break
            sent = max(ready, key=lambda each: each.fee)
            del self.pending[sent.sender, sent.nonce]
            self._add(block, self._execute(sent, block))
        for sender, nonce in [place for place in self.pending if place[1] < self.next_nonce(place[0])]:
            del self.pending[sender, nonce]

    def _execute(self, sent: Sent, block: Block) -> Receipt:
        call, books = sent.call, self.books
        if call is None:
            return Receipt(sent, block.number, block.nanos, SUCCESS, {}, ())
        due = [one for one in call.payments if (call.mark, one.account_id) not in self._paid]
        failures = {one.account_id: books.frozen[one.account_id] for one in due if one.account_id in books.frozen}
        moved = [one for one in due if one.account_id not in failures]
        if sum(one.amount_units for one in moved) > books.held_units[call.payer]:
            return Receipt(sent, block.number, block.nanos, "INSUFFICIENT_TOKEN_BALANCE", {}, ())
        for account, units in moved:
            self._paid.add((call.mark, account))
            books.held_units[call.payer] -= units
        return Receipt(sent, block.number, block.nanos, SUCCESS, failures, moved)

    def _add(self, block: Block, receipt: Receipt) -> None:
        block.receipts.append(receipt)
        self._receipts[receipt.sent.hash] = receipt
        self._used_at[receipt.sent.sender].append(block.number)

    def _undo(self, receipt: Receipt) -> None:
        del self._receipts[receipt.sent.hash]
        self._used_at[receipt.sent.sender].pop()
        call = receipt.sent.call
        if call is not None:
            for account, units in receipt.moved:
                self._paid.discard((call.mark, account))
                self.books.held_units[call.payer] += units
