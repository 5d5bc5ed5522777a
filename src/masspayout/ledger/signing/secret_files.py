"""Files with a secret. Their content is never shown, nor is a part of it."""

from pathlib import Path

from masspayout.kernel.errors import Invalid


def read_secret_file(path: Path, setting: str) -> bytes:
    """Return the content of a file that a setting names.

    Raises:
        Invalid: The file cannot be read.
    """
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise Invalid(
            f"{setting} names {path}, which cannot be read: {error.strerror}.", "Correct the path, or its permissions."
        ) from None
