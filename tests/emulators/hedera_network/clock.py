"""The network's time, which tests move: nobody sleeps for minutes.

The offset to the real time is kept in a file that is mapped into memory, so that other processes can share the clock,
and see at once when it is moved.
"""

import fcntl
import mmap
import os
import struct
import time
from pathlib import Path

from masspayout.kernel.ledger_time import NANOS_PER_SECOND

_OFFSET = struct.Struct("<q")


class NetworkClock:
    """A clock that goes as the real one does, and can be moved ahead.

    Args:
        path: The file of the offset, made if it is missing. Everybody who opens the same file has the same time.
        skew_seconds: How far this reading of the clock is off; the network itself reads it with 0.
    """

    def __init__(self, path: Path, *, skew_seconds: float = 0) -> None:
        self.path = path
        self._skew_nanos = int(skew_seconds * NANOS_PER_SECOND)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size < _OFFSET.size:
            os.ftruncate(self._file, _OFFSET.size)
        self._offset = mmap.mmap(self._file, _OFFSET.size)

    def now_nanos(self) -> int:
        """Return the time in nanoseconds since 1970."""
        (offset,) = _OFFSET.unpack(self._offset[:])
        return time.time_ns() + int(offset) + self._skew_nanos

    def advance(self, seconds: float) -> None:
        """Let time pass, for everybody who shares the clock."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            (offset,) = _OFFSET.unpack(self._offset[:])
            self._offset[:] = _OFFSET.pack(offset + int(seconds * NANOS_PER_SECOND))
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        self._offset.close()
        os.close(self._file)
