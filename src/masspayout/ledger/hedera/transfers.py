"""What a transaction moved between accounts, without what came along: fees, custom fees, staking rewards."""

from collections import defaultdict
from collections.abc import Mapping

from masspayout.ledger.hedera.hbar import HBAR
from masspayout.ledger.hedera.mirror.answers import Transaction

# These get the network's fees; 0.0.3 and on are nodes, of which one is named by the transaction.
_FEE_ACCOUNTS = ("0.0.98", "0.0.800", "0.0.801", "0.0.802")


def moved_units(transaction: Transaction) -> Mapping[tuple[str, str], int]:
    """Return what each account got, or lost if below 0, by (token id, account id)."""
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for transfer in transaction.token_transfers:
        moved[transfer.token_id, transfer.account] += transfer.amount
    payer = transaction.transaction_id.partition("-")[0]
    for hbar in transaction.transfers:
        if hbar.account not in _FEE_ACCOUNTS and hbar.account != transaction.node:
            moved[HBAR, hbar.account] += hbar.amount
    moved[HBAR, payer] += transaction.charged_tx_fee
    for reward in transaction.staking_reward_transfers:
        moved[HBAR, reward.account] -= reward.amount
    for fee in transaction.assessed_custom_fees:
        moved[fee.token_id or HBAR, fee.collector_account_id] -= fee.amount
    return {key: units for key, units in moved.items() if units}
