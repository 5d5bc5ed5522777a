"""Reconciliation: what the ledger's own books say that everybody got, against what the database says.

Every transaction that was ever signed for a distribution is looked up, also those that were given up, so that a payment
which nobody expected is found. What the ledger confirmed a moment ago may not be in its books yet: a payment that is
missing there is a break only when the books would show it by now. Batches are compared some at a time: memory does not
grow with the number of holders.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from masspayout import same_ledger
from masspayout.db.entities import Attempt, AttemptStatus, Distribution, Holder
from masspayout.db.repositories import Attempts, Distributions, Entitlements
from masspayout.db.session import Database
from masspayout.errors import Conflict
from masspayout.ledger.port import Ledger
from masspayout.money import add, to_decimal, to_units

_BATCHES_AT_ONCE = 20


class BreakKind(StrEnum):
    """In which way ledger and database disagree about one account."""

    NOT_RECEIVED = "NOT_RECEIVED"  # the database says paid, the ledger says nothing was moved
    UNRECORDED = "UNRECORDED"  # the ledger moved money that the database does not call paid
    WRONG_AMOUNT = "WRONG_AMOUNT"  # both say paid, but not the same
    NOT_OWED = "NOT_OWED"  # the ledger moved money to an account that was owed nothing
    REGISTER_CHANGED = "REGISTER_CHANGED"  # the entitlements are not those that were frozen


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement. Amounts are in whole payment tokens."""

    kind: BreakKind
    account_id: str
    database_amount: Decimal
    ledger_amount: Decimal


@dataclass(slots=True)
class Reconciliation:
    """The verdict on one distribution. Amounts are in whole payment tokens.

    ``unseen_count`` payments were confirmed by the ledger, whose books are up to ``delay_seconds`` behind it and do not
    show them yet: it is too early for a verdict.
    """

    distribution_id: uuid.UUID
    due_count: int = 0
    due_amount: Decimal = Decimal(0)
    paid_count: int = 0
    paid_amount: Decimal = Decimal(0)
    ledger_count: int = 0
    ledger_amount: Decimal = Decimal(0)
    unseen_count: int = 0
    delay_seconds: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether ledger and database say the same about everybody."""
        return not self.breaks and not self.unseen_count

    @property
    def unpaid_count(self) -> int:
        """How many are still owed something."""
        return self.due_count - self.paid_count


async def reconcile(database: Database, ledger: Ledger, distribution_id: uuid.UUID) -> Reconciliation:
    """Compare ledger and database for one distribution, account by account.

    Raises:
        NotFound: There is no such distribution.
        AnotherLedger: It began on another ledger, whose books do not know it.
        Conflict: It is not frozen, so nobody is owed anything yet.
    """
    async with database.unit_of_work() as session:
        distribution = await Distributions(session).get(distribution_id)
        if not distribution.is_frozen:
            raise Conflict(
                f"Distribution {distribution_id} is not frozen yet: nobody is owed anything.",
                "Reconcile it when it has been executed.",
            )
        await same_ledger.require_of_distribution(session, ledger, distribution)
        verdict = Reconciliation(distribution_id)
        if await Entitlements(session, distribution).register_hash() != distribution.register_hash:
            verdict.breaks.append(Break(BreakKind.REGISTER_CHANGED, "", Decimal(0), Decimal(0)))
    for first in range(1, (distribution.batch_count or 0) + 1, _BATCHES_AT_ONCE):
        async with database.unit_of_work() as session:
            attempts = Attempts(session)
            last = first + _BATCHES_AT_ONCE - 1
            holders = await attempts.find_holders(distribution_id, first, last)
            signed = await attempts.find_of_batches(distribution_id, first, last)
        now, delay_seconds = await database.clock.database_now(), await ledger.delay_seconds()
        transfers = await ledger.transferred_units([attempt.transaction_id for attempt in signed])
        moved_units: dict[str, int] = defaultdict(int)
        for (_, account_id), units in transfers.items():
            moved_units[account_id] += units
        shown = {transaction_id for transaction_id, _ in transfers}
        unseen = {
            attempt.id
            for attempt in signed
            if attempt.transaction_id not in shown and _is_recent(attempt, now - timedelta(seconds=delay_seconds))
        }
        _compare(verdict, distribution, holders, moved_units, unseen)
        if verdict.unseen_count:
            verdict.delay_seconds = max(verdict.delay_seconds, delay_seconds)
    return verdict


def _is_recent(attempt: Attempt, since: datetime) -> bool:
    """Whether the ledger confirmed an attempt after a time."""
    return attempt.status is AttemptStatus.SETTLED and attempt.settled_at is not None and attempt.settled_at > since


def _compare(
    verdict: Reconciliation,
    distribution: Distribution,
    holders: Sequence[Holder],
    moved_units: dict[str, int],
    unseen: Collection[uuid.UUID],
) -> None:
    decimals = distribution.payment_token_decimals or 0
    for holder in holders:
        due_amount = holder.payment_amount or Decimal(0)
        ledger_units = moved_units.pop(holder.account_id, 0)
        ledger_amount = to_decimal(ledger_units, decimals)
        paid_amount = due_amount if holder.paid else Decimal(0)
        verdict.due_count += 1
        verdict.due_amount = add(verdict.due_amount, due_amount)
        verdict.paid_count += bool(holder.paid)
        verdict.paid_amount = add(verdict.paid_amount, paid_amount)
        verdict.ledger_count += ledger_units > 0
        verdict.ledger_amount = add(verdict.ledger_amount, ledger_amount)
        if paid_amount and not ledger_units and holder.attempt_id in unseen:
            verdict.unseen_count += 1
        elif ledger_units != to_units(paid_amount, decimals):
            verdict.breaks.append(
                Break(_kind(paid_amount, ledger_amount), holder.account_id, paid_amount, ledger_amount)
            )
    for account_id, units in moved_units.items():
        ledger_amount = to_decimal(units, decimals)
        verdict.ledger_count += 1
        verdict.ledger_amount = add(verdict.ledger_amount, ledger_amount)
        verdict.breaks.append(Break(BreakKind.NOT_OWED, account_id, Decimal(0), ledger_amount))


def _kind(paid_amount: Decimal, ledger_amount: Decimal) -> BreakKind:
    if not ledger_amount:
        return BreakKind.NOT_RECEIVED
    return BreakKind.WRONG_AMOUNT if paid_amount else BreakKind.UNRECORDED
