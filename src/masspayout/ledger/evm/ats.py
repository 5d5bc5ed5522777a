"""Tokens of the Asset Tokenization Studio: their holders, by the token's own pages, now or at one of its snapshots.

Of their hundreds of functions, those that payouts need are here. Ids begin at 1, pages at 0.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_abi.exceptions import DecodingError

from masspayout.kernel.errors import Invalid, LedgerError, LedgerRejected, LedgerUnavailable
from masspayout.ledger.evm.contracts.interface import LACKS_ROLE, Interface, error, event, function
from masspayout.ledger.evm.erc20 import Erc20
from masspayout.ledger.evm.node import Block, Node, NodeError, call_parameters, from_hex, to_int
from masspayout.ledger.port import HolderBalance

_PAGE = 100

_PAGE_OF = ["uint256", "uint256"]
_SNAPSHOT_PAGE_OF = ["uint256", "uint256", "uint256"]
_AMOUNT = "(uint256,uint256,bool)"
_HELD_BACK_AT_SNAPSHOT = (
    "lockedBalanceOfAtSnapshot",
    "heldBalanceOfAtSnapshot",
    "clearedBalanceOfAtSnapshot",
    "frozenBalanceOfAtSnapshot",
)
_COUPON = "(uint256,uint256,uint256,uint256,uint256,uint256,uint8,uint8)"
INTERFACE = Interface(
    [
        function("getERC20Metadata", [], ["((string,string,string,uint8),uint8)"]),
        function("getTotalSecurityHolders", [], ["uint256"]),
        function("getSecurityHolders", _PAGE_OF, ["address[]"]),
        function("takeSnapshot", [], ["uint256"]),
        event("SnapshotTaken", operator="address indexed", snapshot_id="uint256 indexed"),
        function("totalSupplyAtSnapshot", ["uint256"], ["uint256"]),
        function("getTotalTokenHoldersAtSnapshot", ["uint256"], ["uint256"]),
        function("balancesOfAtSnapshot", _SNAPSHOT_PAGE_OF, ["(address,uint256)[]"]),
        *(function(name, ["uint256", "address"], ["uint256"]) for name in _HELD_BACK_AT_SNAPSHOT),
        function("getDividendsCount", [], ["uint256"]),
        function("getDividend", ["uint256"], ["((uint256,uint256,uint256,uint8),uint256)", "bool"]),
        function("getTotalDividendHolders", ["uint256"], ["uint256"]),
        function("getDividendHolders", _SNAPSHOT_PAGE_OF, ["address[]"]),
        function("getDividendAmountFor", ["uint256", "address"], [_AMOUNT]),
        function("getCouponCount", [], ["uint256"]),
        function("getCoupon", ["uint256"], [f"({_COUPON},uint256)", "bool"]),
        function("getTotalCouponHolders", ["uint256"], ["uint256"]),
        function("getCouponHolders", _SNAPSHOT_PAGE_OF, ["address[]"]),
        function("getCouponAmountFor", ["uint256", "address"], [_AMOUNT]),
        error(LACKS_ROLE, "address", "bytes32"),
    ]
)


class Announcement(StrEnum):
    """The payouts that such a token announces to its holders."""

    DIVIDEND = "Dividend"
    COUPON = "Coupon"


_COUNTS = {Announcement.DIVIDEND: "getDividendsCount", Announcement.COUPON: "getCouponCount"}


@dataclass(frozen=True, slots=True)
class Announced:
    """A dividend or coupon: its record date and its payment date, in seconds since 1970."""

    record_at: int
    execution_at: int
    cancelled: bool


class AtsToken:
    """One such token. Every query is of one block, so that pages fit together."""

    def __init__(self, node: Node, token_id: str) -> None:
        self._node = node
        self._token_id = token_id
        self._balances = Erc20(node)

    @classmethod
    async def recognise(cls, node: Node, token_id: str) -> "AtsToken | None":
        """Return the token if it is of this kind."""
        try:
            INTERFACE.answer("getERC20Metadata", await node.call(token_id, INTERFACE.call("getERC20Metadata")))
        except (NodeError, DecodingError):
            return None
        return cls(node, token_id)

    async def tells_of(self, block: Block) -> bool:
        """Return True if the token existed at a block, and the node keeps that old state."""
        try:
            await self._balances.total_supply_units(self._token_id, block)
        except (NodeError, Invalid):
            return False
        return True

    async def holders(self, block: Block) -> AsyncIterator[Sequence[HolderBalance]]:
        """Yield the holders of the token at a block. Locked or otherwise held balances are still the holder's.

        Raises:
            LedgerRejected: The balances do not add up to the token's supply; raised after the last page.
            LedgerUnavailable: The node does not keep this block's state.
        """
        supply_units = await self._balances.total_supply_units(self._token_id, block)
        count = await self._ask("getTotalSecurityHolders", block=block)
        for page in range(-(-count // _PAGE)):
            accounts = await self._ask("getSecurityHolders", page, _PAGE, block=block)
            units = await self._balances.holdings_units(self._token_id, accounts, block)
            supply_units -= sum(units)
            yield [HolderBalance(*each) for each in zip(accounts, units, strict=True) if each[1]]
        self._require_all(supply_units)

    async def holders_at_snapshot(self, snapshot_id: int) -> AsyncIterator[Sequence[HolderBalance]]:
        """Yield the holders of the token at one of its snapshots, if no balance was locked or otherwise held.

        Raises:
            LedgerRejected: There is no such snapshot; or, after the last page, the balances are not the supply.
        """
        supply_units = await self.supply_at_snapshot(snapshot_id)
        count = await self._ask("getTotalTokenHoldersAtSnapshot", snapshot_id)
        accounts: list[str] = []
        for page in range(-(-count // _PAGE)):
            balances = await self._ask("balancesOfAtSnapshot", snapshot_id, page, _PAGE)
            accounts += [account for account, _ in balances]
            supply_units -= sum(units for _, units in balances)
            yield [HolderBalance(account, units) for account, units in balances if units]
        if supply_units:
            supply_units -= await self._held_back_units(snapshot_id, accounts)
        self._require_all(supply_units)

    async def supply_at_snapshot(self, snapshot_id: int) -> int:
        """Return the token's supply at a snapshot.

        Raises:
            LedgerRejected: There is no such snapshot.
        """
        return int(await self._ask("totalSupplyAtSnapshot", snapshot_id))

    async def announced(self, kind: Announcement, number: int) -> Announced:
        """Return a dividend or coupon.

        Raises:
            LedgerRejected: There is no such dividend or coupon.
        """
        (terms, _), cancelled = await self._answer(f"get{kind}", number)
        return Announced(terms[0], terms[1], cancelled)

    async def count(self, kind: Announcement) -> int:
        """Return the number of dividends or coupons that it has announced; 0 if it is not of the kind that does."""
        try:
            return int(await self._ask(_COUNTS[kind]))
        except LedgerRejected:
            return 0

    async def owed(self, kind: Announcement, number: int, decimals: int) -> dict[str, tuple[int, int]]:
        """Return the shares of a dividend or coupon by account: holding and amount, in smallest units.

        Args:
            kind: Dividend or coupon.
            number: The token's number of it.
            decimals: The decimals of the payment token. Fractions of its smallest unit are not owed.
        """
        count = await self._ask(f"getTotal{kind}Holders", number)
        owed: dict[str, tuple[int, int]] = {}
        for page in range(-(-count // _PAGE)):
            accounts = await self._ask(f"get{kind}Holders", number, page, _PAGE)
            calls = [INTERFACE.call(f"get{kind}AmountFor", number, account) for account in accounts]
            answers = await self._node.requests([("eth_call", call_parameters(self._token_id, call)) for call in calls])
            for account, answer in zip(accounts, answers, strict=True):
                if isinstance(answer, NodeError):
                    raise self._refused(answer, f"get{kind}AmountFor", (number, account))
                ((numerator, denominator, _),) = INTERFACE.answer(f"get{kind}AmountFor", from_hex(answer))
                owed[account] = (0, numerator * 10**decimals // denominator)
        return owed

    async def _held_back_units(self, snapshot_id: int, accounts: Sequence[str]) -> int:
        """Return the sum of some accounts' balances that were not free at a snapshot.

        A kind of hold that the token does not have counts as 0.
        """
        calls = [
            ("eth_call", call_parameters(self._token_id, INTERFACE.call(name, snapshot_id, account)))
            for name in _HELD_BACK_AT_SNAPSHOT
            for account in accounts
        ]
        answers = await self._node.requests(calls)
        for answer in answers:
            if isinstance(answer, NodeError) and not answer.is_revert:
                raise answer
        return sum(to_int(answer) for answer in answers if not isinstance(answer, NodeError))

    async def _ask(self, name: str, *arguments: Any, block: Block = "latest") -> Any:
        (value,) = await self._answer(name, *arguments, block=block)
        return value

    async def _answer(self, name: str, *arguments: Any, block: Block = "latest") -> tuple[Any, ...]:
        try:
            answer = await self._node.call(self._token_id, INTERFACE.call(name, *arguments), block=block)
        except NodeError as refusal:
            raise self._refused(refusal, name, arguments) from None
        return INTERFACE.answer(name, answer)

    def _refused(self, refusal: NodeError, name: str, arguments: tuple[Any, ...]) -> LedgerError:
        if refusal.is_revert:
            return LedgerRejected(
                "CONTRACT_REVERTED",
                f"The token {self._token_id} does not answer {name}{arguments}.",
                "Check the number, and that the token is what it is taken for.",
            )
        return LedgerUnavailable(
            f"The node cannot tell {name} of {self._token_id}: {refusal.message}.", "It is tried again."
        )

    def _require_all(self, missing_units: int) -> None:
        if missing_units:
            raise LedgerRejected(
                "REGISTER_DISAGREES",
                f"The holders that {self._token_id} names hold {-missing_units:+,} units against its supply.",
                "Ask its issuer: a register that does not add up cannot be paid.",
            )
