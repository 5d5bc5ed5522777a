"""Obligations: what a distribution pays, named by a key that outlives the database, and the mark of it on the ledger.

A key is made of what is paid, and never of how it is tried: the same obligation has the same key in every copy of a
database, and after a restore. It is kept as the first 16 bytes of a SHA-256, in base64url: 22 characters, which fit
into a memo. A mark is ``mp2 INSTALLATION OBLIGATION ROOT BATCH``; while there is no root, a dash stands in its place.
"""

import hashlib
import re
import unicodedata
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

KEY_LENGTH = 22

_MARK = re.compile(
    r"mp2 (?P<installation>[\w-]{6}) (?P<obligation>[\w-]{22}) (?P<root>-|[\w-]{43}) (?P<batch>\d{1,9})", re.ASCII
)
_FORMER_MARK = re.compile(r"payout (?P<distribution>[0-9a-f-]{36}) batch (?P<batch>\d{1,9})", re.ASCII)

_CONTRACT_KEY = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a payment says that it pays.

    Attributes:
        batch_number: Which batch of the payout it is.
        obligation: The key of the obligation; None in the former mark, which names the distribution.
        installation: The code of the installation that paid it; None in the former mark.
        distribution_id: Only in the former mark.
    """

    batch_number: int
    obligation: str | None = None
    installation: str | None = None
    distribution_id: uuid.UUID | None = None

    def __str__(self) -> str:
        """Write it as a memo."""
        return f"mp2 {self.installation} {self.obligation} - {self.batch_number}"

    @classmethod
    def read(cls, memo: str | None) -> "Mark | None":
        """Return the mark that a memo is; None for any other memo."""
        if found := _MARK.fullmatch(memo or ""):
            return cls(int(found["batch"]), found["obligation"], found["installation"])
        if found := _FORMER_MARK.fullmatch(memo or ""):
            try:
                return cls(int(found["batch"]), distribution_id=uuid.UUID(found["distribution"]))
            except ValueError:
                return None
        return None


def is_mark(memo: str | None) -> bool:
    """Whether a memo, or a contract's key, says that a payment is one of a payout."""
    return Mark.read(memo) is not None or _CONTRACT_KEY.fullmatch(memo or "") is not None


def key_of(*words: str) -> str:
    """Return the key of what some words describe: 22 characters of base64url."""
    digest = hashlib.sha256("\n".join(words).encode()).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def key_of_list(
    payments: Iterable[tuple[str, int]], *, payer_account_id: str, token_id: str, concept: str | None, again: int = 1
) -> str:
    """Return the key of a payout list.

    Args:
        payments: Account ids and amounts in smallest units, in order of account ids.
        payer_account_id: Who pays.
        token_id: What is paid in.
        concept: What it is for; what looks the same is the same.
        again: How often this very list is to be paid for this: 2 to pay it once more.
    """
    rows = hashlib.sha256()
    for account_id, amount_units in payments:
        rows.update(f"{account_id},{amount_units}\n".encode())
    return key_of("list", rows.hexdigest(), payer_account_id, token_id, normalised(concept), "", str(again))


def key_of_occurrence(series_id: uuid.UUID, time: datetime) -> str:
    """Return the key of one occurrence of a series."""
    return key_of("occurrence", str(series_id), time.astimezone(UTC).isoformat())


def key_of_deposit(series_id: uuid.UUID, contract_id: str, timestamp_nanos: int, index: int) -> str:
    """Return the key of what a series pays because of a deposit, which its event names."""
    return key_of("deposit", str(series_id), contract_id, str(timestamp_nanos), str(index))


def key_of_announced(key: str) -> str:
    """Return the key of what a token announced, or its contract pays by a rule."""
    return key_of("announced", key)


def key_of_distribution(distribution_id: uuid.UUID) -> str:
    """Return the key of what somebody pays by hand, and has no other name for."""
    return key_of("distribution", str(distribution_id))


def normalised(words: str | None) -> str:
    """Return words as people see them: one form of each letter, no case, no invisible characters, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", words or "").casefold())
    visible = "".join(
        letter for letter in folded if unicodedata.category(letter) not in ("Cf", "Cc") or letter.isspace()
    )
    return " ".join(visible.split())


class Obliged(Protocol):
    """What has an obligation: a distribution."""

    id: Any
    obligation_key: Any


def obligation_of(distribution: Obliged) -> str:
    """Return the key of what a distribution pays, also where its own was made by an earlier rule, or there is none."""
    key = distribution.obligation_key
    if key is None:
        return key_of_distribution(distribution.id)
    return str(key) if len(key) == KEY_LENGTH else key_of_announced(key)
