"""Reconciliation of what a contract pays by its own rule: by its transactions, and by those that paid before them.

Such a contract pays a holder once for an occasion, whoever asks it to; what an earlier transaction paid counts as paid
by ours. So the ledger is asked about each transaction, and about the one that it stands back for.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from masspayout.db.entities import Attempt, AttemptStatus, Distribution, Holder
from masspayout.db.repositories import Attempts
from masspayout.db.session import Database
from masspayout.ledger.port import Ledger

_BATCHES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Moved:
    """Some batches of a payout, and what the ledger says that was moved for them.

    Attributes:
        holders: Their entitlements.
        units: What each account received, in smallest units.
        unseen: The attempts that settled within the delay of the books, and are not shown in them.
    """

    holders: Sequence[Holder]
    units: Mapping[str, int]
    unseen: frozenset[object]


async def read_moved(
    database: Database, ledger: Ledger, distribution: Distribution, now: datetime, delay_seconds: int
) -> AsyncIterator[Moved]:
    """Yield what was moved for the batches of a payout, some batches at a time.

    Args:
        database: Where the attempts are.
        ledger: Where they were executed.
        distribution: A frozen payout that a contract works out.
        now: The database's time.
        delay_seconds: By how much the books may be behind.

    Raises:
        LedgerUnavailable: The ledger cannot be read now.
    """
    for first in range(1, (distribution.batch_count or 0) + 1, _BATCHES_AT_ONCE):
        async with database.unit_of_work() as session:
            attempts = Attempts(session)
            holders = await attempts.find_holders(distribution.id, first, first + _BATCHES_AT_ONCE - 1)
            signed = await attempts.find_of_batches(distribution.id, first, first + _BATCHES_AT_ONCE - 1)
        transfers = await ledger.transferred_units([one.transaction_id for one in signed if one.transaction_id])
        units: dict[str, int] = defaultdict(int)
        for (_, account_id), moved in transfers.items():
            units[account_id] += moved
        shown = {transaction_id for transaction_id, _ in transfers}
        since = now - timedelta(seconds=delay_seconds)
        unseen = frozenset(one.id for one in signed if one.transaction_id not in shown and _settled_after(one, since))
        yield Moved(holders, units, unseen)


def _settled_after(attempt: Attempt, since: datetime) -> bool:
    return attempt.status is AttemptStatus.SETTLED and attempt.settled_at is not None and attempt.settled_at > since
