"""Progress: how far a payout is, how fast it goes and how long it may take."""

import time
from collections import deque

from masspayout.dashboard.formats import count, duration, percent
from masspayout.dashboard.markup import Html, h

_SECONDS_LOOKED_BACK = 15.0


def progress_bar(paid: int, failed: int, total: int, *, thin: bool = False) -> Html:
    """Return a bar: what is paid in one colour, what failed in another."""
    return h(
        "div",
        h("i", style=f"width:{_width(paid, total)}", class_="good" if total and paid == total else ""),
        h("i", style=f"width:{_width(failed, total)}", class_="bad"),
        class_="progress thin" if thin else "progress",
        role="progressbar",
        aria_valuemin=0,
        aria_valuemax=total,
        aria_valuenow=paid + failed,
        aria_label=f"{percent(paid, total)} paid",
    )


class Pace:
    """The rate of a count, from its values in the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """Remember how much is done now."""
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _SECONDS_LOOKED_BACK:
            self._seen.popleft()

    def say(self, left: int) -> str:
        """Return the rate and the time left, as text."""
        (since, before), (now, done) = self._seen[0], self._seen[-1]
        per_second = (done - before) / max(now - since, 0.001)
        if per_second <= 0:
            return "waiting for the ledger …"
        return f"{count(round(per_second))} holders/s · about {duration(left / per_second)} left"


def _width(part: int, total: int) -> str:
    return f"{100 * part / total:.3f}%" if total else "0"
