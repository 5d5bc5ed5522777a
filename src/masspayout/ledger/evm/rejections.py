"""The words in which nodes refuse transactions: vendors word the same refusal differently, as sentences or as names."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto

from masspayout.ledger.evm.fees import Minimum


class Meaning(Enum):
    """The meaning of a refusal."""

    KNOWN = auto()  # the node has the transaction, or another version of it
    NONCE_TOO_LOW = auto()
    NONCE_TOO_HIGH = auto()
    NO_FUNDS = auto()
    POOL_FULL = auto()
    FEE_TOO_LOW = auto()
    TOO_MUCH_GAS = auto()


# Compared without spaces, capitals and punctuation, so that "AlreadyKnown" reads as "already known". The first that
# matches counts: "insufficient funds for gas * price" is about funds.
_PHRASES: Mapping[Meaning, Sequence[str]] = {
    Meaning.KNOWN: (
        "already known",
        "known transaction",
        "already imported",
        "already exists",
        "replacement transaction underpriced",
        "replacement not allowed",
    ),
    Meaning.NONCE_TOO_HIGH: (
        "nonce too high",
        "nonce is too high",
        "nonce gap",
        "nonce too distant",
        "nonce is too distant",
        "nonce too far",
        "wrong nonce",
        "lower nonce exists",
    ),
    Meaning.NONCE_TOO_LOW: ("nonce too low", "nonce is too low", "old nonce", "nonce below"),
    Meaning.NO_FUNDS: (
        "insufficient funds",
        "insufficient balance",
        "insufficient payer balance",
        "insufficient account balance",
        "exceeds account balance",
    ),
    Meaning.POOL_FULL: (
        "pool is full",
        "pool full",
        "account limit exceeded",
        "max account slots",
        "too many pending",
    ),
    Meaning.TOO_MUCH_GAS: (
        "block gas limit",
        "gas limit exceeded",
        "gas limit too high",
        "max gas per sec",
        "max transaction gas",
        "gas limit exceeds",
    ),
    Meaning.FEE_TOO_LOW: (
        "underpriced",
        "less than block base fee",
        "below current base fee",
        "fee too low",
        "gas price",
        "gas tip cap",
    ),
}

_MINIMUM = re.compile(r"minimum[a-z ]*[:'\" ]*(0x[0-9a-f]+|[0-9]+)")


def meaning_of(message: str) -> Meaning | None:
    """Return the meaning of a node's words; None for words that are not known."""
    words = _plain(message)
    for meaning, phrases in _PHRASES.items():
        if any(_plain(phrase) in words for phrase in phrases):
            return meaning
    return None


def minimum_in(message: str) -> Minimum:
    """Return the least fees that a refusal names, in wei."""
    words = message.lower()
    found = _MINIMUM.search(words)
    if found is None:
        return Minimum()
    wei = int(found[1], 0)
    return Minimum(wei, wei if "tip" in words else 0)


def _plain(words: str) -> str:
    return re.sub("[^a-z0-9]", "", words.lower())
