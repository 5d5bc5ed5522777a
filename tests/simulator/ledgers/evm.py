"""An EVM chain behind the ledger port: versions of transactions in the store, final blocks as evidence."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from masspayout.db.entities import EvmTransaction
from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.movements import StatementEntry, StatementPage
from masspayout.kernel.types import Sender, SignedTransaction
from masspayout.ledger.port import NEVER_EXPIRES, Dead, Outcome, Refused, Settled, Transfer, Undecided
from masspayout.ledger.transfer_rules import check_transfer
from simulator.ledgers.books import SUCCESS, Signed
from simulator.ledgers.client import Client
from simulator.ledgers.evm_chain import CONFIRMATIONS, EvmNetwork, Receipt, Sent

_CHAIN_ID = 1337
_REPLACE_SECONDS = 120
_MOST_FEE = 500


class EvmClient(Client):
    """A chain behind the ledger port, decided as the adapter decides."""

    network: EvmNetwork

    def __init__(self, process: Any, network: Any, store: Any, senders: int) -> None:
        super().__init__(process, network, store.clock.now_nanos)
        self._store = store
        self._senders = [f"0x5e{number:038x}" for number in range(senders)]
        self._turn = int(process.chance.random() * senders)

    async def identity(self) -> str:
        """Return the chain's number and first block."""
        await self.exchange("identity")
        return self.network.identity

    async def sender(self, payer_account_id: str) -> Sender:
        """Return the sender whose turn it is, and its next nonce."""
        await self._poll_head()
        self._turn = (self._turn + 1) % len(self._senders)
        sender = self._senders[self._turn]
        return Sender(f"eip155:{_CHAIN_ID}:{sender}", self.network.pending_nonce(sender))

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        """Sign a call with the sender's nonce, and store it; the same call with the same nonce is signed once."""
        check_transfer(transfer, at_most=self.traits.recipients_per_transaction, setting="…")
        await self._poll_head()
        sender, books = transfer.sender_account_id.rpartition(":")[2], self.network.books
        if sum(one.amount_units for one in transfer.payments) > books.held_units[transfer.payer_account_id]:
            raise LedgerRejected("INSUFFICIENT_TOKEN_BALANCE", "The contract holds too little.")
        call = Signed(
            "", transfer.payer_account_id, transfer.token_id, tuple(transfer.payments), transfer.payment_key, 0
        )
        async with self._store.unit_of_work() as work:
            stored = await work.evm_transactions.find_of_nonce(_CHAIN_ID, sender, transfer.number)
        version = self._of_call(stored, call)
        if version is None:
            version = self._version(Sent(*_signed(sender, transfer.number, self._fee(), call)))
            async with self._store.unit_of_work() as work:
                transactions = work.evm_transactions
                await transactions.lock_nonce(_CHAIN_ID, sender, transfer.number)
                earlier = self._of_call(await transactions.find_of_nonce(_CHAIN_ID, sender, transfer.number), call)
                if earlier is None:
                    await transactions.remember(version)
                version = earlier or version
        self.process.tell(f"signs {version.hash[:10]} for {', '.join(one.account_id[-2:] for one in call.payments)}")
        return SignedTransaction(version.transaction_id, version.signed_bytes, NEVER_EXPIRES)

    async def submit(self, signed_bytes: bytes) -> None:
        """Send the newest version of a transaction, or a newer one at a higher fee."""
        transaction_id = signed_bytes.decode()
        versions = await self._versions(transaction_id)
        newest = await self._renewed(versions) if versions else None
        if versions and not await self._is_recent(versions[0]):
            await self._fill_abandoned(versions[0])
        sent = self._sent(newest.hash if newest else transaction_id)
        words: list[str | None] = []
        await self.carry(f"sends {sent.hash[:10]}", lambda: words.append(self.network.receive(sent)))
        known = {version.hash for version in versions} | {sent.hash}
        if words and words[0] == "nonce too low" and not any(self._receipt(each) for each in known):
            raise LedgerRejected("NONCE_TAKEN", f"Nonce {sent.nonce} was used by another transaction.")
        if newest is not None and newest.is_cancellation:
            raise LedgerRejected("NONCE_TAKEN", f"{transaction_id} was cancelled.")

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        """Say what became of a transaction, in any of its versions. Only final blocks decide."""
        versions = await self._versions(transaction_id)
        final = await self._poll_head()
        for version in versions:
            receipt = self._receipt(version.hash)
            if receipt is not None and not self.process.faults.strike("receipt hidden", self.process.chance.random()):
                return self._judge(receipt, final, is_cancellation=version.is_cancellation)
        if not versions:
            return Undecided("It was not signed here.")
        return await self._judge_absence(versions, final)

    async def statement(self, payer_account_id: str, *, after: int | None) -> AsyncIterator[StatementPage]:
        """Stream what the contract moved in final blocks, some blocks a page."""
        cursor, final = after or 0, await self._poll_head()
        while True:
            until = min(final, cursor + 10)
            blocks = self.network.chain[cursor + 1 : until + 1]
            receipts = [each for block in blocks for each in block.receipts if each.moved]
            async with self._store.unit_of_work() as work:
                ids = await work.evm_transactions.find_ids([each.sent.hash for each in receipts])
            entries = [_entry(each, ids.get(each.sent.hash, each.sent.hash)) for each in receipts]
            cursor = max(cursor, until)
            yield StatementPage(entries, cursor, to_datetime(self.network.chain[cursor].nanos), Counter())
            if until >= final:
                return
            await self._poll_head()

    async def settling_seconds(self) -> int:
        """Return 0: signed bytes never expire."""
        return 0

    def payment_key(self, obligation: str) -> str | None:
        """Return the key under which the contract remembers whom it paid."""
        return self.network.payment_key(obligation)

    async def clock_lead_seconds(self) -> float | None:
        """Return by how much the newest block is ahead of our clock."""
        await self._poll_head()
        return (self.network.chain[-1].nanos - self.clock()) / NANOS_PER_SECOND

    async def delay_seconds(self) -> int:
        """Return how old final blocks are."""
        return CONFIRMATIONS * 4

    async def _poll_head(self) -> int:
        """Ask a node for the newest final block; the node may be some blocks behind."""
        await self.exchange("block")
        self.network.grow()
        behind = 0
        if self.process.faults.strike("node behind", self.process.chance.random()):
            behind = 1 + int(self.process.chance.random() * 5)
        return max(0, len(self.network.chain) - 1 - CONFIRMATIONS - behind)

    def _judge(self, receipt: Receipt, final: int, *, is_cancellation: bool) -> Outcome:
        if receipt.number > final:
            return Undecided(f"It is in block {receipt.number}, and blocks up to {final} are final.")
        if is_cancellation:
            return Dead("It was cancelled.")
        if receipt.code != SUCCESS:
            return Refused(receipt.code)
        return Settled(to_datetime(receipt.nanos), receipt.failures)

    async def _judge_absence(self, versions: Sequence[EvmTransaction], final: int) -> Outcome:
        """Judge a transaction without a receipt: dead, if another one used its nonce for good."""
        version, network = versions[0], self.network
        if network.next_nonce(version.sender, final) <= version.nonce:
            return Undecided("It is in no final block.")
        used = [each for block in network.chain[: final + 1] for each in block.receipts]
        use = next(each for each in used if (each.sent.sender, each.sent.nonce) == (version.sender, version.nonce))
        async with self._store.unit_of_work() as work:
            ids = await work.evm_transactions.find_ids([use.sent.hash])
        if ids.get(use.sent.hash) == version.transaction_id:
            return Undecided("Its receipt was not shown at first.")
        own = self._sent(version.transaction_id)
        if use.sent.call is not None and own.call == use.sent.call:
            same = self._version(use.sent, version.transaction_id)
            async with self._store.unit_of_work() as work:
                await work.evm_transactions.adopt(same)
            return self._judge(use, final, is_cancellation=False)
        return Dead(f"Nonce {version.nonce} was used by {use.sent.hash} instead.")

    async def _renewed(self, versions: Sequence[EvmTransaction]) -> EvmTransaction:
        """Return the newest version, or a newer one when fees have left it behind."""
        newest = versions[-1]
        if await self._is_recent(newest) or self.network.fee_level <= newest.max_fee_wei:
            return newest
        if any(self._receipt(version.hash) for version in versions):
            return newest
        fee = max(int(int(newest.max_fee_wei) * 1.2) + 1, self._fee())
        if fee > _MOST_FEE:
            return newest
        old = self._sent(newest.hash)
        signed = Sent(*_signed(old.sender, old.nonce, fee, old.call))
        renewed = self._version(signed, newest.transaction_id, is_cancellation=newest.is_cancellation)
        async with self._store.unit_of_work() as work:
            locked = await work.evm_transactions.lock_versions(newest.transaction_id)
            if locked[-1].hash == newest.hash:
                await work.evm_transactions.remember(renewed)
                return renewed
        newer: EvmTransaction = locked[-1]
        return newer

    async def _fill_abandoned(self, waiting: EvmTransaction) -> None:
        """Fill nonces below one that waits, for which nobody has stored a transaction that an attempt knows."""
        sender = waiting.sender
        first = self.network.pending_nonce(sender)
        if first >= waiting.nonce:
            return
        async with self._store.unit_of_work() as work:
            stored = await work.evm_transactions.find_by_nonces(_CHAIN_ID, sender, first, waiting.nonce - 1)
        for version in stored:
            self.network.receive(self._sent(version.hash))
        for nonce in sorted(set(range(first, waiting.nonce)) - {version.nonce for version in stored}):
            filling = self._version(Sent(*_signed(sender, nonce, self._fee(), None)), is_cancellation=True)
            async with self._store.unit_of_work() as work:
                transactions = work.evm_transactions
                await transactions.lock_nonce(_CHAIN_ID, sender, nonce)
                known = await transactions.find_of_nonce(_CHAIN_ID, sender, nonce)
                if known:
                    filling.transaction_id = known[-1].transaction_id
                await transactions.remember(filling)
            self.network.receive(self._sent(filling.hash))

    async def _versions(self, transaction_id: str) -> Sequence[EvmTransaction]:
        async with self._store.unit_of_work() as work:
            found = await work.evm_transactions.find_versions([transaction_id])
        versions: Sequence[EvmTransaction] = found.get(transaction_id, [])
        return versions

    async def _is_recent(self, version: EvmTransaction) -> bool:
        now = await self._store.clock.database_now()
        age: timedelta = now - (version.created_at or now)
        return age.total_seconds() < _REPLACE_SECONDS

    def _receipt(self, transaction_hash: str) -> Receipt | None:
        return self.network.find(transaction_hash, len(self.network.chain) - 1)

    def _fee(self) -> int:
        return self.network.fee_level * 2

    def _sent(self, transaction_hash: str) -> Sent:
        sent: Sent = self.network.known[transaction_hash]
        return sent

    def _of_call(self, stored: Sequence[EvmTransaction], call: Signed) -> EvmTransaction | None:
        for version in stored:
            first = version.hash == version.transaction_id and not version.is_cancellation
            if first and self._sent(version.hash).call == call:
                return version
        return None

    def _version(
        self, sent: Sent, transaction_id: str | None = None, *, is_cancellation: bool = False
    ) -> EvmTransaction:
        self.network.known[sent.hash] = sent
        return EvmTransaction(
            transaction_id=transaction_id or sent.hash,
            hash=sent.hash,
            chain_id=_CHAIN_ID,
            sender=sent.sender,
            nonce=sent.nonce,
            token_id="0x",
            signed_bytes=(transaction_id or sent.hash).encode(),
            max_fee_wei=sent.fee,
            is_cancellation=is_cancellation,
            signed_at_block=0,
            ledger_identity=self.network.identity,
        )


def _signed(sender: str, nonce: int, fee: int, call: Signed | None) -> tuple[str, str, int, int, Signed | None]:
    """Return the parts of a signed transaction: its hash is that of what it says."""
    digest = hashlib.sha256(repr((sender, nonce, fee, call)).encode()).hexdigest()
    return f"0x{digest}", sender, nonce, fee, call


def _entry(receipt: Receipt, transaction_id: str) -> StatementEntry:
    call = receipt.sent.call
    return StatementEntry(
        position=receipt.number,
        transaction_id=transaction_id,
        token_id=call.token if call else "",
        payments=list(receipt.moved),
        occurred_at=to_datetime(receipt.nanos),
        mark=call.mark if call else None,
    )
