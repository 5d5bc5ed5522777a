"""Account, token and contract ids in one canonical form.

A ledger names its accounts in one of two ways: ``shard.realm.number`` (Hedera) or twenty bytes as ``0x…`` (EVM). Ids
are compared as text everywhere, so each has exactly one spelling: no leading zeros, hexadecimal digits in lower case.
"""

import re

from masspayout.kernel.errors import Invalid

_ENTITY_NUMBER = re.compile(r"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,18})", re.ASCII)
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}", re.ASCII)
_ZERO_ADDRESS = "0x" + "0" * 40


def is_account_id(text: str) -> bool:
    """Return True for the form of an account, token or contract id, which no symbol and no other id has."""
    return bool(_ENTITY_NUMBER.fullmatch(text.strip()) or _ADDRESS.fullmatch(text.strip()))


def canonical_account_id(text: str, *, what: str = "account id") -> str:
    """Return the one spelling of an account, token or contract id.

    Args:
        text: The id as somebody wrote it; white space around it is dropped.
        what: The kind of id, for the error's sentence.

    Raises:
        Invalid: The text is neither ``0.0.n`` nor a 20-byte address other than zero.
    """
    candidate = text.strip()
    if _ENTITY_NUMBER.fullmatch(candidate):
        return candidate
    if _ADDRESS.fullmatch(candidate) and candidate.lower() != _ZERO_ADDRESS:
        return candidate.lower()
    raise Invalid(
        f"{text!r} is not a valid {what}.",
        "Write it as 0.0.1234, or as 0x followed by 40 hexadecimal digits (not all zero).",
    )
