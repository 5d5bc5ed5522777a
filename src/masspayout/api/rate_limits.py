"""Rate limits: each caller has a bucket of requests, which fills up again steadily."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from masspayout.kernel.errors import TooManyRequests

_MOST_BUCKETS = 10_000


class RateLimit:
    """So many requests in a minute for each key, in this process."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # By key: how many requests were left, and when. The one that asked longest ago comes first.
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> None:
        """Take one request out of somebody's bucket.

        Raises:
            TooManyRequests: It is empty; it is said when the next request may come.
        """
        now = self._clock()
        left, at = self._buckets.pop(key, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - at) * self._per_minute / 60)
        is_empty = left < 1
        self._buckets[key] = (left if is_empty else left - 1, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if is_empty:
            seconds = math.ceil((1 - left) * 60 / self._per_minute)
            raise TooManyRequests(
                f"More than {self._per_minute:,} requests came in a minute.",
                f"Wait {seconds} seconds; RATE_LIMIT_PER_MINUTE sets the limit.",
                retry_after_seconds=seconds,
            )
