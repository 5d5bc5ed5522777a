"""The clock: the time of the database, which all processes on all machines share.

A machine whose clock is wrong would start payouts early, call others missed, and sign transactions that the ledger does
not take for hours. So nothing that is decided or stored comes from the machine's clock. The database is asked, and what
it said is carried forward by a clock that nobody can set:

    measure   one exchange with the database, at most every ``_MEASURE_AGAIN_SECONDS``
    now       the measured time plus what has passed since; no exchange

The machine's clock is only compared with the database's. Where the two are far apart, nobody knows which one is wrong,
and the process starts and signs nothing until they agree.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from masspayout.kernel.errors import ClockIsOff
from masspayout.kernel.ledger_time import NANOS_PER_SECOND, to_datetime
from masspayout.kernel.next_steps import Action

# Clocks drift apart by some parts in ten thousand at most: in this time, by some milliseconds.
_MEASURE_AGAIN_SECONDS = 30

# Machines with a time server are milliseconds apart. Nothing but a wrong clock is as far off as this.
LARGEST_DIFFERENCE_SECONDS = 60

# When the machine's clock has moved by so much against the one that nobody can set, the machine was suspended, or its
# clock was set: both are reasons to ask the database again.
_JUMP_NANOS = NANOS_PER_SECOND

# A difference is measured again before a payment is refused because of it, but not more often than this.
_DOUBT_SECONDS = 1


@dataclass(frozen=True, slots=True)
class _Measurement:
    """An answer of the database, with the other clocks when the answer came.

    ``lasted_nanos`` is the duration of the exchange: the database's time may have been later by as much than is
    assumed.
    """

    database_nanos: int
    steady_nanos: int
    host_nanos: int
    lasted_nanos: int


async def _no_offset() -> int:
    return 0


class Clock:
    """The database's time.

    On the sandbox, whose clock can be moved ahead, *now* is the database's time plus what it was moved by; see
    ``follow``. Times that the database itself writes (``created_at`` …) are compared with ``database_now``.

    Args:
        measure: Asks the database for its time, in nanoseconds since 1970.
        host: The machine's clock, in nanoseconds since 1970; tests may give a wrong one.
        steady: A clock that only moves forward, at the pace of time, in nanoseconds.
    """

    def __init__(
        self,
        measure: Callable[[], Awaitable[int]],
        *,
        host: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._measure = measure
        self._host = host
        self._steady = steady
        self._find_offset: Callable[[], Awaitable[int]] = _no_offset
        self._last: _Measurement | None = None

    def follow(self, find_offset: Callable[[], Awaitable[int]]) -> None:
        """Have *now* run ahead of the database by the nanoseconds that a function returns, which each ``now`` calls."""
        self._find_offset = find_offset

    async def now(self) -> datetime:
        """Return the present, by which payouts are due and start.

        Raises:
            DatabaseUnavailable: The database cannot be asked.
        """
        return to_datetime(await self._database_nanos() + await self._find_offset())

    async def database_now(self) -> datetime:
        """Return the database's time, to compare with times that the database wrote by itself.

        Raises:
            DatabaseUnavailable: The database cannot be asked.
        """
        return to_datetime(await self._database_nanos())

    async def offset_nanos(self) -> int:
        """Return by how many nanoseconds *now* is ahead of the database's time."""
        return await self._find_offset()

    def now_nanos(self) -> int:
        """Return the database's time in nanoseconds since 1970, as of the last measurement, without an exchange.

        Before the first measurement this is the machine's time, so callers await ``require_right`` first.

        Before the first one it is the machine's, so it is for those whose caller has asked ``require_right`` before.
        """
        return self._host() if self._last is None else self._carried(self._last)

    def host_now(self) -> datetime:
        """Return the time of the machine's clock."""
        return to_datetime(self._host())

    def steady_seconds(self) -> float:
        """Return the time of a clock that nobody can set, to measure durations."""
        return self._steady() / NANOS_PER_SECOND

    async def require_right(self) -> None:
        """Refuse to start or to sign anything while the machine's clock and the database's are far apart.

        Between two measurements, this makes no exchange with the database.

        Raises:
            ClockIsOff: The clocks are more than ``LARGEST_DIFFERENCE_SECONDS`` apart.
            DatabaseUnavailable: The database cannot be asked.
        """
        await self._database_nanos()
        if self._difference_seconds() > LARGEST_DIFFERENCE_SECONDS:
            await self._database_nanos(at_most_seconds_old=_DOUBT_SECONDS)
        difference_seconds = self._difference_seconds()
        if difference_seconds > LARGEST_DIFFERENCE_SECONDS:
            raise ClockIsOff(
                f"This machine's clock says {to_datetime(self._host()):%Y-%m-%d %H:%M:%S} UTC and the database's "
                f"{to_datetime(self.now_nanos()):%Y-%m-%d %H:%M:%S} UTC: they are {in_words(difference_seconds)} "
                "apart, so this machine starts and signs nothing.",
                "Set the one that is wrong by a time server (timedatectl set-ntp true), then: ",
                Action.EXAMINE,
            )

    async def _database_nanos(self, *, at_most_seconds_old: int = _MEASURE_AGAIN_SECONDS) -> int:
        last = self._last
        if last is None or self._is_stale(last, at_most_seconds_old):
            last = self._last = await self._ask()
        return self._carried(last)

    async def _ask(self) -> _Measurement:
        """Measure the database's time. The answer counts as the time of its arrival, so nothing is due too early."""
        before = self._steady()
        database_nanos = await self._measure()
        after = self._steady()
        return _Measurement(database_nanos, after, self._host(), after - before)

    def _is_stale(self, last: _Measurement, at_most_seconds_old: int) -> bool:
        passed = self._steady() - last.steady_nanos
        jumped = abs(self._host() - last.host_nanos - passed)
        return passed > at_most_seconds_old * NANOS_PER_SECOND or jumped > _JUMP_NANOS

    def _carried(self, last: _Measurement) -> int:
        return last.database_nanos + self._steady() - last.steady_nanos

    def _difference_seconds(self) -> float:
        """Return the least number of seconds that the machine's clock is off."""
        lasted_nanos = 0 if self._last is None else self._last.lasted_nanos
        return max(0, abs(self._host() - self.now_nanos()) - lasted_nanos) / NANOS_PER_SECOND


def in_words(seconds: float) -> str:
    """Return a duration as people write it: ``26 h 0 min``, ``10 min 4 s``, ``5 s``."""
    minutes, whole_seconds = divmod(round(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole_seconds} s" if minutes else f"{whole_seconds} s"
