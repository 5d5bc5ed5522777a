"""Secrets that we create: a prefix for the lookup, a random part, and a digest to compare with.

The random part has 256 bits, so a fast digest is enough: there is nothing to guess. Passwords, which people choose, are
hashed slowly in ``passwords``.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

# 64 bits keep prefixes apart, which the lookup needs; 256 bits cannot be guessed.
_PREFIX_BYTES = 8
_RANDOM_BYTES = 32
_FORM = re.compile(r"(mp[tsl])_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)


class SecretKind(StrEnum):
    """The kind of a secret. The secret begins with it, so that people and scanners recognise one that they find."""

    TOKEN = "mpt"  # noqa: S105 - the mark of a kind of secret, no secret
    SESSION = "mps"
    LINK = "mpl"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just created. Its text is shown once and kept nowhere."""

    text: str
    prefix: str
    digest: str


def new_secret(kind: SecretKind) -> NewSecret:
    """Return a secret that nobody can guess."""
    prefix = secrets.token_hex(_PREFIX_BYTES)
    text = f"{kind}_{prefix}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    return NewSecret(text, prefix, digest_of(text))


def prefix_of(text: str, kind: SecretKind) -> str | None:
    """Return the prefix for the lookup of a secret; None if the text is no secret of this kind."""
    found = _FORM.fullmatch(text)
    return found[2] if found and found[1] == kind else None


def digest_of(text: str) -> str:
    """Return the digest of a secret, for the database."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, digest: str) -> bool:
    """Return True if a secret has this digest. The comparison takes the same time for every wrong secret."""
    return hmac.compare_digest(digest_of(text), digest)
