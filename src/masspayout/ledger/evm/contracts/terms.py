"""What a payout is to a contract that works out the amounts itself, and how that is written on a distribution."""

from dataclasses import dataclass
from enum import StrEnum

from masspayout.errors import LedgerRejected

PAYS_BY_ITS_RULE = (
    "A LifeCycleCashFlow contract pays everybody's share of an amount by a snapshot, rounded down, or what a token has "
    "announced: no FIXED amounts, no list, nobody excluded, no largest remainder."
)


class Occasion(StrEnum):
    """What such a contract pays for: an amount that is divided by a snapshot, or what a token has announced."""

    SNAPSHOT = "snapshot"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What the contract is told besides whom to pay.

    Attributes:
        asset_id: The token that is paid on.
        number: Of the snapshot, or of the dividend or coupon.
        amount_units: What is divided by a snapshot; 0 for a distribution, whose amounts the token knows.
    """

    occasion: Occasion
    asset_id: str
    number: int
    amount_units: int = 0

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
                PAYS_BY_ITS_RULE,
                "Plan it with: masspayout evm plan",
            )
        occasion, asset_id, number, amount_units = text.split(":")
        return cls(Occasion(occasion), asset_id, int(number), int(amount_units))
