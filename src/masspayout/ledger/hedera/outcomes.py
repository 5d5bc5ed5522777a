"""Outcomes of transactions, from the receipts of nodes and the records of mirror nodes.

A holder who is declared unpaid is paid again, so unpaid takes positive evidence:

- *Settled*: a node's receipt is SUCCESS, or a mirror node shows the record.
- *Refused*: a mirror node shows the record, with a result that uses the id up. A node's receipt alone refuses nothing:
  nodes have answered FAIL_INVALID where the network's record shows a success.
- *Dead*: every mirror node that answers has seen this very network pass the transaction's end by a margin, and after
  that listed all transactions of the payer within its validity, without it. An unknown id is no evidence: wrong
  routes and gateways answer the same, and so do mirror nodes that have not seen it yet.
- *Undecided*: everything else. It costs another poll.
"""

import asyncio
from collections.abc import Sequence

from masspayout.kernel.errors import Invalid, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.responses import Transaction
from masspayout.ledger.hedera.mirror.transport import MirrorUnreadable
from masspayout.ledger.hedera.nodes import IN_PROCESS, ConsensusNodes
from masspayout.ledger.hedera.timestamps import format_timestamp
from masspayout.ledger.port import Dead, Outcome, Refused, Settled, Undecided
from masspayout.ledger.transaction_ids import split_transaction_id
from masspayout.settings import Settings

SUCCESS = "SUCCESS"

_DUPLICATE, _EXPIRED = "DUPLICATE_TRANSACTION", "TRANSACTION_EXPIRED"

# These do not use up the id: another node may still bring the same transaction to a good end.
_NOT_THE_LAST_WORD = {
    "BUSY",
    _DUPLICATE,
    "INVALID_NODE_ACCOUNT",
    "INVALID_PAYER_SIGNATURE",
    "PLATFORM_NOT_ACTIVE",
    "PLATFORM_TRANSACTION_NOT_CREATED",
    "RECEIPT_NOT_FOUND",
    _EXPIRED,
    "UNKNOWN",
}
_NODES_ASKED = 3
# A replica that lags would have to answer all of these searches, and none of the requests for the time between them.
_SEARCHES = 5
_PAUSE_SECONDS = 0.5


class OutcomeFinder:
    """The search for outcomes of transactions."""

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
        """Return the outcome, from the nodes, which know first and soon forget, or mirror nodes, which never forget.

        Raises:
            Invalid: The text is not a transaction id.
            LedgerUnavailable: Neither nodes nor mirror nodes answer.
        """
        split_transaction_id(transaction_id)
        result = await self._receipt(transaction_id)
        if result == SUCCESS:
            return Settled(None)
        if result == IN_PROCESS:
            return Undecided("The network has taken it, and not come to a result yet.")
        # Any other receipt is one node's word, and decides nothing: the record does, as soon as a mirror node has it.
        return await self._record(transaction_id) or await self._prove_death(transaction_id)

    async def _record(self, transaction_id: str) -> Settled | Refused | None:
        """Return the outcome by the record of an id; None proves nothing."""
        try:
            return _decide(await self._mirror.transactions(mirror_id(transaction_id)))
        except (Invalid, MirrorUnreadable):
            return None

    async def _receipt(self, transaction_id: str) -> str | None:
        """Return the status of a receipt. While consensus is under way, for some seconds, nodes are polled."""
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
        """Search for the proof that a transaction never happened and never can.

        A mirror node that shows the transaction ends the search. One that answers without the proof keeps the outcome
        undecided; one that cannot be reached does not count.
        """
        proofs: list[str] = []
        doubts: list[str] = []
        unreachable: list[str] = []
        for url in self._mirror.urls:
            try:
                await self._first_block.require_at(url)
                found = await self._search(url, transaction_id)
            except (Invalid, MirrorUnreadable) as error:
                doubts.append(error.message)
                continue
            except LedgerUnavailable as error:
                unreachable.append(error.message)
                continue
            if isinstance(found, Dead):
                proofs.append(found.proof)
            elif isinstance(found, Undecided):
                doubts.append(found.reason)
            else:
                return found
        if proofs and not doubts:
            return Dead(" ".join(proofs))
        return Undecided(f"Nothing is known of it, and it may still happen: {'; '.join(doubts + unreachable)}.")

    async def _search(self, url: str, transaction_id: str) -> Outcome:
        """Return the outcome as far as one mirror node proves it.

        Dead takes two facts: the newest block ends after the transaction can no longer be executed, and all pages of
        the payer's transactions within its validity, read after that, are without it.

        Behind one address there may be replicas that lag differently, and each request may reach another one. So the
        node's time is read before and after each of several searches, and the earliest time counts: a replica that is
        behind would have to answer every search, and none of the requests for the time.
        """
        payer, start_nanos = split_transaction_id(transaction_id)
        end_nanos = start_nanos + self._longest_valid_nanos
        seen_nanos = await self._newest_nanos(url)
        for _ in range(_SEARCHES):
            if seen_nanos <= end_nanos + self._margin_nanos:
                break
            rows = [
                row
                async for page in self._mirror.transaction_pages(
                    payer, after_nanos=start_nanos - 1, until_nanos=end_nanos, url=url
                )
                for row in page.transactions
                if row.transaction_id == mirror_id(transaction_id)
            ]
            outcome = _decide(rows)
            if outcome is not None:
                return outcome
            if _has_hidden_original(rows):
                return Undecided(f"{url} shows a duplicate of it, and not the original")
            seen_nanos = min(seen_nanos, await self._newest_nanos(url))
        if seen_nanos <= end_nanos + self._margin_nanos:
            seen = format_timestamp(seen_nanos)
            return Undecided(f"{url}, or a replica of it, has seen the network up to {seen} only")
        return Dead(
            f"{url} has seen the network up to {to_datetime(seen_nanos)}, and lists all that {payer} had executed "
            f"without it; it was valid until {to_datetime(end_nanos)} at the latest."
        )

    async def _newest_nanos(self, url: str) -> int:
        """Return the time up to which a mirror node has seen the network."""
        block = await self._mirror.newest_block(url)
        return 0 if block is None or block.timestamp.to is None else block.timestamp.to


def original(transactions: Sequence[Transaction]) -> Transaction | None:
    """Return the executed transaction among all of one id: no child, no duplicate, no node's failure."""
    return next(
        (
            transaction
            for transaction in transactions
            if transaction.nonce == 0 and not transaction.scheduled and transaction.result not in _NOT_THE_LAST_WORD
        ),
        None,
    )


def mirror_id(transaction_id: str) -> str:
    """Return a transaction id in the form of mirror nodes, ``0.0.x-seconds-nnnnnnnnn``."""
    payer, start_nanos = split_transaction_id(transaction_id)
    return f"{payer}-{format_timestamp(start_nanos).replace('.', '-')}"


def _has_hidden_original(rows: Sequence[Transaction]) -> bool:
    """Return True if rows of one id prove another: the original of a duplicate was executed, or has expired."""
    results = {row.result for row in rows}
    return _DUPLICATE in results and _EXPIRED not in results


def _decide(transactions: Sequence[Transaction]) -> Settled | Refused | None:
    found = original(transactions)
    if found is None:
        return None
    if found.result == SUCCESS:
        return Settled(to_datetime(found.consensus_timestamp))
    return Refused(found.result)
