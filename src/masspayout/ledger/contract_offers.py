"""Offers of contracts that compute the amounts themselves, as their ledger reports them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from masspayout.kernel.types import Share


@dataclass(frozen=True, slots=True)
class ContractOffer:
    """The amounts that a contract would pay.

    Attributes:
        contract_id: The contract, which is the payer.
        token_id: The payment token.
        decimals: The decimals of the payment token.
        kind: DIVIDEND, COUPON or SNAPSHOT.
        terms: The terms in the contract's own words, which its ledger adapter reads again.
        key: The name of the obligation, which the contract pays once, for any amount. None for a redemption, which can
            be planned again for the remaining holders when the last one has ended; nobody is paid by two of them.
        concept: The purpose, unless a person gives another one.
        owed: The shares of the holders, rounded down as the contract does.
        promised_units: The amount that is divided; the remainder of rounding stays with the contract.
        snapshot_at: The time of the holdings, if it is known.
        due_at: The time before which the contract does not pay; None if it pays at once.
    """

    contract_id: str
    token_id: str
    decimals: int
    kind: str
    terms: str
    key: str | None
    owed: Sequence[Share]
    promised_units: int
    concept: str | None = None
    snapshot_at: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AnnouncedPayout:
    """A dividend or coupon that a token announced.

    Attributes:
        kind: DIVIDEND or COUPON.
        number: The token's own number of it.
        terms: The terms, as in ``ContractOffer``.
        key: The name of the obligation, as in ``ContractOffer``.
        record_at: The record date: the holders at that time are paid.
        execution_at: The time before which nobody is paid.
        cancelled: True if the issuer cancelled it.
    """

    kind: str
    number: int
    terms: str
    key: str
    record_at: datetime
    execution_at: datetime
    cancelled: bool


@runtime_checkable
class Announcing(Protocol):
    """Capability of a ledger whose tokens announce dividends and coupons."""

    async def announced_payouts(self, asset_id: str, contract_id: str) -> Sequence[AnnouncedPayout]:
        """Return the payouts that a token has announced, as far as a contract can pay them."""

    async def announced_offer(self, contract_id: str, kind: str, terms: str) -> ContractOffer:
        """Return the shares of an announced payout, or of another contract-computed one, by its terms.

        Raises:
            Conflict: The payout was cancelled.
            LedgerUnavailable: The payout is not due yet, by the ledger's time.
        """


@runtime_checkable
class PayingByContract(Protocol):
    """Capability of a ledger on which only contracts pay holders."""

    async def require_contract(self, contract_id: str) -> None:
        """Refuse an id that is not of a paying contract. Its funds and permissions are not checked.

        Raises:
            Invalid: There is no paying contract of this id.
        """


@runtime_checkable
class ComputingAmounts(Protocol):
    """Capability of a ledger on which the amounts of some payers are contract-computed."""

    async def require_explicit_amounts(self, payer_account_id: str) -> None:
        """Refuse a payer that takes no explicit amounts.

        Raises:
            Conflict: Its amounts are contract-computed; the next step is how to plan that.
        """
