"""Secrets that we must be able to read again: encrypted with a key that is not in the database."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from masspayout.kernel.errors import Conflict, Invalid
from masspayout.settings import Settings

_KEY_FILE = "secret.key"
_SHORTEST_KEY = 16


def seal(settings: Settings, secret: str) -> str:
    """Encrypt a secret, to be stored.

    Raises:
        Invalid: The key is too short, or the key's file cannot be written or read.
    """
    return _fernet(settings).encrypt(secret.encode()).decode()


def unseal(settings: Settings, sealed: str) -> str:
    """Decrypt a stored secret.

    Raises:
        Conflict: The secret was encrypted with another key.
    """
    try:
        return _fernet(settings).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Conflict(
            "A secret in the database was encrypted with another key than the one in use here.",
            "Set SECRET_KEY alike wherever this database is used, or add the webhook, or sign in, again.",
        ) from None


def _fernet(settings: Settings) -> Fernet:
    key = settings.secret_key.get_secret_value()
    if not key:
        return Fernet(_key_of_file(settings.data_dir / _KEY_FILE))
    if len(key) < _SHORTEST_KEY:
        raise Invalid(
            f"SECRET_KEY is {len(key)} characters long, which can be guessed.",
            f"Choose {_SHORTEST_KEY} random characters or more.",
        )
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))


def _key_of_file(path: Path) -> bytes:
    """Return the key of a file.

    Without one, create a key that only its owner can read; of several processes, one wins.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(descriptor)
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"The key in {path} cannot be used: {(error.strerror or str(error)).lower()}.",
            "Let its owner read it, or set SECRET_KEY.",
        ) from None
