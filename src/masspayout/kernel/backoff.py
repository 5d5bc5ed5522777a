"""Growing pauses before something that failed is tried again. Pure, no I/O; kept in one process."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

# The first pause outlasts a moment's trouble; with the longest, a mended cause shows within ten minutes.
_SHORTEST = timedelta(seconds=5)
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Pause:
    failures: int
    until: datetime


class Backoff:
    """The pauses of whatever failed, by its key: each is twice as long as the one before, up to the longest."""

    def __init__(self) -> None:
        self._pauses: dict[Hashable, _Pause] = {}

    def holds(self, key: Hashable, now: datetime) -> bool:
        """Whether something is not to be tried yet."""
        return key in self._pauses and now < self._pauses[key].until

    def failed(self, key: Hashable, now: datetime) -> tuple[int, datetime]:
        """Begin the next pause. Return how often in a row it failed, and when it is tried again."""
        failures = self._pauses[key].failures + 1 if key in self._pauses else 1
        # Doublings are bounded before they are made: a power of many failures would not fit a timedelta.
        pause = min(_SHORTEST * 2 ** min(failures - 1, 10), _LONGEST)
        self._pauses[key] = _Pause(failures, now + pause)
        return failures, now + pause

    def succeeded(self, key: Hashable) -> None:
        """Forget that something failed."""
        self._pauses.pop(key, None)
