"""Packages from npm, installed when a test first asks for them."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def node_modules(folder: Path) -> Path:
    """Return the packages of a folder with a ``package-lock.json``, installed by now.

    Without Node the test that asks is skipped, but in CI it fails.
    """
    modules = folder / "node_modules"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = modules / ".installed"
        if not stamp.exists() or stamp.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
            _install(folder)
            stamp.touch()
    return modules


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        sentence = "npm is not installed: this test needs packages from it (Debian: apt-get install nodejs npm)"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    done = subprocess.run([npm, "ci"], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"npm ci in {folder} failed:\n{done.stdout}{done.stderr}")
