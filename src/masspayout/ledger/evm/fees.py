"""Fees per unit of gas, within the operator's bounds."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from masspayout.kernel.errors import Conflict, LedgerUnavailable
from masspayout.ledger.evm.node import Node, NodeError, to_int
from masspayout.ledger.evm.responses import unreadable
from masspayout.settings import Settings

_WEI_PER_GWEI = 10**9

# A node takes another version of a transaction only if it pays a tenth more; an eighth is on the safe side.
_BUMP_NUMERATOR, _BUMP_DENOMINATOR = 9, 8


@dataclass(frozen=True, slots=True)
class Fees:
    """The fees that a transaction offers for a unit of gas.

    Attributes:
        max_fee_wei: The most in all.
        priority_fee_wei: The most for the block's producer.
        is_legacy: True for a single gas price, on a chain without a base fee: it is charged in full.
    """

    max_fee_wei: int
    priority_fee_wei: int
    is_legacy: bool = False


class Minimum(NamedTuple):
    """The least fees for which a node takes a transaction; 0 where it did not name any."""

    fee_wei: int = 0
    priority_fee_wei: int = 0


class _Market(NamedTuple):
    """The least fee, the base fee and the priority fee of a transaction for the next block."""

    needed_wei: int
    base_fee_wei: int
    priority_fee_wei: int
    is_legacy: bool


class FeeMarket:
    """The fees of one chain: those of EIP-1559, or a single gas price where blocks have no base fee."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node = node
        self._cap_wei = to_wei(settings.evm_max_fee_gwei)
        self._tip_wei = to_wei(settings.evm_priority_fee_gwei)
        self._minimum = Minimum()

    async def current(self) -> Fees:
        """Return the fees to offer now: enough for a base fee that doubles, if the bounds allow.

        Raises:
            LedgerUnavailable: A transaction costs more than ``EVM_MAX_FEE_GWEI``.
        """
        needed_wei, base_fee_wei, tip_wei, is_legacy = await self._market()
        if needed_wei > self._cap_wei:
            raise LedgerUnavailable(
                f"A unit of gas costs {_gwei(needed_wei)} gwei now, more than EVM_MAX_FEE_GWEI={_gwei(self._cap_wei)}.",
                "It is tried again later; raise EVM_MAX_FEE_GWEI to pay now.",
            )
        if is_legacy:
            return Fees(needed_wei, needed_wei, is_legacy=True)
        return Fees(min(max(2 * base_fee_wei + tip_wei, needed_wei), self._cap_wei), min(tip_wei, self._cap_wei))

    async def needed_wei(self) -> int:
        """Return the least fee of a transaction for the next block."""
        return (await self._market()).needed_wei

    async def above(self, offered: Fees) -> Fees | None:
        """Return the fees that replace an offer; None when the bounds do not allow as much."""
        needed_wei, base_fee_wei, tip_wei, is_legacy = await self._market()
        least_wei = max(_bumped(offered.max_fee_wei), needed_wei)
        if least_wei > self._cap_wei:
            return None
        if is_legacy:
            return Fees(least_wei, least_wei, is_legacy=True)
        tip_wei = max(tip_wei, _bumped(offered.priority_fee_wei))
        fee_wei = min(max(2 * base_fee_wei + tip_wei, least_wei), self._cap_wei)
        return Fees(fee_wei, min(tip_wei, fee_wei))

    async def is_too_low(self, offered: Fees) -> bool:
        """Return True if the next block, or a node's minimum, asks for more than an offer."""
        needed_wei, _, tip_wei, is_legacy = await self._market()
        return needed_wei > offered.max_fee_wei or (not is_legacy and tip_wei > offered.priority_fee_wei)

    async def raise_minimum(self, minimum: Minimum, refused: Fees) -> None:
        """Offer no less from now on than a node has asked for, by a number or by its suggestion.

        The suggestion counts where a node refused an offer for no other reason that is known.

        Raises:
            Conflict: The node asks for more than ``EVM_MAX_FEE_GWEI``.
        """
        if minimum == Minimum() and not await self.is_too_low(refused):
            (suggested,) = await self._node.requests([("eth_maxPriorityFeePerGas", ())])
            minimum = Minimum() if isinstance(suggested, NodeError) else Minimum(0, to_int(suggested))
        if max(minimum) > self._cap_wei:
            raise Conflict(
                f"That is more than EVM_MAX_FEE_GWEI={_gwei(self._cap_wei)}.",
                "Raise EVM_MAX_FEE_GWEI, or ask another node.",
            )
        self._minimum = Minimum(*map(max, self._minimum, minimum))

    async def _market(self) -> _Market:
        price, block, tip = await self._node.requests(
            [("eth_gasPrice", ()), ("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())]
        )
        for answer in (price, block):
            if isinstance(answer, NodeError):
                raise answer
        if not isinstance(block, dict):
            raise unreadable("the newest block")
        price_wei = max(to_int(price), self._minimum.fee_wei)
        if block.get("baseFeePerGas") is None:
            return _Market(price_wei, price_wei, price_wei, is_legacy=True)
        base_fee_wei = to_int(block["baseFeePerGas"])
        tip_wei = min(self._tip_wei, max(0, price_wei - base_fee_wei) if isinstance(tip, NodeError) else to_int(tip))
        if not base_fee_wei:  # as on Hedera and on private networks: the gas price says what it costs, even if nothing
            tip_wei = min(tip_wei, price_wei)
        tip_wei = max(tip_wei, self._minimum.priority_fee_wei)
        needed_wei = max(base_fee_wei + tip_wei, self._minimum.fee_wei) if base_fee_wei else max(price_wei, tip_wei)
        return _Market(needed_wei, base_fee_wei or price_wei, tip_wei, is_legacy=False)


def _bumped(wei: int) -> int:
    return wei * _BUMP_NUMERATOR // _BUMP_DENOMINATOR + 1


def to_wei(gwei: float) -> int:
    """Return an amount of gwei in wei."""
    return int(Decimal(str(gwei)) * _WEI_PER_GWEI)


def _gwei(wei: int) -> str:
    return f"{(Decimal(wei) / _WEI_PER_GWEI).normalize():f}"
