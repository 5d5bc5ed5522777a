"""Heads of the audit trail that are kept elsewhere, and what the trail lacks of them.

A head is the last entry at some time: its number, its hash and its time. The owner of the tables can cut entries off
and fix the end of the chain; a head that was kept out of their reach shows that afterwards.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from masspayout.db.entities import AuditEntry
from masspayout.db.repositories.audit_entries import FIRST_PREVIOUS_HASH
from masspayout.kernel.errors import Invalid
from masspayout.kernel.next_steps import Action

_LINE = re.compile(r"(?:(?P<number>\d{1,18})\s+)?(?P<hash>[0-9a-f]{64})(?:\s+(?P<time>\S+))?")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the trail at some time.

    Attributes:
        number: The number of the entry; 0 for an empty trail, None if only the hash was noted.
        hash: The hash of the entry.
        created_at: The time of the entry, if it is known.
    """

    number: int | None
    hash: str
    created_at: datetime | None = None

    def __str__(self) -> str:
        words = (self.number, self.hash, self.created_at and f"{self.created_at:{_TIME}}")
        return " ".join(str(word) for word in words if word is not None)

    @property
    def named(self) -> str:
        """The entry, with its time, as part of a sentence."""
        when = f" of {self.created_at:%Y-%m-%d %H:%M:%S} UTC" if self.created_at else ""
        return f"entry {self.number:,}{when}"


@dataclass(slots=True)
class KnownHeads:
    """Heads that were noted earlier, compared with the entries of the trail as they come by.

    Attributes:
        heads: The heads.
        agreeing: The highest head whose entry is in the trail.
        replaced: The lowest head in the place of which the trail has another entry.
    """

    heads: Sequence[Head]
    agreeing: Head | None = None
    replaced: Head | None = None
    _numbered: dict[int, list[Head]] = field(init=False)
    _hashes: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._numbered = {}
        for head in self.heads:
            if head.number:
                self._numbered.setdefault(head.number, []).append(head)
        self._hashes = {head.hash for head in self.heads if head.number is None} - {FIRST_PREVIOUS_HASH}

    def compare(self, entry: AuditEntry) -> None:
        """Compare an entry with the heads that have its number. Entries come in the order of their numbers."""
        self._hashes.discard(entry.hash)
        for head in self._numbered.get(entry.number, ()):
            if head.hash != entry.hash:
                self.replaced = self.replaced or head
            elif self.replaced is None:
                self.agreeing = head

    def sentences(self, last_number: int) -> list[str]:
        """Return what the trail lacks of the heads, given the number of its last entry."""
        said = [f"No entry has the hash {text}, which was noted earlier." for text in sorted(self._hashes)]
        beyond = [head for number, heads in self._numbered.items() if number > last_number for head in heads]
        if self.replaced is not None:
            said.append(
                f"Entries {self._first_doubtful():,} to {self.replaced.number:,} were cut off or changed: "
                f"{self.replaced.named} was the last one, and another is in its place{self._since()}."
            )
        elif beyond:
            latest = max(beyond, key=lambda head: head.number or 0)
            cut = f"Entries {last_number + 1:,} to {latest.number:,} are missing"
            if latest.number == last_number + 1:
                cut = f"Entry {latest.number:,} is missing"
            said.append(f"{cut}: {latest.named} was the last one, and the trail ends before it{self._since()}.")
        return said

    def _first_doubtful(self) -> int:
        return 1 if self.agreeing is None else (self.agreeing.number or 0) + 1

    def _since(self) -> str:
        if self.agreeing is None:
            return "; no earlier head was noted"
        return f"; up to {self.agreeing.named} it is what it was"


def parse_heads(text: str, source: str) -> list[Head]:
    """Return the heads in a text, one in each line, as ``audit head`` prints them or as JSON; empty lines are skipped.

    Args:
        text: The text.
        source: The name of the text, for errors.

    Raises:
        Invalid: A line is no head.
    """
    if text.lstrip().startswith("{") and "\n" in text.strip():
        text = re.sub(r"\s*\n\s*", " ", text).replace("} {", "}\n{")
    heads = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            head = _parse(line.strip())
            if head is None:
                raise Invalid(
                    f"Line {number} of {source} is no head of an audit trail: {line.strip()[:80]}",
                    "A head is a number, a hash and a time, as this prints them: ",
                    Action.SHOW_AUDIT_HEAD,
                )
            heads.append(head)
    return heads


def read_heads(argument: str) -> list[Head]:
    """Return the heads that somebody names: a head itself, or a file of heads.

    Raises:
        Invalid: It is neither, or the file has a line that is no head, or none at all.
    """
    if (head := _parse(argument.strip())) is not None:
        return [head]
    try:
        heads = parse_heads(Path(argument).read_text(encoding="utf-8"), argument)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise Invalid(
            f"{argument} is neither a head nor a file of heads: {reason}.",
            "Name the file that AUDIT_HEAD_FILE says, or a head as this prints it: ",
            Action.SHOW_AUDIT_HEAD,
        ) from None
    if not heads:
        raise Invalid(f"{argument} holds no head.", "Keep the present one there: ", Action.SHOW_AUDIT_HEAD)
    return heads


def _parse(line: str) -> Head | None:
    if line.startswith("{"):
        try:
            found: dict[str, Any] = json.loads(line)
            line = f"{found['number']} {found['hash']} {found.get('created_at') or ''}".strip()
        except (ValueError, KeyError):
            return None
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    number, time = match["number"], match["time"]
    try:
        created_at = datetime.fromisoformat(time) if time else None
    except ValueError:
        return None
    if created_at is not None and created_at.tzinfo is None:
        created_at = created_at.replace(tzinfo=UTC)
    return Head(int(number) if number else None, match["hash"], created_at)
