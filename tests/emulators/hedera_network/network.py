"""The whole network, put together: one ledger, some nodes, a mirror node, a clock, and whoever operates it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from hedera_network.clock import NetworkClock
from hedera_network.consensus import Consensus
from hedera_network.control import add_control
from hedera_network.entities import TREASURY
from hedera_network.faults import Faults
from hedera_network.fees import FEE_COLLECTION_ACCOUNT, NETWORK_ACCOUNT
from hedera_network.grpc_server import NodeServer
from hedera_network.identifiers import entity_id
from hedera_network.ledger import Ledger
from hedera_network.mirror.server import MirrorServer
from hedera_network.node import Node
from hedera_network.operator import Operator

FIRST_NODE = 3
_HBARS_OF_TREASURY = 10**18


class EmulatedNetwork:
    """A network that listens on ports of this machine.

    Attributes:
        clock: The network's time; ``advance`` it.
        operator: What people do to a ledger besides paying with it.
        mirror: The mirror node, with the requests that reached it.
    """

    def __init__(self, directory: Path, *, nodes: int = 3, name: str | None = None, shares_fees: bool = False) -> None:
        self.clock = NetworkClock(directory / "network-clock")
        self._consensus = Consensus(Ledger(self.clock, name), shares_fees=shares_fees)
        self.operator = Operator(self._consensus)
        self.operator.create_account(account_id=entity_id(TREASURY), tinybars=_HBARS_OF_TREASURY)
        accounts = [FIRST_NODE + index for index in range(nodes)]
        for account in (*accounts, NETWORK_ACCOUNT, FEE_COLLECTION_ACCOUNT):
            self.operator.create_account(account_id=entity_id(account), tinybars=0)
        self._servers = [NodeServer(Node(account, self._consensus), self._consensus) for account in accounts]
        self.mirror = MirrorServer(self._consensus, lambda: [(one.node.account, one.port) for one in self._servers])
        application = self.mirror.application()
        add_control(application, self.operator, self.clock, self.set_faults)
        self._runner = web.AppRunner(application, access_log=None)
        self._mirror_port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve_mirror, name="mirror node", daemon=True)

    @classmethod
    @contextmanager
    def start(
        cls, directory: Path, *, nodes: int = 3, name: str | None = None, shares_fees: bool = False
    ) -> "Iterator[EmulatedNetwork]":
        """Run a network in threads of this process, for as long as the block lasts.

        With a name, it is taken for the same network as any other of that name. ``shares_fees`` is as before HIP-1259.
        """
        network = cls(directory, nodes=nodes, name=name, shares_fees=shares_fees)
        network.open()
        try:
            yield network
        finally:
            network.close()

    @property
    def mirror_url(self) -> str:
        """Where the mirror node listens."""
        return f"http://127.0.0.1:{self._mirror_port}"

    @property
    def node_addresses(self) -> dict[str, str]:
        """Where each node listens, by its account: what the SDK calls a network."""
        return {entity_id(server.node.account): f"127.0.0.1:{server.port}" for server in self._servers}

    def settings(self) -> dict[str, str]:
        """Return the settings that lead to this network."""
        return {
            "ledger": "hedera",
            "hedera_network": "custom",
            "hedera_nodes": ",".join(f"{address}={account}" for account, address in self.node_addresses.items()),
            "hedera_mirror_urls": self.mirror_url,
        }

    @property
    def receipts_asked(self) -> int:
        """How often nodes were asked for a receipt."""
        return sum(server.node.receipts_asked for server in self._servers)

    @property
    def false_receipts(self) -> int:
        """How many receipts said something else than the network's record."""
        return sum(server.node.false_receipts for server in self._servers)

    @property
    def faults(self) -> Faults:
        """What goes wrong at present."""
        return self._consensus.faults

    def set_faults(self, faults: Faults) -> None:
        """Replace what goes wrong."""
        self._consensus.faults = faults

    def open(self) -> None:
        """Listen."""
        for server in self._servers:
            server.start()
        self._thread.start()
        self._ready.wait()
        if not self._mirror_port:
            raise RuntimeError("the mirror node did not start")

    def close(self) -> None:
        """Break every connection, and end."""
        for server in self._servers:
            server.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self.clock.close()

    def _serve_mirror(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
            self._loop.run_forever()
            self._loop.run_until_complete(self._runner.cleanup())
        finally:
            self._ready.set()
            self._loop.close()

    async def _listen(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._mirror_port = self._runner.addresses[0][1]
        self._ready.set()
