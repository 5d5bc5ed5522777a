"""Types that rooms hand to each other: amounts that are owed, tokens that are paid in, and what ledgers tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class PaymentToken:
    """What a distribution is paid in, and by whom.

    ``contract_terms`` says what is paid by a payer that works out the amounts itself, as in ``Transfer``.
    """

    token_id: str
    decimals: int
    payer_account_id: str
    contract_terms: str | None = None


class Share(NamedTuple):
    """What one account is owed, in smallest units, and the balance that this follows from."""

    account_id: str
    balance_units: int
    amount_units: int


class Due(NamedTuple):
    """What is still to be paid to how many, in whole payment tokens."""

    recipient_count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """What everybody is owed by a payout that is frozen. Amounts are in whole payment tokens.

    Attributes:
        entitlement_count: Among how many it was divided.
        payable_count: How many of them are owed more than nothing.
        batch_count: In how many batches they are paid.
        total_amount: What they are owed together.
        register_hash: The digest of who is owed what.
    """

    entitlement_count: int
    payable_count: int
    batch_count: int
    total_amount: Decimal
    register_hash: str


class Sender(NamedTuple):
    """Who sends a transaction: the payer itself, or an account that has the payer's contract pay.

    Attributes:
        account_id: Under this name ``ledger_sequence`` hands out numbers. It is unique across networks.
        number_floor: The smallest number that ``Transfer.number`` may have now.
        number_ceiling: No number as large as this one can be used now, where numbers are times.
    """

    account_id: str
    number_floor: int
    number_ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that can be sent as often as one likes and happens at most once."""

    transaction_id: str
    signed_bytes: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """Something that a contract, or the ledger on its behalf, reported.

    ``(timestamp_nanos, index)`` orders the events of one contract and is unique among them.
    """

    contract_id: str
    timestamp_nanos: int
    index: int
    name: str
    payload: Mapping[str, str | int]
