"""Fees per unit of gas, within the operator's bounds."""

from dataclasses import dataclass
from decimal import Decimal

from masspayout.kernel.errors import LedgerUnavailable
from masspayout.ledger.evm.node import Node, NodeError, to_int
from masspayout.settings import Settings

_WEI_PER_GWEI = 10**9

# A node takes another version of a transaction only if it pays a tenth more; an eighth is on the safe side.
_BUMP_NUMERATOR, _BUMP_DENOMINATOR = 9, 8


@dataclass(frozen=True, slots=True)
class Fees:
    """The fees that a transaction offers for a unit of gas: the most in all, and the most for the block's producer."""

    max_fee_wei: int
    priority_fee_wei: int


class FeeMarket:
    """The fees of one chain (EIP-1559)."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node = node
        self._cap_wei = to_wei(settings.evm_max_fee_gwei)
        self._tip_wei = to_wei(settings.evm_priority_fee_gwei)

    async def current(self) -> Fees:
        """Return the fees to offer now: enough for a base fee that doubles, if the bounds allow.

        Raises:
            LedgerUnavailable: A transaction costs more than ``EVM_MAX_FEE_GWEI``.
        """
        needed_wei, base_fee_wei, tip_wei = await self._market()
        if needed_wei > self._cap_wei:
            raise LedgerUnavailable(
                f"A unit of gas costs {_gwei(needed_wei)} gwei now, more than EVM_MAX_FEE_GWEI={_gwei(self._cap_wei)}.",
                "It is tried again later; raise EVM_MAX_FEE_GWEI to pay now.",
            )
        return Fees(min(max(2 * base_fee_wei + tip_wei, needed_wei), self._cap_wei), min(tip_wei, self._cap_wei))

    async def needed_wei(self) -> int:
        """Return the least fee of a transaction for the next block."""
        return (await self._market())[0]

    async def above(self, offered: Fees) -> Fees | None:
        """Return the fees that replace an offer; None when the bounds do not allow as much."""
        _, base_fee_wei, tip_wei = await self._market()
        tip_wei = max(tip_wei, _bumped(offered.priority_fee_wei))
        fee_wei = max(2 * base_fee_wei + tip_wei, _bumped(offered.max_fee_wei))
        if _bumped(offered.max_fee_wei) > self._cap_wei:
            return None
        fee_wei = min(fee_wei, self._cap_wei)
        return Fees(fee_wei, min(tip_wei, fee_wei))

    async def _market(self) -> tuple[int, int, int]:
        """Return the least fee, the base fee, and the priority fee."""
        price, block, tip = await self._node.requests(
            [("eth_gasPrice", ()), ("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())]
        )
        if isinstance(price, NodeError):
            raise price
        base_fee_wei = 0 if isinstance(block, NodeError) or block is None else to_int(block.get("baseFeePerGas", "0x0"))
        tip_wei = min(self._tip_wei, self._tip_wei if isinstance(tip, NodeError) else to_int(tip))
        # Without a fee market, as on Hedera, there is only a gas price.
        needed_wei = base_fee_wei + tip_wei if base_fee_wei else to_int(price)
        return needed_wei, base_fee_wei or to_int(price), tip_wei


def _bumped(wei: int) -> int:
    return wei * _BUMP_NUMERATOR // _BUMP_DENOMINATOR + 1


def to_wei(gwei: float) -> int:
    """Return an amount of gwei in wei."""
    return int(Decimal(str(gwei)) * _WEI_PER_GWEI)


def _gwei(wei: int) -> str:
    return f"{(Decimal(wei) / _WEI_PER_GWEI).normalize():f}"
