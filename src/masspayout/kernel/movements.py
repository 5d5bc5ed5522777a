"""Movements of money on a ledger: payments, and the payer statement, every debit that a ledger shows of a payer.

A statement is read from the ledger alone, whoever had its debits made, so that it knows what the database forgot.
Amounts are integers in the token's smallest unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Payment(NamedTuple):
    """What one recipient is to get, or got."""

    account_id: str
    amount_units: int


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One debit of a payer: a transaction that moved a token away from it. Fees alone are no debit.

    Attributes:
        position: Its place in the ledger's own order: consensus time in nanoseconds, or the number of a block.
        transaction_id: As ``SignedTransaction`` has it where the transaction is ours, else as the ledger has it.
        token_id: Which token moved. A transaction that moved several tokens has an entry for each.
        payments: Which accounts received how much of it, each account once, without fees.
        occurred_at: When, in the ledger's time.
        mark: What the transaction says that it pays: its memo; on an EVM chain the key, 0x and 64 hexadecimal digits,
            under which our contract pays. None where it says nothing.
        number: The number of ``ledger_sequence`` that its id is made of, where the id tells it.
    """

    position: int
    transaction_id: str
    token_id: str
    payments: Sequence[Payment]
    occurred_at: datetime
    mark: str | None = None
    number: int | None = None

    @property
    def total_units(self) -> int:
        """How much left the payer by it, without fees."""
        return sum(payment.amount_units for payment in self.payments)


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A part of a payer's statement, up to 100 transactions of it.

    Attributes:
        entries: The debits, in order of their positions.
        cursor: Everything up to this position has been read, also where it was no debit.
        read_until: The ledger's time up to which everything has been read.
        received_units: What the payer received of each token in the part.
        fee_units: What the ledger charged the payer in the part, by the token that it was charged in.
    """

    entries: Sequence[StatementEntry]
    cursor: int
    read_until: datetime
    received_units: Mapping[str, int] = field(default_factory=dict)
    fee_units: Mapping[str, int] = field(default_factory=dict)
