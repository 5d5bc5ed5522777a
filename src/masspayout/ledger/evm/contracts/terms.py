"""What a payout is to a contract that works out the amounts itself, and how that is written on a distribution."""

from dataclasses import dataclass
from enum import StrEnum

from masspayout.kernel.errors import LedgerRejected
from masspayout.kernel.next_steps import Action

AMOUNTS_ARE_COMPUTED = (
    "A LifeCycleCashFlow contract pays everybody's share of an amount by a snapshot, rounded down, what a token has "
    "announced, or the principal of a matured bond: no FIXED amounts, no list, nobody excluded, no largest remainder."
)


class Occasion(StrEnum):
    """What such a contract pays for.

    SNAPSHOT is an amount that is divided by a snapshot, DISTRIBUTION what a token has announced, and REDEMPTION the
    principal of a bond that has matured.
    """

    SNAPSHOT = "snapshot"
    DISTRIBUTION = "distribution"
    REDEMPTION = "redemption"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What the contract is told besides whom to pay.

    Attributes:
        asset_id: The token that is paid on.
        number: Of the snapshot, or of the dividend or coupon; 0 for a redemption, of which a bond has only one.
        amount_units: What is divided by a snapshot; 0 where the token knows the amounts.
    """

    occasion: Occasion
    asset_id: str
    number: int = 0
    amount_units: int = 0

    @property
    def is_redemption(self) -> bool:
        """Whether bonds are burnt as they are paid for."""
        return self.occasion is Occasion.REDEMPTION

    def __str__(self) -> str:
        return f"{self.occasion}:{self.asset_id}:{self.number}:{self.amount_units}"

    @classmethod
    def read(cls, text: str | None) -> "ContractTerms":
        """Read what ``str`` wrote.

        Raises:
            LedgerRejected: There are no terms: the amounts are ours, and the contract would not pay these.
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
