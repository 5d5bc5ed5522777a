"""Movements of money on a ledger: payments, and the payer statement, every debit that a ledger shows of a payer.

A statement is read from the ledger alone, also where another program sent the payment, so it shows what the database
lost. Amounts are integers in the token's smallest unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Payment(NamedTuple):
    """One recipient with the amount to be paid, or that was paid."""

    account_id: str
    amount_units: int


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One debit of a payer: a transaction that moved a token away from it. Fees alone are no debit.

    Attributes:
        position: The place in the ledger's own order: consensus time in nanoseconds, or the number of a block.
        transaction_id: As ``SignedTransaction`` has it where the transaction is ours, else as the ledger has it.
        token_id: The token that moved. A transaction that moved several tokens has an entry for each.
        payments: The amounts by recipient, each account once, without fees.
        occurred_at: The ledger's time of the transaction.
        mark: The payment's mark: the memo; on an EVM chain the key, 0x and 64 hexadecimal digits,
            under which our contract pays. None without either.
        number: The number of ``ledger_sequence`` in the transaction id, where the id has one.
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
        """The amount that left the payer by this entry, without fees."""
        return sum(payment.amount_units for payment in self.payments)


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A part of a payer's statement, up to 100 transactions of it.

    Attributes:
        entries: The debits, in order of their positions.
        cursor: The position up to which everything has been read, debit or not.
        read_until: The ledger's time up to which everything has been read.
        received_units: The amount of each token that the payer received in this part.
        fee_units: The ledger's fees for the payer in this part, by the token of the fee.
    """

    entries: Sequence[StatementEntry]
    cursor: int
    read_until: datetime
    received_units: Mapping[str, int] = field(default_factory=dict)
    fee_units: Mapping[str, int] = field(default_factory=dict)
