"""What transactions cost: a price list in thousandths of a US cent, and an exchange rate."""

from hedera_network.ledger import Ledger
from hedera_network.transactions import CryptoTransfer

# The network's exchange rate: so many hbars are worth so many cents. 1 hbar costs 12 cents here.
HBAR_EQUIVALENT, CENT_EQUIVALENT = 30_000, 360_000

_TINYBARS_PER_HBAR = 100_000_000

# In thousandths of a cent: $0.0001 is 10.
_HBAR_TRANSFER = 10
_TOKEN_TRANSFER = 100
_CUSTOM_FEE_TOKEN_TRANSFER = 200
_EACH_FURTHER_ACCOUNT = 10
_AUTOMATIC_ASSOCIATION = 5_000
_ACCOUNTS_INCLUDED = 2

NODE_SHARE_DIVISOR = 10
NETWORK_ACCOUNT = 98
# All fees go here in one line since HIP-1259; before, they were shared by the node and the network's accounts.
FEE_COLLECTION_ACCOUNT = 802


def tinybars(millicents: int) -> int:
    """Convert a price, rounding up: the network never charges less."""
    return -(-millicents * HBAR_EQUIVALENT * _TINYBARS_PER_HBAR // (CENT_EQUIVALENT * 1000))


def fee_of(transfer: CryptoTransfer, ledger: Ledger, *, automatic_associations: int = 0) -> int:
    """Return what a transfer costs its payer, in tinybars."""
    price = _HBAR_TRANSFER
    for number, _, _ in transfer.tokens:
        token = ledger.token(number)
        custom = token is not None and (token.fixed_fees or token.fractional_fees)
        price = max(price, _CUSTOM_FEE_TOKEN_TRANSFER if custom else _TOKEN_TRANSFER)
    price += _EACH_FURTHER_ACCOUNT * max(0, transfer.account_count - _ACCOUNTS_INCLUDED)
    return tinybars(price + _AUTOMATIC_ASSOCIATION * automatic_associations)
