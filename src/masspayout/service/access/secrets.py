"""Secrets that we make: a prefix to look one up by, a random part, and a digest to compare with.

The random part has 256 bits, so a fast digest is enough: there is nothing to guess. Passwords, which people choose, are
hashed slowly in ``passwords``.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

_PREFIX_BYTES = 8
_RANDOM_BYTES = 32
_FORM = re.compile(r"(mp[tsl])_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)


class SecretKind(StrEnum):
    """What a secret is for; it begins with this, so that people and scanners see what they have found."""

    TOKEN = "mpt"  # noqa: S105 - the mark of a kind of secret, no secret
    SESSION = "mps"
    LINK = "mpl"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made. Its text is shown once and kept nowhere."""

    text: str
    prefix: str
    digest: str


def new_secret(kind: SecretKind) -> NewSecret:
    """Make a secret that nobody can guess."""
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"{kind}_{prefix}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    return NewSecret(text, prefix, digest_of(text))


def prefix_of(text: str, kind: SecretKind) -> str | None:
    """Return what to look a secret up by; None when the text is no secret of this kind."""
    found = _FORM.fullmatch(text)
    return found[2] if found and found[1] == kind else None


def digest_of(text: str) -> str:
    """Return what the database keeps of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, digest: str) -> bool:
    """Whether a secret is the one with this digest, in the same time whatever is wrong with it."""
    return hmac.compare_digest(digest_of(text), digest)
