"""Time slices: how long a payout keeps a worker's slot while others wait for one."""

from collections.abc import Callable

# Shorter pauses are waited for in the slot: to come back to it takes as long.
_LONGEST_PAUSE_SECONDS = 0.5


class TimeSlice:
    """Time slice of one payout in one slot.

    Args:
        steady_seconds: Tells the time.
        seconds: How long it may last; None: until the payout has ended, however long it waits.
    """

    def __init__(self, steady_seconds: Callable[[], float], seconds: float | None = None) -> None:
        self._steady_seconds = steady_seconds
        self._ends_at = None if seconds is None else steady_seconds() + seconds
        self._wait_seconds = 0.0

    @property
    def is_limited(self) -> bool:
        """Return whether others may wait for the slot."""
        return self._ends_at is not None

    @property
    def is_over(self) -> bool:
        """Return whether no other batch may begin in it."""
        return self._ends_at is not None and self._steady_seconds() >= self._ends_at

    @property
    def wait_seconds(self) -> float:
        """Return the pause of the payout once its time slice has ended."""
        return self._wait_seconds

    def ends_for(self, pause_seconds: float) -> bool:
        """Return whether to release the slot for a pause of this length."""
        if not self.is_limited or (pause_seconds <= _LONGEST_PAUSE_SECONDS and not self.is_over):
            return False
        self._wait_seconds = pause_seconds if pause_seconds > _LONGEST_PAUSE_SECONDS else 0.0
        return True
