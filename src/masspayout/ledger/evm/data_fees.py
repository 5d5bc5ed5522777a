"""The fee that rollups of the OP stack charge beside gas: for a transaction's data on the chain that they settle on."""

from collections.abc import Callable, Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from masspayout.ledger.evm.node import Node, NodeError, call_parameters, from_hex

# The oracle that the protocol itself puts on each of these chains; elsewhere there is no contract at this address.
ORACLE = "0x420000000000000000000000000000000000000f"

_GET_L1_FEE = keccak(text="getL1Fee(bytes)")[:4]
_WORD_BYTES = 32

# A transaction's bytes besides the call: numbers, addresses, fees and the signature.
_ENVELOPE_BYTES = 180


class DataFees:
    """The data fees of one chain; 0 where none are charged."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._are_charged = True

    async def of(self, calls: Sequence[bytes]) -> list[int]:
        """Return the fee of a transaction with each of some calls, in wei."""
        if not self._are_charged:
            return [0] * len(calls)
        answers = await self._node.requests(
            [
                ("eth_call", call_parameters(ORACLE, _GET_L1_FEE + encode(["bytes"], [call + _noise(_ENVELOPE_BYTES)])))
                for call in calls
            ]
        )
        fees = [None if isinstance(answer, NodeError) else from_hex(answer) for answer in answers]
        self._are_charged = any(fee is None or len(fee) == _WORD_BYTES for fee in fees)
        return [int.from_bytes(fee) if fee and len(fee) == _WORD_BYTES else 0 for fee in fees]

    async def estimate(self, most_recipients: int) -> Callable[[int, int], int]:
        """Return the function for the fees of some transactions to some recipients in all, in wei."""
        small, large = await self.of([_typical_call(1), _typical_call(most_recipients)])
        others = max(1, most_recipients - 1)

        def fees_of(transaction_count: int, recipient_count: int) -> int:
            return transaction_count * small + (recipient_count - transaction_count) * (large - small) // others

        return fees_of


def _typical_call(recipient_count: int) -> bytes:
    """Return bytes that compress as badly as a call that pays so many: an address and an amount each."""
    return b"".join(
        bytes(12) + _noise(20, number) + bytes(23) + _noise(9, -1 - number) for number in range(recipient_count)
    )


def _noise(length: int, seed: int = 0) -> bytes:
    blocks = range(-(-length // _WORD_BYTES))
    return b"".join(keccak(text=f"{seed} {block}") for block in blocks)[:length]
