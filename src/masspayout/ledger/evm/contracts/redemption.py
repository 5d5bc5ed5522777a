"""Redemption of matured bonds by a LifeCycleCashFlow contract: the queries to the bond.

The contract computes the principal in the moment in which it pays, and then has the bond burn the holder's free
balance. So the bond is asked again before anything is signed: the paid amount must be the approved one, and no bond may
be paid that would not be burnt and could be paid once more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from masspayout.kernel.errors import Conflict, Invalid
from masspayout.kernel.movements import Payment
from masspayout.kernel.next_steps import Field
from masspayout.ledger.evm.contracts.interface import LACKS_ROLE, Interface, error, function
from masspayout.ledger.evm.erc20 import Erc20
from masspayout.ledger.evm.node import Block, Node, NodeError, call_parameters, from_hex

REDEEMER_ROLE_MISSING = "REDEEMER_ROLE_MISSING"
HOLDING_CHANGED = "HOLDING_CHANGED"
HOLDING_LOCKED = "HOLDING_LOCKED"
ALREADY_REDEEMED = "ALREADY_REDEEMED"
REDEMPTION_REFUSED = "REDEMPTION_REFUSED"

_INTERFACE = Interface(
    [
        function("getPrincipalFor", ["address"], ["(uint256,uint256)"]),
        function("fullRedeemAtMaturity", ["address"], []),
        error(LACKS_ROLE, "address", "bytes32"),
    ]
)


class Bond:
    """A bond, at an address."""

    def __init__(self, node: Node, address: str) -> None:
        self._node = node
        self._address = address
        self._tokens = Erc20(node)

    async def require_principal(self, account_id: str) -> None:
        """Refuse an asset that is not a bond: it has no principal for any account.

        Raises:
            Invalid: The asset is not a bond.
        """
        try:
            await self.principals_units([account_id], 0)
        except NodeError as refusal:
            if not refusal.is_revert:
                raise
            raise Invalid(
                f"{self._address} is no bond: it does not say what its holders' principal is.",
                "Plan what it pays with ",
                Field.AMOUNT,
                ", ",
                Field.DIVIDEND,
                " or ",
                Field.COUPON,
                ".",
            ) from None

    async def require_redeemer(self, contract_id: str) -> None:
        """Refuse a contract that the bond would not let redeem anybody's bonds.

        Raises:
            Conflict: The contract lacks the role of a redeemer, or the bond is paused.
        """
        if await self._tokens.is_paused(self._address):
            raise Conflict(f"The bond {self._address} is paused.", "Have its issuer unpause it, then try again.")
        # The contract holds no bonds, so the only possible errors are those about the contract itself.
        (answer,) = await self._ask("fullRedeemAtMaturity", [contract_id], sender=contract_id)
        if isinstance(answer, NodeError) and self._lacks_role(answer):
            _, role = _INTERFACE.error_values(answer.data)
            raise Conflict(
                f"The bond {self._address} does not let the contract {contract_id} redeem it.",
                f"Have the bond's admin grant {contract_id} the role 0x{role.hex()}.",
            )

    async def principals_units(self, accounts: Sequence[str], decimals: int, block: Block = "latest") -> list[int]:
        """Return the principal of each account, rounded down as the contract does.

        Args:
            accounts: The holders.
            decimals: The decimals of the payment token.
            block: The block of the query.

        Raises:
            NodeError: The bond refused the query.
        """
        principals = []
        for answer in await self._ask("getPrincipalFor", accounts, block=block):
            if isinstance(answer, NodeError):
                raise answer
            ((numerator, denominator),) = _INTERFACE.answer("getPrincipalFor", answer)
            principals.append(numerator * 10**decimals // denominator)
        return principals

    async def failures(self, contract_id: str, payments: Sequence[Payment], decimals: int) -> Mapping[str, str]:
        """Return the failure codes of holders who would not get exactly the planned amount for all of their bonds."""
        accounts = [payment.account_id for payment in payments]
        principals = await self.principals_units(accounts, decimals)
        changed = {
            payment.account_id: HOLDING_CHANGED
            for payment, principal_units in zip(payments, principals, strict=True)
            if principal_units != payment.amount_units
        }
        return {**await self.failures_of(contract_id, accounts), **changed}

    async def failures_of(self, contract_id: str, accounts: Sequence[str]) -> Mapping[str, str]:
        """Return the failure codes of holders whose bonds the contract could not all redeem."""
        free = await self._tokens.balances_units(self._address, accounts, "latest")
        held = await self._tokens.holdings_units(self._address, accounts, "latest")
        tried = await self._ask("fullRedeemAtMaturity", accounts, sender=contract_id)
        found: dict[str, str] = {}
        for account, free_units, held_units, redeemed in zip(accounts, free, held, tried, strict=True):
            if held_units != free_units:
                found[account] = HOLDING_LOCKED
            elif isinstance(redeemed, NodeError):
                found[account] = REDEEMER_ROLE_MISSING if self._lacks_role(redeemed) else REDEMPTION_REFUSED
        return found

    async def _ask(
        self, name: str, accounts: Sequence[str], *, sender: str | None = None, block: Block = "latest"
    ) -> list[Any]:
        """Query one function for many accounts. A refusal is returned as its ``NodeError``."""
        calls = [
            ("eth_call", call_parameters(self._address, _INTERFACE.call(name, account), sender=sender, block=block))
            for account in accounts
        ]
        answers = await self._node.requests(calls)
        for answer in answers:
            if isinstance(answer, NodeError) and not answer.is_revert:
                raise answer
        return [answer if isinstance(answer, NodeError) else from_hex(answer) for answer in answers]

    @staticmethod
    def _lacks_role(refusal: NodeError) -> bool:
        return _INTERFACE.error(refusal.data) == LACKS_ROLE
