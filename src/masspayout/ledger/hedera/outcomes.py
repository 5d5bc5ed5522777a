"""What became of a transaction, from what the nodes' receipts and the mirror nodes' books say.

Only a final word counts: a receipt or a record with a result, or the proof that there can be none any more. That proof
takes a mirror node of this very network that has seen it pass the transaction's end, and after that does not know it.
"""

import asyncio
from collections.abc import Sequence

from masspayout.errors import LedgerUnavailable
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.mirror.answers import Transaction
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.nodes import IN_PROCESS, ConsensusNodes
from masspayout.ledger.hedera.timestamps import format_timestamp
from masspayout.ledger.port import Dead, Outcome, Refused, Settled, Undecided
from masspayout.ledger.transaction_ids import split_transaction_id
from masspayout.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.settings import Settings

SUCCESS = "SUCCESS"

# These do not use up the id: another node may still bring the same transaction to a good end.
_NOT_THE_LAST_WORD = {
    "BUSY",
    "DUPLICATE_TRANSACTION",
    "INVALID_NODE_ACCOUNT",
    "INVALID_PAYER_SIGNATURE",
    "PLATFORM_NOT_ACTIVE",
    "PLATFORM_TRANSACTION_NOT_CREATED",
    "RECEIPT_NOT_FOUND",
    "TRANSACTION_EXPIRED",
    "UNKNOWN",
}
_NODES_ASKED = 3
_SEARCHES = 5
_PAUSE_SECONDS = 0.5


class OutcomeFinder:
    """Finds out what became of transactions."""

    def __init__(
        self, nodes: ConsensusNodes, mirror: MirrorClient, first_block: FirstBlock, settings: Settings
    ) -> None:
        self._nodes = nodes
        self._mirror = mirror
        self._first_block = first_block
        self._wait_seconds = settings.hedera_consensus_wait_seconds
        self._longest_valid_nanos = settings.hedera_longest_valid_seconds * NANOS_PER_SECOND
        self._margin_nanos = settings.hedera_death_margin_seconds * NANOS_PER_SECOND

    async def find(self, transaction_id: str) -> Outcome:
        """Ask the nodes, which know first and soon forget, then the mirror nodes, which know for ever.

        Raises:
            Invalid: It is no transaction id.
            LedgerUnavailable: Neither nodes nor mirror nodes can tell.
        """
        split_transaction_id(transaction_id)
        result = await self._receipt(transaction_id)
        if result is not None and result not in _NOT_THE_LAST_WORD:
            return Settled(None) if result == SUCCESS else Refused(result)
        if result == IN_PROCESS:
            return Undecided("The network has taken it, and not come to a result yet.")
        outcome = _decide(await self._mirror.transactions(mirror_id(transaction_id)))
        if outcome is not None:
            return outcome
        return await self._prove_death(transaction_id)

    async def _receipt(self, transaction_id: str) -> str | None:
        """Return what the nodes say. While it is on its way to consensus, some seconds, they are asked again."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds
        try:
            while True:
                result = await self._nodes.receipt(transaction_id, at_most=_NODES_ASKED)
                if result != IN_PROCESS or loop.time() + _PAUSE_SECONDS > deadline:
                    return result
                await asyncio.sleep(_PAUSE_SECONDS)
        except LedgerUnavailable:
            return None

    async def _prove_death(self, transaction_id: str) -> Outcome:
        """Look for a proof that a transaction never happened and never can. Any mirror node that knows it ends this."""
        _, start_nanos = split_transaction_id(transaction_id)
        deadline_nanos = start_nanos + self._longest_valid_nanos + self._margin_nanos
        proofs, reasons = [], []
        for url in self._mirror.urls:
            try:
                await self._first_block.require_at(url)
                found = await self._search(url, transaction_id, deadline_nanos)
            except LedgerUnavailable as error:
                reasons.append(error.message)
                continue
            if not isinstance(found, int):
                return found
            if found > deadline_nanos:
                proofs.append(
                    f"{url} has seen the network up to {to_datetime(found)} without it, and it was valid until "
                    f"{to_datetime(start_nanos + self._longest_valid_nanos)} at the latest."
                )
            else:
                reasons.append(f"{url}, or a replica of it, has seen the network up to {format_timestamp(found)} only")
        if proofs:
            return Dead(" ".join(proofs))
        return Undecided(f"Nothing is known of it, and it may still happen: {'; '.join(reasons)}.")

    async def _search(self, url: str, transaction_id: str, deadline_nanos: int) -> Settled | Refused | int:
        """Return what a mirror node knows of a transaction, or up to when it has surely seen the network without it.

        Behind one address there may be replicas that lag differently, and each request may reach another one. So the
        node's time is asked for before and after each of several searches, and the earliest time counts: a replica
        that is behind would have to answer every search, and none of the questions for the time.
        """
        seen_nanos = await self._newest_nanos(url)
        for _ in range(_SEARCHES):
            if seen_nanos <= deadline_nanos:
                break
            outcome = _decide(await self._mirror.transactions(mirror_id(transaction_id), url))
            if outcome is not None:
                return outcome
            seen_nanos = min(seen_nanos, await self._newest_nanos(url))
        return seen_nanos

    async def _newest_nanos(self, url: str) -> int:
        """Return up to when a mirror node has seen the network."""
        block = await self._mirror.newest_block(url)
        return 0 if block is None or block.timestamp.to is None else block.timestamp.to


def original(transactions: Sequence[Transaction]) -> Transaction | None:
    """Return the one of all with the same id that was executed: no child, no duplicate, no node's failure."""
    return next(
        (
            transaction
            for transaction in transactions
            if transaction.nonce == 0 and not transaction.scheduled and transaction.result not in _NOT_THE_LAST_WORD
        ),
        None,
    )


def mirror_id(transaction_id: str) -> str:
    """Return a transaction id as mirror nodes write it, ``0.0.x-seconds-nnnnnnnnn``."""
    payer, start_nanos = split_transaction_id(transaction_id)
    return f"{payer}-{format_timestamp(start_nanos).replace('.', '-')}"


def _decide(transactions: Sequence[Transaction]) -> Settled | Refused | None:
    found = original(transactions)
    if found is None:
        return None
    if found.result == SUCCESS:
        return Settled(to_datetime(found.consensus_timestamp))
    return Refused(found.result)
