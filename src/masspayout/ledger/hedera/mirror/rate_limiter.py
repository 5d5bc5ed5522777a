"""A token bucket: so many requests a second, evenly, with a second's worth saved up at most."""

import asyncio
from collections.abc import Awaitable, Callable


class RateLimiter:
    """A rate limiter that lets callers pass in the order in which they came.

    Args:
        per_second: The rate.
        burst: The number of callers that may pass at once after a pause.
        clock: The time in seconds; tests may give their own.
        sleep: The function that waits for some seconds; tests may give their own.
    """

    def __init__(
        self,
        per_second: float,
        *,
        burst: int = 1,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_seconds = 1 / per_second
        self._burst_seconds = (burst - 1) * self._interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._next_at = float("-inf")

    async def wait(self) -> None:
        """Return when it is the caller's turn. Each call takes one place, used or not."""
        now = (self._clock or asyncio.get_running_loop().time)()
        turn_at = max(self._next_at, now - self._burst_seconds)
        self._next_at = turn_at + self._interval_seconds
        if turn_at > now:
            await self._sleep(turn_at - now)
