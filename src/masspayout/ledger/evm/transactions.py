"""Transactions of our senders: signed, sent, replaced at a higher fee, cancelled.

Every version of a transaction is stored before it is sent. Versions have the same nonce and pay the same holders, so
that at most one of them is ever executed. A nonce is reserved before it is signed for: it may be signed for late, twice
by two workers, or never. The same call with the same nonce is the same transaction, even if signed twice; and an
abandoned nonce is filled with a transaction that pays nobody, once later ones have waited for it.
"""

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal

from masspayout.db.entities import EvmTransaction
from masspayout.db.session import Database
from masspayout.kernel.errors import (
    AnotherLedger,
    Conflict,
    LedgerError,
    LedgerRejected,
    LedgerUnavailable,
    NotFound,
)
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.chain import Chain
from masspayout.ledger.evm.data_fees import DataFees
from masspayout.ledger.evm.delivery import NO_GAS_MONEY, NONCE_TAKEN, Delivery, FeeTooLow
from masspayout.ledger.evm.envelopes import DecodedTransaction, UnsignedTransaction, decode_transaction
from masspayout.ledger.evm.fees import FeeMarket, Fees
from masspayout.ledger.evm.node import Node
from masspayout.ledger.evm.senders import SenderAccount, Senders
from masspayout.ledger.identity import contradict, make_identity
from masspayout.settings import Settings

_log = logging.getLogger(__name__)

_PLAIN_TRANSFER_GAS = 21_000

# At most this many abandoned nonces are filled at once: each costs gas, and a larger gap has another cause.
_MOST_FILLED = 20


class Transactions:
    """The signing and sending of transactions, with their versions in our database."""

    def __init__(self, database: Database, node: Node, chain: Chain, senders: Senders, settings: Settings) -> None:
        self._database = database
        self._node = node
        self._chain = chain
        self._senders = senders
        self._settings = settings
        self._delivery = Delivery(database, node)
        self._data_fees = DataFees(node)
        self.fees = FeeMarket(node, settings)
        self.rejections: dict[str, str] = {}  # the last refusal of each transaction that this process sent

    async def require_own_chain(self, sender: str) -> None:
        """Refuse a chain that was started anew, under the number of the one that a sender's nonces were used on.

        Those nonces would be too high for it: signed transactions would wait for ever.

        Raises:
            AnotherLedger: The chain is another one.
        """
        chain_id, found = await self._chain.chain_id(), await self._chain.identity()
        async with self._database.unit_of_work() as work:
            bound = await work.evm_transactions.find_last_identity(chain_id, sender)
        if bound is not None and contradict(bound, found):
            raise AnotherLedger(
                f"The database knows the nonces of {sender} on the ledger {bound}, and the settings lead to {found} "
                "now, a chain that was started anew: nothing was sent.",
                "Give this chain a database of its own, by another DATA_DIR or DATABASE_NAME.",
            )

    async def sign(
        self, sender: SenderAccount, nonce: int, to: str, data: bytes, gas: int, token_id: str
    ) -> EvmTransaction:
        """Sign a call, and store the transaction; the same call with the same nonce is signed once.

        Raises:
            LedgerRejected: The sender cannot pay for the gas.
            LedgerUnavailable: Gas costs more than the operator allows now.
        """
        chain_id = await self._chain.chain_id()
        async with self._database.unit_of_work() as work:
            stored = await work.evm_transactions.find_of_nonce(chain_id, sender.address, nonce)
        earlier = _of_call(stored, to, data)
        if earlier is not None:
            return earlier
        fees = await self.fees.current()
        (data_fee_wei,) = await self._data_fees.of([data])
        await self._require_gas_money(sender.address, gas * fees.max_fee_wei + data_fee_wei)
        final = await self._chain.final()
        version = await self._sign(sender, nonce, to, data, gas, fees)
        version.token_id, version.signed_at_block = token_id, final.number
        async with self._database.unit_of_work() as work:
            transactions = work.evm_transactions
            await transactions.lock_nonce(chain_id, sender.address, nonce)
            stored = await transactions.find_of_nonce(chain_id, sender.address, nonce)
            earlier = _of_call(stored, to, data)
            if earlier is not None:  # another worker has signed for it meanwhile
                return earlier
            await transactions.remember(version)
        return version

    async def send(self, transaction_id: str, signed_bytes: bytes) -> None:
        """Send the newest version of a transaction, after a new one at a higher fee if the fees have left it behind.

        Raises:
            LedgerRejected: The node will not take it as it is.
            LedgerUnavailable: The node does not take it now.
            LedgerUncertain: No answer came.
        """
        versions = (await self.versions([transaction_id])).get(transaction_id, [])
        try:
            if not versions:
                await self._delivery.hand_over(decode_transaction(signed_bytes), signed_bytes, [])
                return
            newest = await self._renewed(versions)
            await self._fill_abandoned(versions[0])
            await self._require_room(newest)
            newest = await self._hand_over(newest, [version.hash for version in versions])
        except LedgerError as refusal:
            self.rejections[transaction_id] = refusal.message
            raise
        self.rejections.pop(transaction_id, None)
        if newest.is_cancellation:
            raise LedgerRejected(
                NONCE_TAKEN, f"Transaction {transaction_id} was cancelled by {newest.hash}.", "It is signed anew."
            )

    async def cancel(self, transaction_id: str) -> str:
        """Replace a transaction by one with its nonce that pays nobody, at a higher fee.

        Return the hash of that one. The one of the two that gets into a block first counts.

        Raises:
            NotFound: There is no such transaction of ours.
            AnotherLedger: The transaction was signed for another chain.
            Conflict: The transaction is in a block already; or the sender's key is missing, or fees are at their bound.
        """
        versions = (await self.versions([transaction_id])).get(transaction_id, [])
        if not versions:
            raise NotFound(f"There is no transaction {transaction_id} of ours.", "See: ", Action.LIST_BATCHES)
        newest, found = versions[-1], await self._chain.identity()
        bound = newest.ledger_identity or make_identity("eip155", str(newest.chain_id))
        if contradict(bound, found):
            raise AnotherLedger(
                f"Transaction {transaction_id} was signed for the ledger {bound}; the settings lead to {found}.",
                "Set EVM_RPC_URL and EVM_CHAIN_ID to the chain on which the payout began.",
            )
        if not newest.is_cancellation:
            if await self._is_in_a_block(versions):
                raise Conflict(
                    f"Transaction {transaction_id} is in a block already: nothing is to be cancelled.",
                    "A worker settles its payout when the block is final.",
                )
            sender, fees = await self._sender_and_fees(newest)
            signed = await self._sign(sender, newest.nonce, sender.address, b"", _PLAIN_TRANSFER_GAS, fees)
            newest = await self._remember_newer(newest, _as_version_of(newest, signed, is_cancellation=True))
        if not newest.is_cancellation:
            raise Conflict(f"Transaction {transaction_id} was signed anew by a worker just now.", "Cancel it again.")
        return (await self._hand_over(newest, [newest.hash])).hash

    async def versions(self, transaction_ids: Sequence[str]) -> Mapping[str, list[EvmTransaction]]:
        """Return every version of some transactions, the oldest first."""
        async with self._database.unit_of_work() as work:
            return await work.evm_transactions.find_versions(transaction_ids)

    async def ids_of(self, hashes: Sequence[str]) -> Mapping[str, str]:
        """Return the transaction ids of some hashes, where they are ours."""
        async with self._database.unit_of_work() as work:
            return await work.evm_transactions.find_ids(hashes)

    async def of_nonce(self, version: EvmTransaction) -> Sequence[EvmTransaction]:
        """Return all versions signed for the nonce of a version, the oldest first."""
        async with self._database.unit_of_work() as work:
            return await work.evm_transactions.find_of_nonce(version.chain_id, version.sender, version.nonce)

    async def adopt(self, version: EvmTransaction, found: DecodedTransaction) -> EvmTransaction | None:
        """Return a transaction that was found on the chain as a version of ours, if it is the same call; else None.

        A restored database does not know such a version, or it was signed for an attempt that did not store it.
        """
        signed = decode_transaction(version.signed_bytes)
        if (found.to, found.data, found.nonce) != (signed.to, signed.data, signed.nonce) or version.is_cancellation:
            return None
        adopted = EvmTransaction(
            hash=found.hash,
            chain_id=version.chain_id,
            sender=version.sender,
            nonce=version.nonce,
            signed_bytes=found.signed_bytes,
            max_fee_wei=Decimal(found.fees.max_fee_wei),
            ledger_identity=version.ledger_identity,
        )
        adopted = _as_version_of(version, adopted)
        async with self._database.unit_of_work() as work:
            await work.evm_transactions.adopt(adopted)
        return adopted

    async def _renewed(self, versions: Sequence[EvmTransaction]) -> EvmTransaction:
        """Return the newest version, or a new one at a higher fee if blocks have passed it by for long."""
        newest = versions[-1]
        if await self._is_recent(newest):
            return newest
        if await self.fees.needed_wei() <= newest.max_fee_wei or await self._is_in_a_block(versions):
            return newest
        try:
            return await self._sign_newer(newest)
        except Conflict as error:
            _log.warning("%s", error)
            return newest

    async def _require_room(self, version: EvmTransaction) -> None:
        """Keep a transaction back that nodes may drop, because many of its sender wait before it."""
        next_nonce = await self._node.transaction_count(version.sender, "latest")
        if version.nonce >= next_nonce + self._settings.evm_pending_per_sender:
            raise LedgerUnavailable(
                f"It has nonce {version.nonce} of {version.sender} and waits for nonce {next_nonce}: at most "
                f"EVM_PENDING_PER_SENDER={self._settings.evm_pending_per_sender} are sent at once.",
                "It is sent when earlier ones are in a block; more senders in EVM_KEYS pay faster.",
            )

    async def _hand_over(self, version: EvmTransaction, hashes: Sequence[str]) -> EvmTransaction:
        """Send a version; one that the node finds too cheap is signed anew at its price. Return the one that was sent.

        Raises what ``Delivery.hand_over`` does.
        """
        signed = decode_transaction(version.signed_bytes)
        try:
            await self._delivery.hand_over(signed, version.signed_bytes, hashes)
        except FeeTooLow as refusal:
            try:
                await self.fees.raise_minimum(refusal.minimum, signed.fees)
                if await self._is_recent(version) and not await self.fees.is_too_low(signed.fees):
                    raise
                version = await self._sign_newer(version)
            except Conflict as error:
                raise LedgerUnavailable(f"{refusal.message} {error.message}", error.next_step) from None
            signed = decode_transaction(version.signed_bytes)
            await self._delivery.hand_over(signed, version.signed_bytes, hashes)
        return version

    async def _sign_newer(self, newest: EvmTransaction) -> EvmTransaction:
        """Sign and store a version at a higher fee, and return the newest by now.

        Raises:
            Conflict: The sender's key is missing, or fees are at their bound.
        """
        sender, fees = await self._sender_and_fees(newest)
        old = decode_transaction(newest.signed_bytes)
        signed = await self._sign(sender, old.nonce, old.to, old.data, old.gas, fees)
        renewed = _as_version_of(newest, signed, is_cancellation=newest.is_cancellation)
        stored = await self._remember_newer(newest, renewed)
        if stored is renewed:
            _log.info("transaction %s goes out again as %s, at a higher fee", newest.transaction_id, renewed.hash)
        return stored

    async def _remember_newer(self, newest: EvmTransaction, newer: EvmTransaction) -> EvmTransaction:
        """Store a version after the newest one that was read, and return the newest by now.

        If another worker stored a version meanwhile, that one is returned, and this one is dropped.
        """
        async with self._database.unit_of_work() as work:
            locked = await work.evm_transactions.lock_versions(newest.transaction_id)
            if locked[-1].hash != newest.hash:
                return locked[-1]
            await work.evm_transactions.remember(newer)
        return newer

    async def _is_recent(self, version: EvmTransaction) -> bool:
        now = await self._database.clock.database_now()
        age_seconds = (now - (version.created_at or now)).total_seconds()
        return age_seconds < self._settings.evm_replace_seconds

    async def _fill_abandoned(self, waiting: EvmTransaction) -> None:
        """Send the transactions before one that has waited for long, and fill the abandoned nonces.

        A transaction that is stored for an earlier nonce usually belongs to another payout: its worker may be long in
        coming, and never comes if all workers are waiting for this one.

        A worker that signs for such a nonce later finds it used, proves its own transaction dead by the filling one,
        and takes another number. A nonce that the node has a transaction for is left alone.
        """
        if await self._is_recent(waiting):
            return
        first = await self._node.transaction_count(waiting.sender, "pending")
        if first >= waiting.nonce:
            return
        async with self._database.unit_of_work() as work:
            stored = await work.evm_transactions.find_by_nonces(
                waiting.chain_id, waiting.sender, first, waiting.nonce - 1
            )
        for version in stored[:_MOST_FILLED]:
            await self._send_again(version)
        missing = sorted(set(range(first, waiting.nonce)) - {version.nonce for version in stored})
        sender = await self._senders.find(waiting.sender)
        if sender is None:
            return
        for nonce in missing[:_MOST_FILLED]:
            filling = await self._sign_filling(sender, nonce, waiting)
            _log.warning("nonce %s of %s, reserved and never signed for, is filled", nonce, waiting.sender)
            await self._hand_over(filling, [filling.hash])

    async def _send_again(self, version: EvmTransaction) -> None:
        try:
            signed = decode_transaction(version.signed_bytes)
            await self._delivery.hand_over(signed, version.signed_bytes, [version.hash])
        except LedgerError as error:  # its own attempt reports the error
            _log.info("transaction %s is not taken now: %s", version.transaction_id, error.message)

    async def _sign_filling(self, sender: SenderAccount, nonce: int, waiting: EvmTransaction) -> EvmTransaction:
        """Sign and store a transaction that pays nobody: as a version of one that no attempt stored, if any."""
        filling = await self._sign(sender, nonce, sender.address, b"", _PLAIN_TRANSFER_GAS, await self.fees.current())
        async with self._database.unit_of_work() as work:
            transactions = work.evm_transactions
            await transactions.lock_nonce(waiting.chain_id, waiting.sender, nonce)
            stored = await transactions.find_of_nonce(waiting.chain_id, waiting.sender, nonce)
            if stored:
                filling = _as_version_of(stored[-1], filling, is_cancellation=True)
            else:
                filling.token_id, filling.signed_at_block = waiting.token_id, waiting.signed_at_block
                filling.is_cancellation = True
            await transactions.remember(filling)
        return filling

    async def _is_in_a_block(self, versions: Sequence[EvmTransaction]) -> bool:
        return any([await self._node.receipt(version.hash) for version in versions])

    async def _sender_and_fees(self, version: EvmTransaction) -> tuple[SenderAccount, Fees]:
        sender = await self._senders.find(version.sender)
        if sender is None:
            raise Conflict(
                f"Transaction {version.transaction_id} cannot be signed anew: the key of {version.sender} is not here.",
                "Add it to EVM_KEYS.",
            )
        fees = await self.fees.above(decode_transaction(version.signed_bytes).fees)
        if fees is None:
            raise Conflict(
                f"Transaction {version.transaction_id} cannot be signed anew: a higher fee is above EVM_MAX_FEE_GWEI.",
                "Raise EVM_MAX_FEE_GWEI, or wait until fees have fallen.",
            )
        return sender, fees

    async def _sign(
        self, sender: SenderAccount, nonce: int, to: str, data: bytes, gas: int, fees: Fees
    ) -> EvmTransaction:
        chain_id = await self._chain.chain_id()
        signed_bytes = await sender.sign(UnsignedTransaction(chain_id, nonce, to, data, gas, fees))
        signed = decode_transaction(signed_bytes)
        return EvmTransaction(
            transaction_id=signed.hash,
            hash=signed.hash,
            chain_id=chain_id,
            sender=sender.address,
            nonce=nonce,
            signed_bytes=signed_bytes,
            max_fee_wei=Decimal(fees.max_fee_wei),
            is_cancellation=False,
            ledger_identity=await self._chain.identity(),
        )

    async def _require_gas_money(self, address: str, needed_wei: int) -> None:
        held_wei = await self._node.balance_wei(address)
        if held_wei < needed_wei:
            raise LedgerRejected(
                NO_GAS_MONEY,
                f"The sender {address} holds {_coins(held_wei)} of the chain's currency, and this may cost "
                f"{_coins(needed_wei)}.",
                f"Send some to {address}, then retry.",
            )


def _coins(wei: int) -> str:
    return f"{(Decimal(wei) / 10**18).normalize():f}"


def _of_call(stored: Sequence[EvmTransaction], to: str, data: bytes) -> EvmTransaction | None:
    """Return the transaction of a call among those of one nonce."""
    for version in stored:
        if version.hash == version.transaction_id and not version.is_cancellation:
            signed = decode_transaction(version.signed_bytes)
            if (signed.to, signed.data) == (to, data):
                return version
    return None


def _as_version_of(old: EvmTransaction, new: EvmTransaction, *, is_cancellation: bool = False) -> EvmTransaction:
    """Return a signed transaction as another version of one with the same nonce."""
    new.transaction_id, new.token_id, new.signed_at_block = old.transaction_id, old.token_id, old.signed_at_block
    new.is_cancellation = is_cancellation
    return new
