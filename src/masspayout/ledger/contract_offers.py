"""What a contract that works out the amounts itself would pay, told by the ledger that it is on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from masspayout.kernel.types import Share


@dataclass(frozen=True, slots=True)
class ContractOffer:
    """What a contract would pay.

    Attributes:
        contract_id: It is the payer.
        token_id: What it pays in.
        decimals: Of this token.
        kind: DIVIDEND, COUPON or SNAPSHOT.
        terms: What is paid in the contract's own words, which its ledger adapter reads again.
        key: Names the obligation: the contract pays it once, whatever the amount. None for a redemption, which can be
            planned again for who is left when the last one has ended; who was paid by one is not paid by the next.
        concept: What it is for, unless a person says something else.
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
        number: By which the token knows it.
        terms: What is paid, as in ``ContractOffer``.
        key: Names the obligation, as in ``ContractOffer``.
        record_at: It goes to who holds the token then.
        execution_at: It is paid no earlier.
        cancelled: The issuer called it off.
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
    """What a ledger can do besides, if its tokens announce dividends and coupons."""

    async def announced_payouts(self, asset_id: str, contract_id: str) -> Sequence[AnnouncedPayout]:
        """Return what a token has announced, as far as a contract can pay it."""

    async def announced_offer(self, contract_id: str, kind: str, terms: str) -> ContractOffer:
        """Work out what everybody gets by the terms of something announced, or of another payout by its rule.

        Raises:
            Conflict: It was called off.
            LedgerUnavailable: By the ledger's time it is not due yet.
        """


@runtime_checkable
class PayingByContract(Protocol):
    """What a ledger can do besides, if nothing but a contract pays holders there."""

    async def require_contract(self, contract_id: str) -> None:
        """Refuse what is no contract that pays holders, whatever it holds and whoever may use it.

        Raises:
            Invalid: It is none.
        """


@runtime_checkable
class ComputingAmounts(Protocol):
    """Capability of a ledger on which the amounts of some payers are contract-computed."""

    async def require_explicit_amounts(self, payer_account_id: str) -> None:
        """Refuse a payer that takes no explicit amounts.

        Raises:
            Conflict: Its amounts are contract-computed; the next step says how to plan that.
        """
