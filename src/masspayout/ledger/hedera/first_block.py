"""The identity of a network: its name, and the first block that its mirror nodes keep.

The name is from the settings alone. A mirror node of another network does not know our transactions, and would prove
that none of them ever happened; so its first block is checked before its answers count.
"""

from masspayout.ledger.hedera.mirror.client import MirrorClient
from masspayout.ledger.hedera.mirror.transport import MirrorUnreadable
from masspayout.ledger.identity import contradict, make_identity


class FirstBlock:
    """The first block of a network, which differs from that of any other.

    Mirror nodes that do not keep it contradict none.
    """

    def __init__(self, name: str, mirror: MirrorClient) -> None:
        self._name = name
        self._mirror = mirror
        self._seen: dict[str | None, str] = {}

    async def identity(self) -> str:
        """Return the identity of the network, from the first mirror node that answers.

        Raises:
            LedgerUnavailable: No mirror node answers.
        """
        return await self._seen_at(None)

    async def require_at(self, url: str) -> None:
        """Check that a mirror node is one of the network.

        Raises:
            LedgerUnavailable: The mirror node does not answer.
            MirrorUnreadable: Two mirror nodes are of different networks, and either may be the wrong one.
        """
        identity, seen = await self.identity(), await self._seen_at(url)
        if contradict(seen, identity):
            raise MirrorUnreadable(
                f"The mirror node {url} is on {seen}, and another on {identity}.",
                "Name mirror nodes of one network in HEDERA_MIRROR_URLS.",
            )

    async def _seen_at(self, url: str | None) -> str:
        """Return the identity by one mirror node, or by the first that answers. The block is requested once."""
        if url not in self._seen:
            block = await self._mirror.first_block(url)
            if block is None:
                return make_identity("hedera", self._name)
            self._seen[url] = make_identity("hedera", self._name, block.hash)
        return self._seen[url]
