"""Delivery of signed transactions to nodes. No answer of a node decides the outcome of a transaction."""

from collections.abc import Sequence

from masspayout.db.session import Database
from masspayout.kernel.errors import LedgerRejected, LedgerUnavailable
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.envelopes import DecodedTransaction
from masspayout.ledger.evm.node import Node, NodeError

NONCE_TAKEN = "NONCE_TAKEN"
NO_GAS_MONEY = "INSUFFICIENT_PAYER_BALANCE"

# Nodes of different vendors word the same error differently.
_KNOWN = (
    "already known",
    "known transaction",
    "already imported",
    "already exists",
    "replacement transaction underpriced",
)
_NONCE_TOO_LOW = ("nonce too low", "nonce is too low", "wrong_nonce")
_NONCE_TOO_HIGH = ("nonce too high", "nonce is too high", "nonce gap")
_NO_FUNDS = ("insufficient funds", "insufficient balance", "insufficient_payer_balance")
_FEE_TOO_LOW = ("underpriced", "less than block base fee", "fee too low", "gas price", "gas_price")


class Delivery:
    """The delivery of transactions to the nodes of one chain."""

    def __init__(self, database: Database, node: Node) -> None:
        self._database = database
        self._node = node

    async def hand_over(self, signed: DecodedTransaction, signed_bytes: bytes, hashes: Sequence[str]) -> None:
        """Send signed bytes to a node, and raise the meaning of its answer.

        Args:
            signed: The transaction.
            signed_bytes: The bytes that are sent.
            hashes: The hashes of all its versions.

        Raises:
            LedgerRejected: The node will not take it as it is, or its nonce is used. Neither proves that it is dead.
            LedgerUnavailable: The node does not take it now.
            LedgerUncertain: No answer came.
        """
        try:
            await self._node.send(signed_bytes)
        except NodeError as error:
            words = error.message.lower()
            if _says(words, _KNOWN):
                return
            if _says(words, _NONCE_TOO_HIGH) or (_says(words, _NONCE_TOO_LOW) and "wrong" in words):
                await self._fill_gap(signed, signed_bytes)
                return
            if _says(words, _NONCE_TOO_LOW):
                await self._require_known(signed, [signed.hash, *hashes])
                return
            raise _refusal(signed, error) from None

    async def _fill_gap(self, signed: DecodedTransaction, signed_bytes: bytes) -> None:
        """Send the missing earlier nonces, in order, to a node that takes no later one; then retry."""
        next_nonce = await self._node.transaction_count(signed.sender, "latest")
        if next_nonce > signed.nonce:
            await self._require_known(signed, [signed.hash])
            return
        async with self._database.unit_of_work() as work:
            earlier = await work.evm_transactions.find_by_nonces(
                signed.chain_id, signed.sender, next_nonce, signed.nonce - 1
            )
        for sent in (*(version.signed_bytes for version in earlier), signed_bytes):
            try:
                await self._node.send(sent)
            except NodeError as error:
                if not _says(error.message.lower(), (*_KNOWN, *_NONCE_TOO_LOW)):
                    raise LedgerUnavailable(
                        f"Transaction {signed.hash} waits for nonce {next_nonce} of {signed.sender}: {error.message}.",
                        "It is sent again.",
                    ) from None

    async def _require_known(self, signed: DecodedTransaction, hashes: Sequence[str]) -> None:
        """Check that a version was sent before, rather than the nonce used by somebody else."""
        for known in hashes:
            if await self._node.request("eth_getTransactionByHash", known) is not None:
                return
        raise LedgerRejected(
            NONCE_TAKEN,
            f"Nonce {signed.nonce} of {signed.sender} was used by another transaction than {signed.hash}.",
            "It is signed anew once that one is final; use the sender's key for nothing else.",
        )


def _refusal(signed: DecodedTransaction, error: NodeError) -> LedgerRejected | LedgerUnavailable:
    words = error.message.lower()
    if _says(words, _NO_FUNDS):
        return LedgerRejected(
            NO_GAS_MONEY,
            f"The sender {signed.sender} cannot pay for the gas of {signed.hash}: {error.message}.",
            f"Send some of the chain's currency to {signed.sender}: it is sent again by itself.",
        )
    if _says(words, _FEE_TOO_LOW):
        return LedgerUnavailable(
            f"Transaction {signed.hash} offers less for gas than it costs now: {error.message}.",
            "It is sent again, and after EVM_REPLACE_SECONDS at a higher fee.",
        )
    return LedgerRejected(
        "REFUSED_BY_NODE",
        f"The node does not take transaction {signed.hash}: {error.message}.",
        "If it never will, free its nonce with: ",
        Action.FREE_NONCE.on(signed.hash),
    )


def _says(words: str, phrases: Sequence[str]) -> bool:
    return any(phrase in words for phrase in phrases)
