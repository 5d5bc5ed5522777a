"""Sentences for entries of the audit trail: who did what to which payout, and how much it is.

The chain holds for the entry alone. A sentence names its subject as it is called now, and may be worded anew.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from masspayout.db.entities import AuditEntry
from masspayout.db.repositories.audit_entries import Subject
from masspayout.db.unit_of_work import UnitOfWork

_CENTS = 2


@dataclass(frozen=True, slots=True)
class _Act:
    """An entry with its subject, as sentences name them."""

    entry: AuditEntry
    subject: Subject | None

    def before(self, name: str) -> Any:
        return (self.entry.before or {}).get(name)

    def after(self, name: str) -> Any:
        return (self.entry.after or {}).get(name)

    @property
    def who(self) -> str:
        return "A worker" if self.entry.actor_kind == "SYSTEM" else self.entry.actor_name

    @property
    def what(self) -> str:
        """The name of the subject: as it is called now, else as the entry has it, else its id."""
        if self.subject is not None:
            return self.subject.name
        names = ("name", "concept", "url", "contract_id", "account")
        found = (self.after(name) or self.before(name) for name in names)
        return next((str(name) for name in found if name), f"{self.entry.subject_type} {self.entry.subject_id}")

    @property
    def amount(self) -> str:
        """The whole amount of a payout with a comma before it; nothing while it is not known."""
        amount = self.after("total_amount") or (self.subject.amount if self.subject else None)
        symbol = (self.subject.symbol if self.subject else None) or ""
        return "" if amount is None else f", {_money(amount)} {symbol}".rstrip()

    @property
    def changes(self) -> str:
        names = [name.removesuffix("_id").replace("_", " ") for name in self.entry.after or {}]
        return f"the {' and the '.join(names)}" if names else "nothing"

    @property
    def reason(self) -> str:
        reason = str(self.after("reason") or "").strip().rstrip(".")
        return f": {reason}" if reason else ""

    def count(self, name: str, noun: str) -> str:
        number = self.after(name)
        number = number if isinstance(number, int) else 0
        return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _finished(act: _Act) -> str:
    if act.after("status") == "COMPLETED":
        return f"All holders of {act.what} were paid{act.amount}."
    return f"{act.what} ended with unpaid holders."


def _user_changed(act: _Act) -> str:
    if "disabled" in (act.entry.after or {}):
        return f"{act.who} {'deactivated' if act.after('disabled') else 'activated'} the user {act.what}."
    if "role" in (act.entry.after or {}):
        return f"{act.who} made the user {act.what} {act.after('role')} instead of {act.before('role')}."
    return f"{act.who} changed {act.changes} of the user {act.what}."


def _switched(noun: str) -> Callable[[_Act], str]:
    return lambda act: f"{act.who} switched the {noun} {act.what} {'on' if act.after('enabled') else 'off'}."


def _synced(act: _Act) -> str:
    changes = f"{act.count('added', 'holder')} added, {act.after('changed')} changed, {act.after('removed')} removed"
    return f"{act.who} had the register of {act.what} read: {changes}."


def _subject_of_proposal(act: _Act) -> str:
    return f"the {act.after('kind')} of {act.after('subject')}"


# Each action that the software records has its sentence here; a test of the house compares.
SENTENCES: Mapping[str, Callable[[_Act], str]] = {
    "asset.imported": lambda act: f"{act.who} imported {act.what}.",
    "asset.changed": lambda act: f"{act.who} changed {act.changes} of {act.what}.",
    "asset.synced": _synced,
    "distribution.created": lambda act: f"{act.who} planned {act.what}{act.amount}.",
    "distribution.changed": lambda act: f"{act.who} changed {act.changes} of {act.what}.",
    "distribution.frozen": lambda act: (
        f"{act.who} locked the amounts of {act.what} for {act.count('entitlement_count', 'holder')}{act.amount}."
    ),
    "distribution.hash_fixed": lambda act: f"{act.who} fixed the register hash of {act.what}{act.reason}.",
    "distribution.approved": lambda act: f"{act.who} approved {act.what}{act.amount}.",
    "distribution.executed": lambda act: f"{act.who} started {act.what}{act.amount}.",
    "distribution.retried": lambda act: f"{act.who} started {act.what} again for its unpaid holders.",
    "distribution.payments_adopted": lambda act: (
        f"{act.who} wrote down {act.count('transactions', 'payment')} of {act.what} that only the ledger showed."
    ),
    "distribution.stopped": lambda act: f"{act.who} stopped {act.what}: {act.after('failure_code')}.",
    "distribution.finished": _finished,
    "distribution.not_started": lambda act: f"{act.what} was due and did not start: {act.after('failure_code')}.",
    "distribution.reopened": lambda act: f"{act.who} had {act.what} wait for its start again.",
    "distribution.cancelled": lambda act: f"{act.who} cancelled {act.what}{act.amount}.",
    "distribution.approval_withdrawn": lambda act: f"{act.who} withdrew the approval of {act.what}{act.amount}.",
    "distribution.sent_back": lambda act: f"{act.who} sent {act.what} back{act.reason}.",
    "distribution.resubmitted": lambda act: f"{act.who} asked again for approval of {act.what}{act.amount}.",
    "distribution.paused": lambda act: f"{act.who} paused {act.what}{act.reason}.",
    "distribution.resumed": lambda act: f"{act.who} resumed {act.what}.",
    "asset.paused": lambda act: f"{act.who} paused all payouts of {act.what}{act.reason}.",
    "asset.resumed": lambda act: f"{act.who} resumed the payouts of {act.what}.",
    "installation.paused": lambda act: f"{act.who} paused all payouts{act.reason}.",
    "installation.resumed": lambda act: f"{act.who} resumed the payouts of the installation.",
    "payer.doubted": lambda act: f"The database may have forgotten payments from {act.what}{act.reason}.",
    "payer.statement_begun": lambda act: (
        f"{act.who} began the statement of {act.what} at {act.after('since')}{act.reason}."
    ),
    "payer.answer_proposed": lambda act: (
        f"{act.who} proposed {act.after('answer')} for {act.count('transactions', 'unknown movement')} "
        f"of {act.what}{act.reason}."
    ),
    "payer.answered": lambda act: (
        f"{act.who} answered {act.after('answer')} for {act.count('transactions', 'unknown movement')} "
        f"of {act.what}{act.reason}."
    ),
    "installation.secured": lambda act: (
        f"{act.who} ended {act.count('sessions', 'session')} and {act.count('tokens', 'token')} of a restored "
        f"database, and held {len(act.after('held') or {}):,} scheduled payouts."
    ),
    "installation.copied": lambda act: f"{act.who} made this database an installation of its own.",
    "series.created": lambda act: f"{act.who} created the series {act.what}.",
    "series.paused": lambda act: f"{act.who} paused the series {act.what}.",
    "series.resumed": lambda act: f"{act.who} resumed the series {act.what}.",
    "series.ended": lambda act: f"The series {act.what} came to its end.",
    "series.cancelled": lambda act: f"{act.who} cancelled the series {act.what}.",
    "bond.created": lambda act: f"{act.who} set the terms of the bond {act.what}.",
    "bond.changed": lambda act: f"{act.who} changed {act.changes} of the bond {act.what}.",
    "bond.factor_set": lambda act: (
        f"{act.who} set the factor of the bond {act.what} to {act.after('factor')} "
        f"from {act.after('effective_date')} on."
    ),
    "calendar.day_added": lambda act: (
        f"{act.who} added {act.after('day')} to the calendar {act.entry.subject_id}: {act.after('text')}."
    ),
    "calendar.day_removed": lambda act: (
        f"{act.who} removed {act.before('day')} from the calendar {act.entry.subject_id}."
    ),
    "listener.created": lambda act: f"{act.who} had the events of {act.what} read.",
    "listener.changed": _switched("listener of"),
    "listener.removed": lambda act: f"{act.who} had the events of {act.what} read no more.",
    "user.created": lambda act: f"{act.who} added the user {act.what} ({act.after('role')}).",
    "user.changed": _user_changed,
    "user.password_changed": lambda act: f"{act.who} changed the password of {act.what}.",
    "user.logged_in": lambda act: f"{act.what} signed in.",
    "user.connected": lambda act: f"{act.who} connected the user {act.what} with a person of the provider.",
    "user.link_made": lambda act: f"{act.who} made a sign-in link for the user {act.what}.",
    "user.logged_out": lambda act: f"{act.what} was signed out: {act.after('reason') or act.after('way')}.",
    "policy.changed": lambda act: f"{act.who} put version {act.after('number')} of the policy into force.",
    "proposal.made": lambda act: f"{act.who} proposed a change of {_subject_of_proposal(act)}.",
    "proposal.approved": lambda act: f"{act.who} approved a change of {_subject_of_proposal(act)}.",
    "proposal.refused": lambda act: f"{act.who} refused a change of {_subject_of_proposal(act)}.",
    "proposal.withdrawn": lambda act: f"{act.who} withdrew a proposed change of {_subject_of_proposal(act)}.",
    "token.released": lambda act: f"{act.who} released the token {act.what}.",
    "token.created": lambda act: f"{act.who} created the token {act.what} ({act.after('role')}).",
    "token.revoked": lambda act: f"{act.who} revoked the token {act.what}.",
    "webhook.created": lambda act: f"{act.who} added the webhook to {act.what}.",
    "webhook.changed": _switched("webhook to"),
    "webhook.removed": lambda act: f"{act.who} removed the webhook to {act.what}.",
    "webhook.switched_off": lambda act: (
        f"The webhook to {act.what} was switched off: it took nothing since {act.after('failing_since')}."
    ),
}


async def describe(work: UnitOfWork, entries: Sequence[AuditEntry]) -> list[str]:
    """Return the sentence of each entry, with the names that their subjects have now."""
    ids = {uuid.UUID(entry.subject_id) for entry in entries if _is_uuid(entry.subject_id)}
    subjects = await work.audit_entries.subjects(ids)
    return [sentence(entry, subjects.get(entry.subject_id)) for entry in entries]


def sentence(entry: AuditEntry, subject: Subject | None = None) -> str:
    """Return what an entry tells. An action that this version does not know is named as it is."""
    act = _Act(entry, subject)
    say = SENTENCES.get(entry.action)
    return f"{act.who}: {entry.action} of {act.what}." if say is None else say(act)


def _money(amount: Decimal | str) -> str:
    try:
        written = f"{Decimal(amount):,f}"
    except InvalidOperation:
        return str(amount)
    whole, _, decimals = written.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(_CENTS, '0')}"


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
