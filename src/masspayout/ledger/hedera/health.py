"""The health of the network: its reachability, and the difference of its time from ours."""

from collections.abc import Callable

from masspayout.kernel.errors import Conflict, LedgerUnavailable
from masspayout.kernel.ledger_time import NANOS_PER_SECOND
from masspayout.ledger.hedera.first_block import FirstBlock
from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.nodes import ConsensusNodes

# Mirror nodes are some seconds behind; a larger difference means that one hangs, or that our clock is wrong.
_LONGEST_LAG_SECONDS = 300
_LONGEST_LEAD_SECONDS = 5


class NetworkHealth:
    """A check of a network that changes nothing."""

    def __init__(
        self,
        name: str,
        mirror: MirrorClient,
        nodes: ConsensusNodes,
        first_block: FirstBlock,
        clock: Callable[[], int],
    ) -> None:
        self._name = name
        self._mirror = mirror
        self._nodes = nodes
        self._first_block = first_block
        self._clock = clock

    async def describe(self) -> str:
        """Return a sentence about the network's reachability.

        Raises:
            Conflict: The network's time is far from ours.
            LedgerUnavailable: No mirror node or no consensus node answers, or mirror nodes are of different networks.
        """
        ages = await self._ages_of_mirrors()
        reached = await self._nodes.check()
        if not any(reached.values()):
            raise LedgerUnavailable(
                f"None of the {len(reached)} consensus nodes of {self._name} can be reached.",
                "Check HEDERA_NODES, and that the network lets connections to their ports out.",
            )
        return (
            f"{self._name}: {len(ages)} of {len(self._mirror.urls)} mirror nodes answer, the newest block is "
            f"{max(0, min(ages))} s old; {sum(reached.values())} of {len(reached)} consensus nodes can be reached."
        )

    async def _ages_of_mirrors(self) -> list[int]:
        """Return the age in seconds of the newest block of each mirror node that answers."""
        ages: list[int] = []
        failure = LedgerUnavailable(f"No mirror node of {self._name} has a block.", "Check HEDERA_MIRROR_URLS.")
        for url in self._mirror.urls:
            try:
                block = await self._mirror.newest_block(url)
            except LedgerUnavailable as error:
                failure = error
                continue
            await self._first_block.require_at(url)
            if block is not None and block.timestamp.to is not None:
                ages.append((self._clock() - block.timestamp.to) // NANOS_PER_SECOND)
        if not ages:
            raise failure
        if min(ages) > _LONGEST_LAG_SECONDS:
            raise Conflict(
                f"The newest block that a mirror node of {self._name} has is {min(ages)} seconds old.",
                "Wait for the mirror node, name another in HEDERA_MIRROR_URLS, or set the database server's clock.",
            )
        if min(ages) < -_LONGEST_LEAD_SECONDS:
            raise Conflict(
                f"The database's clock is at least {-min(ages)} seconds behind {self._name}'s.",
                "Set it by a time server: what is signed now would expire early.",
            )
        return ages
