"""How often somebody may ask."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masspayout.api.rate_limits import RateLimit
from masspayout.kernel.errors import TooManyRequests


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(per_minute=st.integers(1, 50), steps=st.lists(st.floats(0, 5), max_size=100))
def test_never_more_than_a_bucket_and_what_flows_in(per_minute: int, steps: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_minute, clock)
    taken = 0
    for step in steps:
        clock.now += step
        with suppress(TooManyRequests):
            limit.take("x")
            taken += 1
    assert taken <= per_minute + clock.now * per_minute / 60 + 1


def test_who_waits_as_told_is_let_in_and_others_are_not_held_up() -> None:
    clock = Clock()
    limit = RateLimit(3, clock)
    for _ in range(3):
        limit.take("x")
    with pytest.raises(TooManyRequests) as refusal:
        limit.take("x")
    limit.take("y")
    clock.now += refusal.value.retry_after_seconds
    limit.take("x")
