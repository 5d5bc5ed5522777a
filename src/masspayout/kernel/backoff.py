"""Exponential backoff between retries, without I/O. The pauses are kept in this process only."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

# The first pause outlasts a moment's trouble; with the longest, a fixed cause shows within ten minutes.
_SHORTEST = timedelta(seconds=5)
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Pause:
    failures: int
    until: datetime


class Backoff:
    """Pauses before retries, by key: each pause is twice as long as the one before, up to the longest."""

    def __init__(self) -> None:
        self._pauses: dict[Hashable, _Pause] = {}

    def holds(self, key: Hashable, now: datetime) -> bool:
        """Return True if the pause of a key is not over yet."""
        return key in self._pauses and now < self._pauses[key].until

    def failed(self, key: Hashable, now: datetime) -> tuple[int, datetime]:
        """Begin the next pause of a key. Return the number of failures in a row, and the time of the next retry."""
        failures = self._pauses[key].failures + 1 if key in self._pauses else 1
        # 2 ** 10 pauses are beyond the longest already; the power of many failures would not fit a timedelta.
        pause = min(_SHORTEST * 2 ** min(failures - 1, 10), _LONGEST)
        self._pauses[key] = _Pause(failures, now + pause)
        return failures, now + pause

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of a key."""
        self._pauses.pop(key, None)
