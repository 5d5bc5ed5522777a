"""Obligations: keys of what distributions pay, which outlive the database, and their marks on the ledger.

A key is made of what is paid, and never of how a payment is tried: the same obligation has the same key in every copy
of a database, and after a restore. The key is the first 16 bytes of a SHA-256, in base64url: 22 characters, which fit
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

# 128 bits of a SHA-256 in base64, without its padding: a key has to fit into a transaction's memo.
KEY_LENGTH = 22

_MARK = re.compile(
    r"mp2 (?P<installation>[\w-]{6}) (?P<obligation>[\w-]{22}) (?P<root>-|[\w-]{43}) (?P<batch>\d{1,9})", re.ASCII
)
_FORMER_MARK = re.compile(r"payout (?P<distribution>[0-9a-f-]{36}) batch (?P<batch>\d{1,9})", re.ASCII)

_CONTRACT_KEY = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark of a payment: the obligation and the batch that it pays.

    Attributes:
        batch_number: The number of the batch within the payout.
        obligation: The obligation key; None in the former mark, which names the distribution.
        installation: The code of the installation that paid; None in the former mark.
        distribution_id: The distribution, in the former mark only.
    """

    batch_number: int
    obligation: str | None = None
    installation: str | None = None
    distribution_id: uuid.UUID | None = None

    def __str__(self) -> str:
        """Return the mark as a memo has it."""
        return f"mp2 {self.installation} {self.obligation} - {self.batch_number}"

    @classmethod
    def read(cls, memo: str | None) -> "Mark | None":
        """Return the mark in a memo; None for any other memo."""
        if found := _MARK.fullmatch(memo or ""):
            return cls(int(found["batch"]), found["obligation"], found["installation"])
        if found := _FORMER_MARK.fullmatch(memo or ""):
            try:
                return cls(int(found["batch"]), distribution_id=uuid.UUID(found["distribution"]))
            except ValueError:
                return None
        return None


def is_mark(memo: str | None) -> bool:
    """Return True if a memo, or a contract's key, marks a payment as one of a payout."""
    return Mark.read(memo) is not None or _CONTRACT_KEY.fullmatch(memo or "") is not None


def key_of(*words: str) -> str:
    """Return the obligation key of some words: 22 characters of base64url."""
    digest = hashlib.sha256("\n".join(words).encode()).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def key_of_list(
    payments: Iterable[tuple[str, int]],
    *,
    payer_account_id: str,
    token_id: str,
    concept: str | None,
    reference: str | None = None,
    again: int = 1,
) -> str:
    """Return the obligation key of a payout list.

    Args:
        payments: Account ids and amounts in smallest units, in order of account ids.
        payer_account_id: The account that pays.
        token_id: The payment token.
        concept: The purpose; two that look the same are the same.
        reference: The reference; without one, the key is that of a list from before there were references.
        again: The count of payments of this same list for the same purpose: 2 to pay it a second time.
    """
    rows = hashlib.sha256()
    for account_id, amount_units in payments:
        rows.update(f"{account_id},{amount_units}\n".encode())
    return key_of(
        "list", rows.hexdigest(), payer_account_id, token_id, normalised(concept), normalised(reference), str(again)
    )


def key_of_reference(*, asset_token_id: str, payout_type: str, token_id: str, reference: str, again: int = 1) -> str:
    """Return the obligation key of a manual payout with a reference.

    Args:
        asset_token_id: The token of the asset.
        payout_type: The type of the payout: what is being paid out.
        token_id: The payment token.
        reference: The reference; two that look the same are the same.
        again: The count of payments with the same reference: 2 to pay a second time.
    """
    return key_of("reference", asset_token_id, payout_type, token_id, normalised(reference), str(again))


def key_of_occurrence(series_id: uuid.UUID, time: datetime) -> str:
    """Return the obligation key of one occurrence of a series."""
    return key_of("occurrence", str(series_id), time.astimezone(UTC).isoformat())


def key_of_deposit(series_id: uuid.UUID, contract_id: str, timestamp_nanos: int, index: int) -> str:
    """Return the obligation key of what a series pays because of a deposit, which its event names."""
    return key_of("deposit", str(series_id), contract_id, str(timestamp_nanos), str(index))


def key_of_announced(key: str) -> str:
    """Return the obligation key of a payout that a token announced, or whose amounts its contract computes."""
    return key_of("announced", key)


def key_of_distribution(distribution_id: uuid.UUID) -> str:
    """Return the obligation key of a manual payout without a reference, which has no other name."""
    return key_of("distribution", str(distribution_id))


def normalised(words: str | None) -> str:
    """Return words as people see them: one form of each letter, no case, no invisible characters, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", words or "").casefold())
    visible = "".join(
        letter for letter in folded if unicodedata.category(letter) not in ("Cf", "Cc") or letter.isspace()
    )
    return " ".join(visible.split())


class Obliged(Protocol):
    """Anything with an obligation: a distribution."""

    id: Any
    obligation_key: Any


def obligation_of(distribution: Obliged) -> str:
    """Return the obligation key of a distribution, also where its own is missing or was made by an earlier rule."""
    key = distribution.obligation_key
    if key is None:
        return key_of_distribution(distribution.id)
    return str(key) if len(key) == KEY_LENGTH else key_of_announced(key)
