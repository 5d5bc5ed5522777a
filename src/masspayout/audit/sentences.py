"""What an entry of the audit trail tells, as a sentence: who did what to which payout, and how much it is.

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
class _Told:
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


def _finished(told: _Told) -> str:
    if told.after("status") == "COMPLETED":
        return f"Everybody was paid by {told.what}{told.amount}."
    return f"{told.what} ended, and not everybody was paid."


def _user_changed(told: _Told) -> str:
    if "disabled" in (told.entry.after or {}):
        return f"{told.who} {'disabled' if told.after('disabled') else 'enabled'} the user {told.what}."
    if "role" in (told.entry.after or {}):
        return f"{told.who} made the user {told.what} {told.after('role')} instead of {told.before('role')}."
    return f"{told.who} changed {told.changes} of the user {told.what}."


def _switched(noun: str) -> Callable[[_Told], str]:
    return lambda told: f"{told.who} switched the {noun} {told.what} {'on' if told.after('enabled') else 'off'}."


def _synced(told: _Told) -> str:
    changes = f"{told.count('added', 'holder')} added, {told.after('changed')} changed, {told.after('removed')} removed"
    return f"{told.who} had the register of {told.what} read: {changes}."


# Each action that the software records has its sentence here; a test of the house compares.
SENTENCES: Mapping[str, Callable[[_Told], str]] = {
    "asset.imported": lambda told: f"{told.who} imported {told.what}.",
    "asset.changed": lambda told: f"{told.who} changed {told.changes} of {told.what}.",
    "asset.synced": _synced,
    "distribution.created": lambda told: f"{told.who} planned {told.what}{told.amount}.",
    "distribution.changed": lambda told: f"{told.who} changed {told.changes} of {told.what}.",
    "distribution.frozen": lambda told: (
        f"{told.who} fixed what {told.count('entitlement_count', 'holder')} of {told.what} are owed{told.amount}."
    ),
    "distribution.hash_fixed": lambda told: f"{told.who} fixed the register hash of {told.what}{told.reason}.",
    "distribution.approved": lambda told: f"{told.who} approved {told.what}{told.amount}.",
    "distribution.executed": lambda told: f"{told.who} started {told.what}{told.amount}.",
    "distribution.retried": lambda told: f"{told.who} started {told.what} again for those who were not paid.",
    "distribution.payments_adopted": lambda told: (
        f"{told.who} wrote down {told.count('transactions', 'payment')} of {told.what} that only the ledger showed."
    ),
    "distribution.stopped": lambda told: f"{told.who} stopped {told.what}: {told.after('failure_code')}.",
    "distribution.finished": _finished,
    "distribution.not_started": lambda told: f"{told.what} was due and did not start: {told.after('failure_code')}.",
    "distribution.reopened": lambda told: f"{told.who} had {told.what} wait for its start again.",
    "distribution.cancelled": lambda told: f"{told.who} cancelled {told.what}{told.amount}.",
    "payer.doubted": lambda told: f"The database may have forgotten payments from {told.what}{told.reason}.",
    "payer.statement_begun": lambda told: (
        f"{told.who} began the statement of {told.what} at {told.after('since')}{told.reason}."
    ),
    "payer.answer_proposed": lambda told: (
        f"{told.who} proposed {told.after('answer')} for {told.count('transactions', 'unknown movement')} "
        f"of {told.what}{told.reason}."
    ),
    "payer.answered": lambda told: (
        f"{told.who} answered {told.after('answer')} for {told.count('transactions', 'unknown movement')} "
        f"of {told.what}{told.reason}."
    ),
    "installation.secured": lambda told: (
        f"{told.who} ended {told.count('sessions', 'session')} and {told.count('tokens', 'token')} of a restored "
        f"database, and held {len(told.after('held') or {}):,} scheduled payouts."
    ),
    "installation.copied": lambda told: f"{told.who} made this database an installation of its own.",
    "series.created": lambda told: f"{told.who} made the series {told.what}.",
    "series.paused": lambda told: f"{told.who} paused the series {told.what}.",
    "series.resumed": lambda told: f"{told.who} resumed the series {told.what}.",
    "series.ended": lambda told: f"The series {told.what} came to its end.",
    "series.cancelled": lambda told: f"{told.who} cancelled the series {told.what}.",
    "bond.created": lambda told: f"{told.who} set the terms of the bond {told.what}.",
    "bond.changed": lambda told: f"{told.who} changed {told.changes} of the bond {told.what}.",
    "bond.factor_set": lambda told: (
        f"{told.who} set the factor of the bond {told.what} to {told.after('factor')} "
        f"from {told.after('effective_date')} on."
    ),
    "calendar.day_added": lambda told: (
        f"{told.who} added {told.after('day')} to the calendar {told.entry.subject_id}: {told.after('text')}."
    ),
    "calendar.day_removed": lambda told: (
        f"{told.who} removed {told.before('day')} from the calendar {told.entry.subject_id}."
    ),
    "listener.created": lambda told: f"{told.who} had the events of {told.what} read.",
    "listener.changed": _switched("listener of"),
    "listener.removed": lambda told: f"{told.who} had the events of {told.what} read no more.",
    "user.created": lambda told: f"{told.who} added the user {told.what} as {told.after('role')}.",
    "user.changed": _user_changed,
    "user.password_changed": lambda told: f"{told.who} changed the password of {told.what}.",
    "user.logged_in": lambda told: f"{told.what} signed in.",
    "token.created": lambda told: f"{told.who} made the token {told.what} as {told.after('role')}.",
    "token.revoked": lambda told: f"{told.who} revoked the token {told.what}.",
    "webhook.created": lambda told: f"{told.who} added the webhook to {told.what}.",
    "webhook.changed": _switched("webhook to"),
    "webhook.removed": lambda told: f"{told.who} removed the webhook to {told.what}.",
    "webhook.switched_off": lambda told: (
        f"The webhook to {told.what} was switched off: it took nothing since {told.after('failing_since')}."
    ),
}


async def describe(work: UnitOfWork, entries: Sequence[AuditEntry]) -> list[str]:
    """Return the sentence of each entry, with the names that their subjects have now."""
    ids = {uuid.UUID(entry.subject_id) for entry in entries if _is_uuid(entry.subject_id)}
    subjects = await work.audit_entries.subjects(ids)
    return [sentence(entry, subjects.get(entry.subject_id)) for entry in entries]


def sentence(entry: AuditEntry, subject: Subject | None = None) -> str:
    """Return what an entry tells. An action that this version does not know is named as it is."""
    told = _Told(entry, subject)
    say = SENTENCES.get(entry.action)
    return f"{told.who}: {entry.action} of {told.what}." if say is None else say(told)


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
