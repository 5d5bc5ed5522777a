"""Which network it is: its name, and the first block that its mirror nodes keep.

The name is only what the settings say. A mirror node of another network does not know our transactions, and would prove
that none of them ever happened; so its first block is looked at before it is believed.
"""

from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.transport import MirrorUnreadable
from masspayout.ledger.identity import contradict, make_identity


class FirstBlock:
    """Tells networks apart by their first block. Mirror nodes that do not keep it contradict nobody."""

    def __init__(self, name: str, mirror: MirrorClient) -> None:
        self._name = name
        self._mirror = mirror
        self._seen: dict[str | None, str] = {}

    async def identity(self) -> str:
        """Return which network it is, as the first mirror node says that answers.

        Raises:
            LedgerUnavailable: None of them answers.
        """
        return await self._seen_at(None)

    async def require_at(self, url: str) -> None:
        """Check that a mirror node is one of the network.

        Raises:
            LedgerUnavailable: It does not answer.
            MirrorUnreadable: It is one of another network, or another is: nobody can tell which.
        """
        identity, seen = await self.identity(), await self._seen_at(url)
        if contradict(seen, identity):
            raise MirrorUnreadable(
                f"The mirror node {url} is on {seen}, and another on {identity}.",
                "Name mirror nodes of one network in HEDERA_MIRROR_URLS.",
            )

    async def _seen_at(self, url: str | None) -> str:
        """Return which network one mirror node is on, or the first that answers. The block is asked for once."""
        if url not in self._seen:
            block = await self._mirror.first_block(url)
            if block is None:
                return make_identity("hedera", self._name)
            self._seen[url] = make_identity("hedera", self._name, block.hash)
        return self._seen[url]
