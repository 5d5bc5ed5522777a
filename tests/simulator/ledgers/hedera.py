"""Hedera in simulation: nodes that forget and may lie, consensus that executes an id once, mirrors that are behind.

Outcomes and statements are found by the adapter's own code: only what it asks, nodes and mirror nodes, is simulated.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from math import ceil
from typing import Any, cast

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.kernel.movements import StatementPage
from masspayout.kernel.types import Sender
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.mirror.responses import (
    Account,
    Block,
    CustomFees,
    Links,
    TimestampRange,
    Token,
    TokenTransfer,
    Transaction,
    Transactions,
)
from masspayout.ledger.hedera.mirror.transport import MirrorUnreadable
from masspayout.ledger.hedera.outcomes import OutcomeFinder, mirror_id
from masspayout.ledger.hedera.statements import StatementReader
from masspayout.ledger.identity import make_identity
from masspayout.ledger.port import LedgerTraits, Outcome
from masspayout.settings import Settings
from simulator.ledgers.books import SUCCESS, Books, Signed
from simulator.ledgers.client import ExpiringClient
from simulator.ledgers.sandbox import SandboxNetwork
from simulator.processes import EPOCH_NANOS, Faults
from simulator.virtual_time import VirtualLoop

_RECEIPT_SECONDS = 180
_NODES = ("0.0.3", "0.0.4", "0.0.5", "0.0.6")
_MIRRORS = ("mirror a", "mirror b")
_REPLICAS_APART_SECONDS = 20
_PAGE_SIZE = 3
_LIES = ("FAIL_INVALID", "FAIL_BALANCE", "INSUFFICIENT_TOKEN_BALANCE", "RECEIPT_NOT_FOUND", "RESPONSE_CODE_999")
_LAST_LINK, _NEXT_LINK = Links(next=None), Links(next="/next")
_TOKEN = Token.model_construct(custom_fees=CustomFees())


class HederaNetwork(SandboxNetwork):
    """Consensus, receipts and records.

    Attributes:
        lags: By how many seconds each mirror node is behind.
        records: What was brought to consensus, in order, duplicates and failures too.
    """

    identity = make_identity("hedera", "simulated", "0x" + 64 * "0")

    def __init__(self, loop: VirtualLoop, books: Books, traits: LedgerTraits, faults: Faults) -> None:
        super().__init__(loop, books, traits, faults)
        self.records: list[Transaction] = []
        self.receipts: dict[str, tuple[str, float]] = {}
        self.seen: dict[str, set[str]] = {node: set() for node in _NODES}

    def take(self, node: str, signed: Signed, busy_chance: float, seconds: float) -> str:
        """Have a node take a transaction, which comes to consensus some seconds later; return the node's answer."""
        refusal = self.refusal(signed)
        if refusal is not None:
            return refusal
        if signed.transaction_id in self.seen[node]:
            return "DUPLICATE_TRANSACTION"
        self.seen[node].add(signed.transaction_id)
        self.receipts.setdefault(signed.transaction_id, ("UNKNOWN", self.loop.time() + _RECEIPT_SECONDS))
        self.loop.call_later(seconds, self.reach_consensus, node, signed, busy_chance)
        return "OK"

    def reach_consensus(self, node: str, signed: Signed, busy_chance: float) -> None:
        """Execute a transaction, or say in a record why not."""
        if signed.transaction_id in self.books.executed:
            self._record(node, signed, "DUPLICATE_TRANSACTION", self.nanos(), ())
            return
        if self.nanos() > signed.until_nanos:
            self._record(node, signed, "TRANSACTION_EXPIRED", self.nanos(), ())
            return
        self.arrive(signed, busy_chance)
        done = self.books.executed[signed.transaction_id]
        self.receipts[signed.transaction_id] = (done.code, self.loop.time() + _RECEIPT_SECONDS)
        self._record(node, signed, done.code, done.nanos, done.paid)

    def enter_foreign(self, signed: Signed) -> None:
        """Have somebody else pay from the payer's account."""
        done = self.books.enter(signed, SUCCESS, {}, self.nanos(), is_foreign=True)
        self._record(_NODES[0], signed, SUCCESS, done.nanos, done.paid)

    def _record(self, node: str, signed: Signed, code: str, nanos: int, paid: Sequence[Any]) -> None:
        self.books.last_nanos = nanos = max(nanos, self.books.last_nanos if paid else self.books.last_nanos + 1)
        moved = [
            TokenTransfer.model_construct(token_id=signed.token, account=account, amount=units)
            for account, units in paid
        ]
        if paid:
            total = sum(units for _, units in paid)
            moved.append(TokenTransfer.model_construct(token_id=signed.token, account=signed.payer, amount=-total))
        record = Transaction.model_construct(
            transaction_id=mirror_id(signed.transaction_id),
            consensus_timestamp=nanos,
            result=code,
            nonce=0,
            scheduled=False,
            node=node,
            charged_tx_fee=0,
            memo_base64=base64.b64encode((signed.mark or "").encode()).decode(),
            token_transfers=moved,
            transfers=(),
            staking_reward_transfers=(),
            assessed_custom_fees=(),
        )
        self.records.append(record)


class Nodes:
    """Consensus nodes, as the adapter asks them."""

    def __init__(self, client: "HederaClient") -> None:
        self._client = client

    async def receipt(self, transaction_id: str, *, at_most: int) -> str | None:
        """Return what a node says of a transaction: it forgets, and may say what is not so."""
        client, network = self._client, self._client.network
        await client.exchange("receipt")
        chance = client.process.chance
        if client.process.faults.strike("node lies", chance.random()):
            return _LIES[int(chance.random() * len(_LIES))]
        code, until = network.receipts.get(transaction_id, (None, 0.0))
        return code if network.loop.time() < until else None


class Mirror:
    """Mirror nodes, as the adapter asks them."""

    urls = _MIRRORS
    first_choice = _MIRRORS[0]

    def __init__(self, client: "HederaClient") -> None:
        self._client = client

    async def first_block(self, url: str | None = None) -> Block | None:
        """Return the network's first block."""
        await self._client.exchange("first block")
        return _block(EPOCH_NANOS)

    async def oldest_block(self) -> Block | None:
        """Return the network's first block."""
        return _block(EPOCH_NANOS)

    async def newest_block(self, url: str | None = None) -> Block | None:
        """Return the newest block that a replica of a mirror node has."""
        await self._client.exchange("newest block")
        return _block(self._seen_nanos(url or self.first_choice))

    async def newest_nanos(self) -> int:
        """Return the end of the newest block."""
        await self._client.exchange("newest block")
        return self._seen_nanos(self.first_choice)

    async def account(self, account_id: str) -> Account | None:
        """Describe an account: all are as old as the network."""
        return Account.model_construct(account=account_id, created_timestamp=EPOCH_NANOS - 1)

    async def token(self, token_id: str) -> Token | None:
        """Describe a token: none has custom fees."""
        return _TOKEN

    async def transactions(self, wanted: str) -> Sequence[Transaction]:
        """Return what is shown under an id; nothing when the request went to the wrong place."""
        await self._client.exchange("transactions of an id")
        if self._is_misrouted():
            return ()
        seen_nanos = self._seen_nanos(self.first_choice)
        records = self._client.network.records
        return [one for one in records if one.transaction_id == wanted and one.consensus_timestamp <= seen_nanos]

    async def transaction_pages(
        self, account_id: str, *, after_nanos: int, until_nanos: int, url: str | None = None
    ) -> AsyncIterator[Transactions]:
        """Stream the payer's transactions, each page from a replica of its own."""
        while True:
            await self._client.exchange("transactions")
            if self._is_misrouted():
                raise MirrorUnreadable("The mirror node answers something else.", "Ask another.")
            seen_nanos = min(until_nanos, self._seen_nanos(url or self.first_choice))
            found = [one for one in self._client.network.records if after_nanos < one.consensus_timestamp <= seen_nanos]
            page = found[:_PAGE_SIZE]
            is_last = len(found) <= _PAGE_SIZE
            yield Transactions.model_construct(transactions=page, links=_LAST_LINK if is_last else _NEXT_LINK)
            if is_last:
                return
            after_nanos = page[-1].consensus_timestamp

    def _seen_nanos(self, url: str) -> int:
        network, chance = self._client.network, self._client.process.chance
        behind = (
            network.lag_seconds * (1 if url == self.first_choice else 0.5) + _REPLICAS_APART_SECONDS * chance.random()
        )
        return network.nanos() - int(behind * NANOS_PER_SECOND)

    def _is_misrouted(self) -> bool:
        process = self._client.process
        return process.faults.strike("mirror misrouted", process.chance.random())


def _block(until_nanos: int) -> Block:
    times = TimestampRange.model_construct(from_=EPOCH_NANOS, to=until_nanos)
    return Block.model_construct(hash="0x" + 64 * "0", number=1, timestamp=times)


class HederaClient(ExpiringClient):
    """Hedera behind the ledger port."""

    network: HederaNetwork

    def __init__(self, process: Any, network: Any, clock: Any, settings: Settings) -> None:
        super().__init__(process, network, clock)
        self._margin_seconds = settings.hedera_death_margin_seconds
        self._longest_valid_seconds = settings.hedera_longest_valid_seconds
        self._start_in_the_past_seconds = settings.hedera_start_in_the_past_seconds
        self._mirror = Mirror(self)
        mirror = cast("Any", self._mirror)
        first_block = FirstBlock("simulated", mirror)
        self._first_block = first_block
        self._outcomes = OutcomeFinder(cast("Any", Nodes(self)), mirror, first_block, settings)
        self._statements = StatementReader(mirror, first_block, margin_seconds=self._margin_seconds)

    async def identity(self) -> str:
        """Return the network's name and first block."""
        return await self._first_block.identity()

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the payer, with the numbers that it may use now."""
        now = self.clock()
        floor = now - self._start_in_the_past_seconds * NANOS_PER_SECOND
        return Sender(f"{payer_account_id}@simulated", floor, now + 5 * NANOS_PER_SECOND)

    async def submit(self, signed_bytes: bytes) -> None:
        """Send a transaction to one of its nodes."""
        signed, network, chance = self.network.books.signed[signed_bytes], self.network, self.process.chance
        node, busy_chance = _NODES[int(chance.random() * 3)], chance.random()
        seconds = 0.1 + 3 * chance.random() ** 2
        answers: list[str] = []
        await self.carry(
            f"sends {signed.transaction_id} to {node}",
            lambda: answers.append(network.take(node, signed, busy_chance, seconds)),
        )
        if answers and answers[0] not in ("OK", "DUPLICATE_TRANSACTION"):
            raise LedgerRejected(answers[0], f"{node} refuses {signed.transaction_id}: {answers[0]}.")

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Find out what became of a transaction, by the adapter's rules."""
        return await self._outcomes.find(transaction_id)

    def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream what a payer paid, by the adapter's rules."""
        return self._statements.pages(payer_account_id, after=after)

    async def settling_seconds(self) -> int:
        """Return the longest validity, and how far the mirror nodes may be behind."""
        return self._longest_valid_seconds + await self.delay_seconds()

    async def delay_seconds(self) -> int:
        """Return how old the newest block is, and by how much replicas may be apart."""
        age_seconds = ceil((self.clock() - await self._mirror.newest_nanos()) / NANOS_PER_SECOND)
        return max(0, age_seconds) + self._margin_seconds

    async def clock_lead_seconds(self) -> float | None:
        """Return by how much the newest block is ahead of our clock."""
        return (await self._mirror.newest_nanos() - self.clock()) / NANOS_PER_SECOND

    def payment_key(self, obligation: str) -> str | None:
        """Return None: no contract pays here."""
        return None
