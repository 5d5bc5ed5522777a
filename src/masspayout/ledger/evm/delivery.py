"""Delivery of signed transactions to nodes. No answer of a node decides the outcome of a transaction."""

from collections.abc import Sequence

from masspayout.db.session import Database
from masspayout.kernel.errors import LedgerError, LedgerRejected, LedgerUnavailable
from masspayout.kernel.next_steps import Action
from masspayout.ledger.evm.envelopes import DecodedTransaction
from masspayout.ledger.evm.fees import Minimum
from masspayout.ledger.evm.node import Node, NodeError
from masspayout.ledger.evm.rejections import Meaning, meaning_of, minimum_in

NONCE_TAKEN = "NONCE_TAKEN"
NO_GAS_MONEY = "INSUFFICIENT_PAYER_BALANCE"


class FeeTooLow(LedgerUnavailable):
    """A node does not take a transaction for what it offers.

    Args:
        message: The sentence about the transaction.
        minimum: The least fees that the node named.
    """

    def __init__(self, message: str, minimum: Minimum) -> None:
        super().__init__(message, "It is signed anew at a higher fee, up to EVM_MAX_FEE_GWEI.")
        self.minimum = minimum


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
            FeeTooLow: The node will not take it for what it offers.
            LedgerUnavailable: The node does not take it now.
            LedgerUncertain: No answer came.
        """
        try:
            await self._node.send(signed_bytes)
        except NodeError as error:
            match meaning_of(error.message):
                case Meaning.KNOWN:
                    return
                case Meaning.NONCE_TOO_HIGH:
                    await self._fill_gap(signed, signed_bytes)
                case Meaning.NONCE_TOO_LOW:
                    await self._require_known(signed, [signed.hash, *hashes])
                case meaning:
                    raise _refusal(signed, error, meaning) from None

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
                if meaning_of(error.message) not in (Meaning.KNOWN, Meaning.NONCE_TOO_LOW):
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


def _refusal(signed: DecodedTransaction, error: NodeError, meaning: Meaning | None) -> LedgerError:
    match meaning:
        case Meaning.NO_FUNDS:
            return LedgerRejected(
                NO_GAS_MONEY,
                f"The sender {signed.sender} cannot pay for the gas of {signed.hash}: {error.message}.",
                f"Send some of the chain's currency to {signed.sender}: it is sent again by itself.",
            )
        case Meaning.FEE_TOO_LOW:
            return FeeTooLow(
                f"Transaction {signed.hash} offers less for gas than the node takes: {error.message}.",
                minimum_in(error.message),
            )
        case Meaning.POOL_FULL:
            return LedgerUnavailable(
                f"The node has no room for transaction {signed.hash} now: {error.message}.", "It is sent again."
            )
        case Meaning.TOO_MUCH_GAS:
            return LedgerRejected(
                "REFUSED_BY_NODE",
                f"The chain allows a transaction less gas than EVM_GAS_LIMIT, and {signed.hash} has {signed.gas:,}: "
                f"{error.message}.",
                "Lower EVM_GAS_LIMIT to what the chain allows, and free its nonce with: ",
                Action.FREE_NONCE.on(signed.hash),
            )
    return LedgerRejected(
        "REFUSED_BY_NODE",
        f"The node does not take transaction {signed.hash}: {error.message}.",
        "If it never will, free its nonce with: ",
        Action.FREE_NONCE.on(signed.hash),
    )
