"""Reconciliation of what a contract pays by its own rule: by its transactions, and by those that paid before them.

Such a contract pays a holder once for an occasion, whoever asks it to; what an earlier transaction paid counts as paid
by ours. So the ledger is asked about each transaction, and about the one that it stands back for.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from masspayout.db.entities import Attempt, AttemptStatus, Distribution, Entitlement
from masspayout.db.session import Database
from masspayout.kernel.money import to_decimal
from masspayout.ledger.port import Ledger

_BATCHES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class AccountComparison:
    """One account of a payout in the database and in the ledger's books. Amounts are in whole payment tokens.

    ``is_owed`` says that it has an entitlement; ``is_unseen``, that what it was paid may not be in the books yet.
    """

    account_id: str
    due_amount: Decimal
    paid_amount: Decimal
    ledger_amount: Decimal
    is_owed: bool = True
    is_unseen: bool = False


async def compare_accounts(
    database: Database, ledger: Ledger, distribution: Distribution, now: datetime, delay_seconds: int
) -> AsyncIterator[AccountComparison]:
    """Yield each account that is owed something by a payout, or received something for it, some batches at a time.

    Args:
        database: Where the attempts are.
        ledger: Where they were executed.
        distribution: A frozen payout that a contract works out.
        now: The database's time.
        delay_seconds: By how much the books may be behind.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    decimals = distribution.payment_token_decimals or 0
    for first in range(1, (distribution.batch_count or 0) + 1, _BATCHES_AT_ONCE):
        async with database.unit_of_work() as work:
            attempts = work.attempts
            holders = await attempts.find_holders(distribution.id, first, first + _BATCHES_AT_ONCE - 1)
            signed = await attempts.find_of_batches(distribution.id, first, first + _BATCHES_AT_ONCE - 1)
        transfers = await ledger.transferred_units([one.transaction_id for one in signed if one.transaction_id])
        units: dict[str, int] = defaultdict(int)
        for (_, account_id), moved in transfers.items():
            units[account_id] += moved
        shown = {transaction_id for transaction_id, _ in transfers}
        since = now - timedelta(seconds=delay_seconds)
        unseen = frozenset(one.id for one in signed if one.transaction_id not in shown and _settled_after(one, since))
        for holder in holders:
            yield _compare(holder, units.pop(holder.account_id, 0), decimals, unseen)
        for account_id, units_moved in units.items():
            yield AccountComparison(
                account_id, Decimal(0), Decimal(0), to_decimal(units_moved, decimals), is_owed=False
            )


def _compare(holder: Entitlement, units: int, decimals: int, unseen: frozenset[object]) -> AccountComparison:
    due_amount, ledger_amount = holder.payment_amount or Decimal(0), to_decimal(units, decimals)
    paid_amount = due_amount if holder.paid else Decimal(0)
    is_unseen = bool(paid_amount) and not ledger_amount and holder.attempt_id in unseen
    return AccountComparison(holder.account_id, due_amount, paid_amount, ledger_amount, is_unseen=is_unseen)


def _settled_after(attempt: Attempt, since: datetime) -> bool:
    return attempt.status is AttemptStatus.SETTLED and attempt.settled_at is not None and attempt.settled_at > since
