"""File systems in memory, small enough to be filled."""

import functools
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_memory(megabytes: int) -> Iterator[Path]:
    """Make one of a size, and yield its root; where that is not allowed, a directory of no limit."""
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        Path(name).chmod(0o755)
        is_mounted = can_be_made() and _mount(name, megabytes)
        try:
            yield Path(name)
        finally:
            if is_mounted:
                subprocess.run(["umount", "--lazy", name], check=True)


@functools.cache
def can_be_made() -> bool:
    """Whether this machine lets us: root may, unless a container keeps it from that."""
    with tempfile.TemporaryDirectory() as name:
        if not _mount(name, 1):
            return False
        subprocess.run(["umount", name], check=True)
        return True


def _mount(place: str, megabytes: int) -> bool:
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs"]
    try:
        return subprocess.run(["mount", *options, place], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
