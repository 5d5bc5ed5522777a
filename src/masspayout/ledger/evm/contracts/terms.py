"""Terms of payouts whose amounts the contract computes, and their form on a distribution."""

from dataclasses import dataclass
from enum import StrEnum

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.next_steps import Action

AMOUNTS_ARE_COMPUTED = (
    "A LifeCycleCashFlow contract pays everybody's share of an amount by a snapshot, rounded down, what a token has "
    "announced, or the principal of a matured bond: no FIXED amounts, no list, nobody excluded, no largest remainder."
)


class Occasion(StrEnum):
    """The occasion of a contract-computed payout.

    SNAPSHOT is an amount that is divided by a snapshot, DISTRIBUTION a dividend or coupon that a token has announced,
    and REDEMPTION the principal of a bond that has matured.
    """

    SNAPSHOT = "snapshot"
    DISTRIBUTION = "distribution"
    REDEMPTION = "redemption"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """The terms of a call besides its recipients.

    Attributes:
        asset_id: The token that is paid on.
        number: The number of the snapshot, dividend or coupon; 0 for a redemption, of which a bond has only one.
        amount_units: The amount that is divided by a snapshot; 0 where the token knows the amounts.
    """

    occasion: Occasion
    asset_id: str
    number: int = 0
    amount_units: int = 0

    @property
    def is_redemption(self) -> bool:
        """True if bonds are burnt when they are paid."""
        return self.occasion is Occasion.REDEMPTION

    def __str__(self) -> str:
        return f"{self.occasion}:{self.asset_id}:{self.number}:{self.amount_units}"

    @classmethod
    def read(cls, text: str | None) -> "ContractTerms":
        """Return the terms from the text that ``str`` wrote.

        Raises:
            LedgerRejected: There are no terms: the amounts are explicit, and the contract would not pay these.
        """
        if text is None:
            raise LedgerRejected(
                "CONTRACT_PAYS_BY_ITS_RULE",
                AMOUNTS_ARE_COMPUTED,
                "Plan it with: ",
                Action.PLAN_BY_CONTRACT,
            )
        occasion, asset_id, number, amount_units = text.split(":")
        return cls(Occasion(occasion), asset_id, int(number), int(amount_units))
