"""Recipients: who of many could not get a payment token as things stand, asked before anything is sent.

Of many accounts at once some ledgers tell only a part; whether one is frozen takes a question of its own. That is
asked about a few thousand, spread evenly over all, so that the preview of a large payout takes minutes and not hours.
How many were left out is said; they are found out at the latest when they are paid, by a transaction that fails.
"""

from collections.abc import Callable, Iterator, Sequence

from masspayout.kernel.types import PaymentToken
from masspayout.ledger.port import Ledger
from masspayout.settings import Settings

# How many accounts the ledger is asked about at once.
CHUNK_SIZE = 1000

# Is told how many accounts the ledger has been asked about, while it is.
ProgressCallback = Callable[[int], None]


def ignore_progress(_: int) -> None:
    """Ignore how many accounts the ledger has been asked about."""


class RecipientCheck:
    """Asks the ledger about the recipients of one payout, chunk by chunk.

    Args:
        ledger: The ledger.
        settings: ``PREFLIGHT_CLOSE_LOOKS`` counts.
        token: The payment token and the payer.
        total_count: How many they are in all.
        checked: Is told how many it was so far, after each chunk.

    Attributes:
        unpayable: The accounts that cannot receive the token, each with the failure code.
        unchecked_count: Of how many others it is not known.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        token: PaymentToken,
        total_count: int,
        on_progress: ProgressCallback = ignore_progress,
    ) -> None:
        self._ledger = ledger
        self._token = token
        self._total_count = total_count
        self._max_lookups = min(settings.preflight_close_looks, total_count)
        self._on_progress = on_progress
        self._asked_count = 0
        self.unpayable: dict[str, str] = {}
        self.unchecked_count = 0

    async def ask(self, account_ids: Sequence[str]) -> None:
        """Ask about some more of them."""
        if not account_ids:
            return
        before = self._lookups_until(self._asked_count)
        self._asked_count += len(account_ids)
        result = await self._ledger.preflight(
            self._token.payer_account_id,
            self._token.token_id,
            account_ids,
            self._token.contract_terms,
            max_lookups=self._lookups_until(self._asked_count) - before,
        )
        self.unpayable |= result.failures
        self.unchecked_count += result.unchecked_count
        self._on_progress(self._asked_count)

    def _lookups_until(self, count: int) -> int:
        """Return how many of the first so many accounts may be asked one by one."""
        return self._max_lookups * count // max(self._total_count, 1)


def chunks(account_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut accounts into as many as the ledger is asked about at once."""
    for start in range(0, len(account_ids), CHUNK_SIZE):
        yield account_ids[start : start + CHUNK_SIZE]
