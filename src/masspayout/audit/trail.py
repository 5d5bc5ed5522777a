"""The audit trail: each action with its actor, their address, and the subject before and after.

An entry is written in the transaction of its change: neither is there without the other. Entries form a chain of
hashes, so that a changed, deleted, inserted or moved entry is found; ``docs/audit.md`` defines the chain.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from masspayout.audit.heads import Head, KnownHeads
from masspayout.db.entities import AuditEntry
from masspayout.db.repositories.audit_entries import FIRST_PREVIOUS_HASH, hash_of
from masspayout.db.session import Database
from masspayout.db.store import Recorder
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel.actors import current_actor
from masspayout.kernel.json_forms import json_form

_MOST_BREAKS_KEPT = 100


def record(
    work: Recorder,
    action: str,
    subject_id: uuid.UUID | str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record an action of the current actor, if the unit of work commits.

    Args:
        work: The transaction of the change itself.
        action: The action as ``noun.verb``: ``distribution.executed``. The noun is the kind of the subject.
        subject_id: The subject of the action.
        before: The subject's values before, as far as they change. No secrets.
        after: The same values afterwards.
    """
    actor = current_actor()
    work.audit_entries.note(
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_name=actor.name,
        source_address=actor.source_address,
        action=action,
        subject_type=action.split(".", maxsplit=1)[0],
        subject_id=str(subject_id),
        before=_plain(before),
        after=_plain(after),
    )


def record_move(
    work: Recorder, action: str, subject_id: uuid.UUID, from_status: str, to_status: str, **facts: Any
) -> None:
    """Record a change of state, with further facts about it."""
    record(work, action, subject_id, before={"status": from_status}, after={"status": to_status, **facts})


def record_change(
    work: Recorder, action: str, subject_id: uuid.UUID, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record the values that changed; nothing when all are the same."""
    changed = [name for name, value in after.items() if before.get(name) != value]
    if changed:
        was, is_now = ({name: values.get(name) for name in changed} for values in (before, after))
        record(work, action, subject_id, before=was, after=is_now)


@dataclass(slots=True)
class Verification:
    """The result of verifying the chain.

    Attributes:
        entry_count: The number of entries.
        last_hash: The hash of the last entry: kept elsewhere, it proves later that nothing before it was changed.
        breaks: A sentence for each place where the chain does not hold, the first hundred.
        break_count: The number of all such places.
        agreeing_head: The latest of the heads kept elsewhere that is in the chain, before the first that is not.
    """

    entry_count: int = 0
    last_hash: str = FIRST_PREVIOUS_HASH
    breaks: list[str] = field(default_factory=list)
    break_count: int = 0
    agreeing_head: Head | None = None

    @property
    def holds(self) -> bool:
        """True if no entry was changed, deleted, inserted or moved."""
        return not self.break_count

    def add(self, sentence: str) -> None:
        """Add a place where the chain does not hold."""
        self.break_count += 1
        if len(self.breaks) < _MOST_BREAKS_KEPT:
            self.breaks.append(sentence)


async def verify(database: Database, known_heads: Sequence[Head] = ()) -> Verification:
    """Verify the whole trail, in constant memory, and return where its chain does not hold.

    Args:
        database: The database of the trail.
        known_heads: Heads that were kept elsewhere; it is a break when one is not in the chain any more.
    """
    found = Verification()
    known = KnownHeads(known_heads)
    expected_number = 1
    async with database.unit_of_work() as work:
        entries = work.audit_entries
        await entries.see_one_moment()
        async for entry in entries.stream():
            expected_number = _check(found, entry, expected_number)
            known.compare(entry)
        _check_end(found, *await entries.head(), expected_number)
    for sentence in known.sentences(expected_number - 1):
        found.add(sentence)
    found.agreeing_head = known.agreeing
    return found


async def read_head(work: UnitOfWork) -> Head:
    """Return the present head of the trail: its last entry, to be kept elsewhere."""
    return Head(*await work.audit_entries.last())


async def verify_latest(work: UnitOfWork, count: int) -> Verification:
    """Verify the latest entries only, which takes the same time for a trail of any length."""
    found = Verification()
    entries = work.audit_entries
    head_number, head_hash = await entries.head()
    before = max(0, head_number - count)
    expected_number = before + 1
    async for entry in entries.stream(after=before, until=head_number):
        if before and not found.entry_count:
            found.last_hash = entry.previous_hash
        expected_number = _check(found, entry, expected_number)
    _check_end(found, head_number, head_hash, expected_number)
    return found


def _check(found: Verification, entry: AuditEntry, expected_number: int) -> int:
    """Compare an entry with the one before it, and with its own hash. Return the number of the next entry."""
    name = f"Entry {entry.number:,} ({entry.id}, {entry.action})"
    if entry.number > expected_number:
        found.add(f"{_entries(expected_number, entry.number - 1)} missing before entry {entry.number:,}.")
    elif entry.number < expected_number:
        found.add(f"{name} has a number that is taken: it was inserted or moved.")
    elif entry.previous_hash != found.last_hash:
        found.add(f"{name} does not follow the entry before it: one of the two was inserted, changed or moved.")
    if entry.hash != hash_of(entry):
        found.add(f"{name} was changed: its hash is not that of its content.")
    found.entry_count += 1
    found.last_hash = entry.hash
    return entry.number + 1


def _check_end(found: Verification, head_number: int, head_hash: str, expected_number: int) -> None:
    """Compare the end of the chain with the stored head."""
    if head_number >= expected_number:
        found.add(f"{_entries(expected_number, head_number)} missing at the end of the chain.")
    elif head_hash != found.last_hash:
        found.add(f"The chain ends at entry {expected_number - 1:,}, but not with the hash that was written last.")


def _entries(first: int, last: int) -> str:
    return f"Entry {first:,} is" if first == last else f"Entries {first:,} to {last:,} are"


def _plain(values: Mapping[str, Any] | None) -> Any:
    """Return values as JSON has them. Floats are refused: the database would not return them as they were written."""
    if values is None:
        return None
    return json.loads(json.dumps(values, default=json_form), parse_float=_refuse_float)


def _refuse_float(text: str) -> NoReturn:
    raise TypeError(f"{text} is a float, which has no place in the audit trail")
