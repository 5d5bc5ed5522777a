"""The guard of the clocks: nothing is signed while machine, database and ledger do not agree on the time."""

from datetime import timedelta

from masspayout.kernel.clock import LARGEST_DIFFERENCE_SECONDS, Clock, in_words
from masspayout.kernel.errors import ClockIsOff, LedgerError
from masspayout.kernel.next_steps import Action
from masspayout.ledger.port import Ledger

# The ledger's time costs a request, so it is asked for at most this often.
_ASK_AGAIN_SECONDS = 60.0


class ClockGuard:
    """Compares the machine's, the database's and the ledger's clocks, and remembers the answer for a while."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger
        self._agreed_at: float | None = None

    async def is_right(self) -> bool:
        """Return whether the clocks agree. Between two measurements this costs nothing."""
        try:
            await self.require_right()
        except ClockIsOff:
            return False
        return True

    async def require_right(self) -> None:
        """Refuse to sign while the clocks are far apart.

        Raises:
            ClockIsOff: The machine's clock is far from the database's, or the database's is behind the ledger's.
            DatabaseUnavailable: The database cannot be asked.
        """
        await self._clock.require_right()
        if not self._ledger.traits.signs_times:
            return
        if self._agreed_at is not None and self._clock.steady_seconds() - self._agreed_at < _ASK_AGAIN_SECONDS:
            return
        try:
            lead_seconds = await self._ledger.clock_lead_seconds()
        except LedgerError:
            # Only what is certain stops anybody. Whoever signs next finds out that the ledger is away.
            return
        await require_not_behind(self._clock, lead_seconds)
        self._agreed_at = self._clock.steady_seconds()


async def require_not_behind(clock: Clock, lead_seconds: float | None) -> None:
    """Refuse a database whose clock is behind what the ledger has shown: the ledger does not show the future.

    A ledger that is behind the database proves nothing: what is shown of it may just be late.

    Args:
        clock: The database's clock.
        lead_seconds: By how much the ledger's newest time is ahead of it; None where the ledger tells no time.

    Raises:
        ClockIsOff: It is more than ``LARGEST_DIFFERENCE_SECONDS``.
    """
    if lead_seconds is not None and lead_seconds > LARGEST_DIFFERENCE_SECONDS:
        now = await clock.now()
        raise ClockIsOff(
            f"The database's clock says {now:%Y-%m-%d %H:%M:%S} UTC, and the ledger has shown "
            f"{now + timedelta(seconds=lead_seconds):%Y-%m-%d %H:%M:%S} UTC: it is {in_words(lead_seconds)} behind, so "
            "nothing is signed.",
            "Set the clock of the database's server by a time server, then: ",
            Action.EXAMINE,
        )
