"""Reconciliation: the payer's statement, read from the ledger, against the entitlements in the database.

Account by account, what the transactions of a distribution moved must be what was owed and paid. Debits of the payer
that nobody can explain are breaks, with our mark or without. Where the ledger tells it, the statement must add up to
what the payer holds. Payments confirmed a moment ago may not be in its books yet: a payment that is missing
there is a break only when the books would show it by now. The comparison is SQL: memory does not grow with holders.
"""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from masspayout.db.entities import Distribution, Payer
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.errors import Conflict
from masspayout.kernel.money import add, to_decimal
from masspayout.ledger.port import Ledger
from masspayout.payments import contract_reconciliation, payer_statements
from masspayout.registers import ledger_binding

_BREAKS_NAMED = 10_000


class BreakKind(StrEnum):
    """In which way ledger and database disagree about one account."""

    NOT_RECEIVED = "NOT_RECEIVED"  # the database says paid, the ledger says nothing was moved
    UNRECORDED = "UNRECORDED"  # the ledger moved money that the database does not call paid
    WRONG_AMOUNT = "WRONG_AMOUNT"  # both say paid, but not the same
    NOT_OWED = "NOT_OWED"  # the ledger moved money to an account that was owed nothing
    REGISTER_CHANGED = "REGISTER_CHANGED"  # the entitlements are not those that were frozen
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"  # the payer paid the account, and no attempt of ours did that
    BALANCE = "BALANCE"  # the payer holds something else than its statement comes to


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement. Amounts are in whole payment tokens; of a BALANCE they are what the payer holds."""

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
        """Return whether ledger and database agree on all accounts."""
        return not self.breaks and not self.unseen_count

    @property
    def unpaid_count(self) -> int:
        """The number of unpaid holders."""
        return self.due_count - self.paid_count


async def reconcile(database: Database, ledger: Ledger, distribution_id: uuid.UUID) -> Reconciliation:
    """Compare ledger and database for one distribution, account by account. The statement is read on first.

    The first 10,000 breaks are named.

    Raises:
        NotFound: There is no such distribution.
        AnotherLedger: It began on another ledger, whose books do not know it.
        Conflict: It is not frozen, so nobody is owed anything yet.
        LedgerUnavailable: The ledger cannot be read now.
    """
    async with database.unit_of_work() as work:
        distribution = await work.distributions.get(distribution_id)
    if not distribution.is_frozen:
        raise Conflict(
            f"Payout {distribution_id} is not frozen yet: its amounts are not known.",
            "Reconcile it when it has been executed.",
        )
    await ledger_binding.require_bound_ledger(database, ledger, distribution)
    payer = await _read_statement(database, ledger, distribution)
    delay_seconds = await ledger.delay_seconds()
    verdict = Reconciliation(distribution_id)
    async with database.unit_of_work() as work:
        if await work.entitlements(distribution).register_hash() != distribution.register_hash:
            verdict.breaks.append(Break(BreakKind.REGISTER_CHANGED, "", Decimal(0), Decimal(0)))
    if distribution.contract_terms is not None:
        await _compare_by_transactions(database, ledger, verdict, distribution, delay_seconds)
        return verdict
    async with database.unit_of_work() as work:
        await _compare(work, verdict, distribution, payer, delay_seconds)
    await _check_balance(database, ledger, verdict, distribution, payer)
    return verdict


async def _read_statement(database: Database, ledger: Ledger, distribution: Distribution) -> Payer:
    """Read the payer's statement on, and what is known of the distribution in it once more: as the ledger says now."""
    identity, account = await ledger.identity(), str(distribution.payer_account_id)
    async with database.unit_of_work() as work:
        payer = await payer_statements.find_or_register(work.payers, identity, account)
        window = await work.reconciliation(distribution).window(payer)
    if window is not None:
        await payer_statements.read_again(database, ledger, payer, *window)
    await payer_statements.read_on(database, ledger, payer)
    return payer


async def _compare(
    work: UnitOfWork, verdict: Reconciliation, distribution: Distribution, payer: Payer, delay_seconds: int
) -> None:
    await work.payers.match(payer.id)
    comparison = work.reconciliation(distribution)
    decimals = distribution.payment_token_decimals or 0
    totals = await comparison.totals(delay_seconds)
    verdict.due_count, verdict.due_amount = totals.due_count, to_decimal(int(totals.due_units), decimals)
    verdict.paid_count, verdict.paid_amount = totals.paid_count, to_decimal(int(totals.paid_units), decimals)
    verdict.ledger_count, verdict.ledger_amount = totals.ledger_count, to_decimal(int(totals.ledger_units), decimals)
    verdict.unseen_count = totals.unseen_count
    verdict.delay_seconds = delay_seconds if totals.unseen_count else 0
    if totals.difference_count:
        for each in await comparison.differences(delay_seconds, _BREAKS_NAMED):
            amounts = [to_decimal(int(units), decimals) for units in (each.paid_units, each.ledger_units)]
            verdict.breaks.append(Break(_kind(*amounts, is_owed=each.is_owed), each.account_id, *amounts))
    for unknown in await comparison.unknown_payments(payer.id, _BREAKS_NAMED):
        amount = to_decimal(int(unknown.units), decimals)
        verdict.breaks.append(Break(BreakKind.UNKNOWN_PAYMENT, unknown.account_id, Decimal(0), amount))


async def _compare_by_transactions(
    database: Database, ledger: Ledger, verdict: Reconciliation, distribution: Distribution, delay_seconds: int
) -> None:
    """Compare a payout that a contract works out with what its transactions, and those before them, moved."""
    now = await database.clock.database_now()
    async for each in contract_reconciliation.compare_accounts(database, ledger, distribution, now, delay_seconds):
        verdict.due_count += each.is_owed
        verdict.due_amount = add(verdict.due_amount, each.due_amount)
        verdict.paid_count += each.paid_amount > 0
        verdict.paid_amount = add(verdict.paid_amount, each.paid_amount)
        verdict.ledger_count += each.ledger_amount > 0
        verdict.ledger_amount = add(verdict.ledger_amount, each.ledger_amount)
        if each.is_unseen:
            verdict.unseen_count, verdict.delay_seconds = verdict.unseen_count + 1, delay_seconds
        elif each.ledger_amount != each.paid_amount:
            amounts = (each.paid_amount, each.ledger_amount)
            verdict.breaks.append(Break(_kind(*amounts, is_owed=each.is_owed), each.account_id, *amounts))


async def _check_balance(
    database: Database, ledger: Ledger, verdict: Reconciliation, distribution: Distribution, payer: Payer
) -> None:
    """Compare what the payer held at the statement's end with what the statement comes to, where both are known."""
    token_id, decimals = str(distribution.payment_token_id), distribution.payment_token_decimals or 0
    if payer.cursor is None:
        return
    await payer_statements.learn_opening(database, ledger, payer, token_id)
    held_units = await ledger.held_units_at(payer.account, token_id, payer.cursor)
    async with database.unit_of_work() as work:
        stated_units = await work.payer_balances.stated_units(payer.id, token_id, payer.cursor)
    if held_units is None or stated_units is None or held_units == stated_units:
        return
    amounts = [to_decimal(units, decimals) for units in (stated_units, held_units)]
    verdict.breaks.append(Break(BreakKind.BALANCE, payer.account, *amounts))


def _kind(paid_amount: Decimal, ledger_amount: Decimal, *, is_owed: bool) -> BreakKind:
    if not is_owed:
        return BreakKind.NOT_OWED
    if not ledger_amount:
        return BreakKind.NOT_RECEIVED
    return BreakKind.WRONG_AMOUNT if paid_amount else BreakKind.UNRECORDED
