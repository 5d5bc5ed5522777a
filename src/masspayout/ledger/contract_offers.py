"""What a contract that works out the amounts itself would pay, told by the ledger that it is on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from masspayout.db.repositories import Share


@dataclass(frozen=True, slots=True)
class ContractOffer:
    """What a contract would pay.

    Attributes:
        contract_id: It is the payer.
        token_id: What it pays in.
        decimals: Of this token.
        kind: DIVIDEND, COUPON or SNAPSHOT.
        terms: What is paid in the contract's own words, which its ledger adapter reads again.
        key: Names the obligation: the contract pays it once, whatever the amount.
        owed: What each holder gets, rounded down as the contract does.
        promised_units: What is divided; what rounding leaves stays with the contract.
        snapshot_at: The moment that the holdings are of, if it is known.
        due_at: The contract pays no earlier; None if it pays at once.
    """

    contract_id: str
    token_id: str
    decimals: int
    kind: str
    terms: str
    key: str
    owed: Sequence[Share]
    promised_units: int
    snapshot_at: datetime | None = None
    due_at: datetime | None = None
