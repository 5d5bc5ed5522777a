"""Nonces of our senders on the chain: the transaction that used one, in a final block.

A used nonce proves nothing about our transaction: a node that is behind may not show its receipt yet, and a restored
database may not know its newest version. Only another transaction proves that ours never happens: one that is found,
that has a receipt, and whose block is the chain's own at a final height.
"""

from collections.abc import Sequence
from typing import NamedTuple

from masspayout.db.entities import EvmTransaction
from masspayout.ledger.evm.chain import BlockHeader, Chain
from masspayout.ledger.evm.envelopes import DecodedTransaction, decode_transaction, signed_form
from masspayout.ledger.evm.node import Node
from masspayout.ledger.evm.responses import Json
from masspayout.ledger.evm.transactions import Transactions


class NonceUse(NamedTuple):
    """The transaction that used a nonce.

    Attributes:
        hash: The transaction's hash.
        receipt: The transaction's receipt, of a final block.
        signed: The transaction as it was signed; None for a kind that we never sign.
    """

    hash: str
    receipt: Json
    signed: DecodedTransaction | None


class NonceUses:
    """The search for transactions that used nonces."""

    def __init__(self, node: Node, chain: Chain, transactions: Transactions) -> None:
        self._node = node
        self._chain = chain
        self._transactions = transactions

    async def find(self, version: EvmTransaction, final: BlockHeader) -> NonceUse | None:
        """Return the transaction that used the nonce of one of ours; None when the nodes do not show it.

        The nonce is used at the end of the block ``final``. Transactions that we signed are looked up by their hashes;
        others are searched for in the block in which the count of the sender's transactions passed the nonce.
        """
        for ours in await self._transactions.of_nonce(version):
            receipt = await self._final_receipt(ours.hash, final)
            if receipt is not None:
                return NonceUse(ours.hash, receipt, decode_transaction(ours.signed_bytes))
        found = await self._chain.using_transaction(
            version.sender, version.nonce, after=min(version.signed_at_block, final.number), until=final.number
        )
        if found is None:
            return None
        used_by = str(found["hash"])
        receipt = await self._final_receipt(used_by, final)
        return None if receipt is None else NonceUse(used_by, receipt, signed_form(found))

    async def is_used_by_any(self, versions: Sequence[EvmTransaction], final: BlockHeader) -> bool:
        """Return True if one of the versions of a transaction is in a final block, also without a receipt."""
        sender, nonce = versions[0].sender, versions[0].nonce
        if await self._node.transaction_count(sender, final.number) <= nonce:
            return False
        after = min(versions[0].signed_at_block, final.number)
        found = await self._chain.using_transaction(sender, nonce, after=after, until=final.number)
        return found is not None and found["hash"] in {version.hash for version in versions}

    async def _final_receipt(self, transaction_hash: str, final: BlockHeader) -> Json | None:
        receipt = await self._node.receipt(transaction_hash)
        if receipt is None or await self._chain.final_block_of(receipt, final) is None:
            return None
        return receipt
