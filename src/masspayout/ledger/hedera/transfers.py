"""Transfers of a transaction between accounts, without fees, custom fees and staking rewards."""

from collections import defaultdict
from collections.abc import Mapping

from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.hedera.mirror.responses import Transaction

# Since HIP-1259 all fees of a transaction go to this account in one line. Before, node and network shared them.
_FEE_COLLECTION_ACCOUNT = "0.0.802"
_REWARD_ACCOUNT = "0.0.800"
_NETWORK_ACCOUNTS = ("0.0.98", _REWARD_ACCOUNT, "0.0.801")


def moved_units(transaction: Transaction) -> Mapping[tuple[str, str], int]:
    """Return the amount that each account got, or lost if below 0, by (token id, account id).

    Custom fees are subtracted from their collectors, not added to their payers.
    """
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for transfer in transaction.token_transfers:
        moved[transfer.token_id, transfer.account] += transfer.amount
    for hbar in transaction.transfers:
        moved[HBAR, hbar.account] += hbar.amount
    for fee in transaction.assessed_custom_fees:
        moved[fee.token_id or HBAR, fee.collector_account_id] -= fee.amount
    for reward in transaction.staking_reward_transfers:
        moved[HBAR, reward.account] -= reward.amount
        moved[HBAR, _REWARD_ACCOUNT] += reward.amount
    _take_out_the_fee(transaction, moved)
    return {key: units for key, units in moved.items() if units}


def payer_of(transaction: Transaction) -> str:
    """Return the account that paid for a transaction."""
    return transaction.transaction_id.partition("-")[0]


def charged_tinybars(transaction: Transaction) -> int:
    """Return the network's fee for a successful transaction, as far as it was moved by this transaction itself.

    The children of a contract call show a fee, too, which the call has paid.
    """
    received: dict[str, int] = defaultdict(int)
    for hbar in transaction.transfers:
        received[hbar.account] += hbar.amount
    for reward in transaction.staking_reward_transfers:
        received[_REWARD_ACCOUNT] += reward.amount
    collected = sum(max(0, received.get(account, 0)) for account in _fee_accounts(transaction))
    return min(transaction.charged_tx_fee, collected)


def _fee_accounts(transaction: Transaction) -> list[str]:
    return [_FEE_COLLECTION_ACCOUNT, *_NETWORK_ACCOUNTS, *([transaction.node] if transaction.node else [])]


def _take_out_the_fee(transaction: Transaction, moved: dict[tuple[str, str], int]) -> None:
    """Subtract the network's fee from its collectors, which leaves the payments to them, as to any account.

    Nothing can be paid to the fee collection account: all that it got is the fee. Shares of a divided fee are not
    listed, so the smallest amounts count as shares: a payment to an account of the network is usually larger.
    """
    left = charged_tinybars(transaction)
    moved[HBAR, payer_of(transaction)] += left
    first, *others = _fee_accounts(transaction)
    for account in [first, *sorted(set(others), key=lambda one: moved.get((HBAR, one), 0))]:
        share = min(left, max(0, moved.get((HBAR, account), 0)))
        if share:
            moved[HBAR, account] -= share
            left -= share
