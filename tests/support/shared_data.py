"""Real payouts that lie beside the repository: absent from a user's clone, required in CI."""

import os
from pathlib import Path

import pytest

from places import SHARED

SHARED_DATA = SHARED / "data"


def shared_file(name: str) -> Path:
    """Return the path of a shared file; without it the test is skipped, but in CI it fails."""
    path = SHARED_DATA / name
    if not path.is_file():
        sentence = f"{name} is not here: this test reads real payouts from ../shared/data beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path
