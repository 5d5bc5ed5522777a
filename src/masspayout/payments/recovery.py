"""Recovery: after a restore, payments that the ledger shows are adopted, and a person explains the rest.

A debit that is exactly a planned payment is adopted by itself. A person says of any other what it was: a payout that
the database lost, a payment of another installation, or no payout at all. Where payouts need approvals, two people do.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from masspayout import audit
from masspayout.controls import policies
from masspayout.db.entities import EntryAnswer, Payer, PayerBalance, PayerEntry
from masspayout.db.repositories import Payers
from masspayout.db.session import Database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import current_actor
from masspayout.kernel.errors import Conflict, Invalid, NotFound
from masspayout.kernel.next_steps import Action, Field
from masspayout.ledger.identity import contradict
from masspayout.ledger.port import Ledger
from masspayout.payments import lost_payouts, payer_statements
from masspayout.payments.payer_gate import GateState, sync_payer
from masspayout.registers import assets, ledger_binding
from masspayout.settings import Settings

_ENTRIES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PayerReport:
    """The report of a payer.

    Attributes:
        payer: Its row.
        gate: The state of its gate; None when its ledger was not asked.
        unknown_count: The number of unexplained debits.
        unknown: The first of them.
        balances: The balances by its statement.
    """

    payer: Payer
    gate: GateState | None
    unknown_count: int
    unknown: Sequence[PayerEntry]
    balances: Sequence[PayerBalance]


@dataclass(frozen=True, slots=True)
class Secured:
    """Sessions, tokens and starts that were ended or held, since a restore revives what had ended."""

    sessions: int
    tokens: int
    series: int
    distributions: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The result of an answer.

    Attributes:
        entries: How many debits it is about: all that carry the mark of one payout are answered together.
        needs_another: Somebody else has to say the same.
        distribution_id: The closed payout that was made of them, for LOST_PAYOUT.
    """

    entries: int
    needs_another: bool = False
    distribution_id: uuid.UUID | None = None


async def list_payers(database: Database) -> Sequence[Payer]:
    """Return the payers that this database knows."""
    async with database.unit_of_work() as work:
        return await work.payers.find_known()


async def report(database: Database, payer: Payer, gate: GateState | None = None) -> PayerReport:
    """Return how a payer stands, from the database alone."""
    async with database.unit_of_work() as work:
        payers = work.payers
        return PayerReport(
            payer=await payers.get(payer.id),
            gate=gate,
            unknown_count=await payers.count_unmatched(payer.id),
            unknown=await payers.find_unmatched(payer.id, limit=_ENTRIES_SHOWN),
            balances=await work.payer_balances.find_of_payer(payer.id),
        )


async def recover(
    database: Database, ledger: Ledger, settings: Settings, account: str | None = None
) -> tuple[Secured | None, Sequence[PayerReport]]:
    """Read the statements of the payers on this ledger, adopt what can be, and secure a database that was restored.

    Args:
        database: The one that may have forgotten something.
        ledger: The one that has not.
        settings: The payer that is set is recovered too, though no payout of it is known.
        account: Only this payer.

    Raises:
        LedgerUnavailable: A statement cannot be read now; what was read is kept.
    """
    identity = await ledger.identity()
    async with database.unit_of_work() as work:
        secured = await _secure(work)
        known = await work.payers.find_known()
    accounts = [payer.account for payer in known if not contradict(payer.ledger, identity)]
    wanted = [account] if account else list(dict.fromkeys([*accounts, settings.payer_account_id]))
    reports = []
    for each in wanted:
        try:
            gate = await sync_payer(database, ledger, settings, each)
        except Invalid:
            if each in accounts or not accounts:
                raise
            continue  # the settings name an account that cannot pay here, and others have paid
        async with database.unit_of_work() as work:
            payer = await work.payers.get(gate.payer_id)
        reports.append(await report(database, payer, gate))
    return secured, reports


async def answer(
    database: Database, ledger: Ledger, settings: Settings, transaction_id: str, given: EntryAnswer, reason: str
) -> Answered:
    """Write down what a person says of a debit that nobody could explain, and of all that carry the same mark.

    Raises:
        Invalid: There is no reason.
        NotFound: The statement has no such transaction.
        Conflict: It is explained already, or may still explain itself; or the same person has said so before, and
            another one has to.
    """
    if not reason.strip():
        raise Invalid("The reason is missing.", "Add ", Field.REASON, " with what happened, and how you know.")
    async with database.unit_of_work() as work:
        entry = await _find_unexplained(work.payers, transaction_id)
        await _require_read(work.payers, entry.payer_id)
    binding = await ledger_binding.bind(ledger, settings)
    asset = token = None
    if given is EntryAnswer.LOST_PAYOUT:
        asset = await assets.import_asset(database, ledger, entry.token_id, for_lists=True)
        token = await ledger.token(entry.token_id)
    async with database.unit_of_work() as work:
        entries = await work.payers.find_unmatched_alike(entry)
        if not entries:
            raise Conflict(f"The transaction {transaction_id} is explained already.", "See: ", Action.LIST_PAYERS)
        needs_two = (await policies.in_force(work, settings)).is_guarded
        if needs_two and _is_first(entries, given, transaction_id):
            for each in entries:
                each.proposed_answer, each.reason, each.answered_by = given, reason, current_actor().person
            _record(work, entries, "payer.answer_proposed", given, reason)
            return Answered(len(entries), needs_another=True)
        for each in entries:
            each.answer, each.reason, each.answered_by = given, reason, current_actor().person
        _record(work, entries, "payer.answered", given, reason)
        made = None
        if asset is not None and token is not None:
            payer = await work.payers.get(entry.payer_id)
            made = await lost_payouts.rebuild(work, binding, token, asset, payer, entries)
    return Answered(len(entries), distribution_id=made)


async def begin_statement(database: Database, ledger: Ledger, account: str, since: datetime, reason: str) -> None:
    """Have the statement of a payer begin at a time, and not at its first transaction.

    It is for accounts with a long history of other things that are new to this database. Debits before that time are
    never read.

    Args:
        database: Which never paid anything from it.
        ledger: Where the account is.
        account: Its id.
        since: From when on its debits are read.
        reason: Why nothing before matters; it is kept in the audit trail.

    Raises:
        Invalid: There is no reason, or the time lies ahead.
        Conflict: Its statement was begun before, or the database was restored and may have paid from it before, or a
            payout from it is older and not over.
        LedgerUnavailable: The ledger cannot be read now.
    """
    if not reason.strip():
        raise Invalid("The reason is missing.", "Add ", Field.REASON, " with why nothing before that time matters.")
    if since > await database.clock.now():
        raise Invalid(
            f"The time {since:%Y-%m-%d %H:%M:%S} UTC lies ahead.", "Give one that has passed, with ", Field.SINCE, "."
        )
    identity, position = await ledger.identity(), await ledger.statement_position(since)
    async with database.unit_of_work() as work:
        payers = work.payers
        payer = await payer_statements.find_or_register(payers, identity, account)
        if await payers.may_miss_payments(account):
            raise Conflict(
                f"The database was restored, and may have forgotten payments from {account} of any time.",
                "Read its whole statement: ",
                Action.RECOVER_PAYER.on(account),
            )
        if await payers.has_unfinished_before(account, since):
            raise Conflict(
                f"A payout from {account} was frozen before {since:%Y-%m-%d %H:%M:%S} UTC and is not over.",
                "Give an earlier time with ",
                Field.SINCE,
                ".",
            )
        if not await payers.begin_at(payer.id, position):
            raise Conflict(f"The statement of {account} was begun before.", "See: ", Action.SHOW_PAYER.on(account))
        after = {"account": account, "since": since, "position": position, "reason": reason}
        audit.record(work, "payer.statement_begun", payer.id, after=after)


async def note_withdrawal(database: Database, ledger: Ledger, account: str, transaction_id: str, token_id: str) -> None:
    """Write down, before it is sent, that a debit of a payer is a withdrawal of ours and pays nobody."""
    identity = await ledger.identity()
    async with database.unit_of_work() as work:
        payers = work.payers
        payer = await payer_statements.find_or_register(payers, identity, account)
        await payers.answer_beforehand(
            payer.id, transaction_id, token_id, "A withdrawal from the contract by an operator."
        )


async def make_copy(database: Database) -> str:
    """Make this database an installation of its own: it signs for no payer that it inherited. Return its code."""
    async with database.unit_of_work() as work:
        before = (await work.payers.installation()).code
        code = await work.payers.become_another()
        audit.record(work, "installation.copied", code, before={"code": before}, after={"code": code})
    return code


async def _secure(work: UnitOfWork) -> Secured | None:
    """End all sessions and tokens and hold what is scheduled, once, when the database is not the one that it was."""
    payers = work.payers
    installation, facts = await payers.installation(), await payers.facts()
    if facts.identity in (installation.identity, installation.secured_for):
        return None
    installation.secured_for = facts.identity
    revived = work.revived_state
    held = await revived.hold_scheduled()
    secured = Secured(
        sessions=await revived.end_sessions(facts.time),
        tokens=await revived.revoke_tokens(facts.time),
        series=await revived.pause_series(),
        distributions=len(held),
    )
    after = {
        "sessions": secured.sessions,
        "tokens": secured.tokens,
        "series": secured.series,
        "held": {str(distribution_id): time for distribution_id, time in held},
    }
    audit.record(work, "installation.secured", installation.code, after=after)
    return secured


async def _find_unexplained(payers: Payers, transaction_id: str) -> PayerEntry:
    entries = await payers.find_entries(transaction_id)
    if not entries:
        raise NotFound(
            f"No statement that was read has a transaction {transaction_id!r}.",
            "Read them on with: ",
            Action.RECOVER,
        )
    for entry in entries:
        if entry.attempt_id is None and entry.answer is None:
            return entry
    raise Conflict(f"The transaction {transaction_id} is explained already.", "See: ", Action.LIST_PAYERS)


async def _require_read(payers: Payers, payer_id: uuid.UUID) -> None:
    """Refuse answers while debits of a payer may still be found to be payments of a payout."""
    payer, facts = await payers.get(payer_id), await payers.facts()
    if payer.identity != facts.identity or payer.is_being_read:
        until = "" if payer.read_required_until is None else f" until {payer.read_required_until:%Y-%m-%d %H:%M:%S} UTC"
        raise Conflict(
            f"What left {payer.account} may still explain itself: its statement is to be read{until} first.",
            "By the ledger's time; then run again: ",
            Action.RECOVER,
        )


def _is_first(entries: Sequence[PayerEntry], given: EntryAnswer, transaction_id: str) -> bool:
    """Return whether an answer is the first of the two that are needed.

    Raises:
        Conflict: The same person gave it before.
    """
    if any(entry.proposed_answer is not given for entry in entries):
        return True
    if any(entry.answered_by == current_actor().person for entry in entries):
        raise Conflict(
            f"You have said {given} of {transaction_id} before; where payouts need approvals, two people have to.",
            "Have another person say the same.",
        )
    return False


def _record(work: UnitOfWork, entries: Sequence[PayerEntry], action: str, given: EntryAnswer, reason: str) -> None:
    facts = {"answer": given, "reason": reason, "transactions": len(entries), "first": entries[0].transaction_id}
    audit.record(work, action, entries[0].payer_id, after=facts)
