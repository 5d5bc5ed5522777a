"""Costs and durations of transfers: the network's prices in US dollars, at today's exchange rate of HBAR.

The prices are those that all networks publish and charge alike; they change by a vote of the council every few years.
"""

from masspayout.ledger.hedera.hbar import TINYBARS
from masspayout.ledger.hedera.mirror.responses import ExchangeRate, Token

# In hundred-thousandths of a US cent, so that everything stays whole: $0.0001 is 1,000.
_HBAR_TRANSFER, _TOKEN_TRANSFER, _CUSTOM_FEE_TOKEN_TRANSFER = 1_000, 10_000, 20_000
_FURTHER_ACCOUNT = 1_000
_ACCOUNTS_INCLUDED = 2
_PER_CENT = 100_000

# A second or two to consensus, and as much again until a receipt is asked for at the right moment.
_SECONDS_PER_TRANSACTION = 4


def fee_tinybars(recipient_count: int, recipients_per_transaction: int, token: Token | None, rate: ExchangeRate) -> int:
    """Return the estimated fee for paying so many recipients, rounded up. None as token means HBAR."""
    transactions = transaction_count(recipient_count, recipients_per_transaction)
    accounts = recipient_count + transactions
    price = transactions * _transfer_price(token) + (accounts - _ACCOUNTS_INCLUDED * transactions) * _FURTHER_ACCOUNT
    return -(-price * rate.hbar_equivalent * TINYBARS // (_PER_CENT * rate.cent_equivalent))


def _transfer_price(token: Token | None) -> int:
    if token is None:
        return _HBAR_TRANSFER
    has_custom_fees = token.custom_fees.fixed_fees or token.custom_fees.fractional_fees
    return _CUSTOM_FEE_TOKEN_TRANSFER if has_custom_fees else _TOKEN_TRANSFER


def transaction_count(recipient_count: int, recipients_per_transaction: int) -> int:
    """Return the number of transactions."""
    return -(-recipient_count // recipients_per_transaction)


def seconds(transactions: int, transactions_in_flight: int) -> int:
    """Return the estimated duration of one worker's job for so many transactions."""
    return -(-transactions // transactions_in_flight) * _SECONDS_PER_TRANSACTION
