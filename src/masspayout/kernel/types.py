"""Types that rooms pass to each other: owed amounts, payment tokens, and answers of ledgers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class PaymentToken:
    """The token that a distribution is paid in, and the account that pays.

    ``contract_terms`` names the terms that a payer pays by when it computes the amounts itself, as in ``Transfer``.
    """

    token_id: str
    decimals: int
    payer_account_id: str
    contract_terms: str | None = None


class Share(NamedTuple):
    """The share of one account, in smallest units, with the balance that it follows from."""

    account_id: str
    balance_units: int
    amount_units: int


class Due(NamedTuple):
    """The sum that is still to be paid, in whole payment tokens, and the number of its recipients."""

    recipient_count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of a frozen payout. Amounts are in whole payment tokens.

    Attributes:
        entitlement_count: The number of entitlements, those of 0 included.
        payable_count: The number of entitlements above 0.
        batch_count: The number of batches.
        total_amount: The sum of all entitlements.
        register_hash: The digest of all entitlements.
    """

    entitlement_count: int
    payable_count: int
    batch_count: int
    total_amount: Decimal
    register_hash: str


class Sender(NamedTuple):
    """The sender of a transaction: the payer itself, or an account that has the payer's contract pay.

    Attributes:
        account_id: The name under which ``ledger_sequence`` hands out numbers, unique across networks.
        number_floor: The smallest number that ``Transfer.number`` may have now.
        number_ceiling: No number as large as this one can be used now, where numbers are times.
    """

    account_id: str
    number_floor: int
    number_ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that may be sent any number of times and happens at most once."""

    transaction_id: str
    signed_bytes: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """An event that a contract, or the ledger on its behalf, reported.

    ``(timestamp_nanos, index)`` orders the events of one contract and is unique among them.
    """

    contract_id: str
    timestamp_nanos: int
    index: int
    name: str
    payload: Mapping[str, str | int]
