"""Passwords: hashed with Argon2id, which is slow on purpose, so it is done beside the event loop."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from masspayout.kernel.errors import Invalid

SHORTEST_PASSWORD = 12
# A bound, so that a hostile client does not have megabytes hashed.
_LONGEST_PASSWORD = 1000

_hasher = PasswordHasher()


async def hash_password(password: str, *, user_name: str) -> str:
    """Return the hash of a password, for the database.

    Raises:
        Invalid: The password is too easy to guess, too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise Invalid(
            f"The password has {len(password)} characters; it takes {SHORTEST_PASSWORD} to {_LONGEST_PASSWORD:,}.",
            "Choose another one; a sentence is a good password.",
        )
    if password.casefold() == user_name.casefold() or len(set(password)) < SHORTEST_PASSWORD // 3:
        raise Invalid("The password is easy to guess.", "Choose another one; a sentence is a good password.")
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Return True if a password matches its hash. Without a hash, False comes after the same time."""
    nobodys_hash = await asyncio.to_thread(_nobodys_hash)
    is_right = await asyncio.to_thread(_verify, password[:_LONGEST_PASSWORD], password_hash or nobodys_hash)
    return is_right and password_hash is not None


@cache
def _nobodys_hash() -> str:
    """Return the hash to compare with when there is no such user, so that the answer takes as long.

    Hashing takes a tenth of a second, so this hash is made with the first password that any user has checked.
    """
    return _hasher.hash("the password of nobody")


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
