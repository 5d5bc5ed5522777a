"""A way to a server that delays what the server says, can be cut or held, and can lead to another server."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 65_536


class Proxy:
    """Listens on a port of this machine, and passes everything on to another one.

    Attributes:
        port: Where it listens.
        target_port: Where new connections lead to; None turns them away.
        delay_seconds: How late what the server says arrives.
    """

    def __init__(self, target_port: int | None, *, delay_seconds: float = 0.0) -> None:
        self.port = 0
        self.target_port = target_port
        self.delay_seconds = delay_seconds
        self.dropped_bytes = 0
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._links: set[asyncio.Task[None]] = set()

    @property
    def open_count(self) -> int:
        """How many connections lead through it."""
        return len(self._links) // 2

    def lead_to(self, target_port: int | None) -> None:
        """Cut every connection, with what is under way on it, and lead the next ones elsewhere."""
        self.target_port = target_port
        self._do(self._cut)

    def hold(self) -> None:
        """Let nothing through, while all connections stay open."""
        self._do(self._flows.clear)

    def let_through(self) -> None:
        """Let everything through again that was held."""
        self._do(self._flows.set)

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=[started], daemon=True)
        thread.start()
        started.wait()
        try:
            yield self
        finally:
            self._do(self._cut)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _do(self, work: Callable[[], None]) -> None:
        done = threading.Event()

        def call() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(call)
        done.wait()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._link, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _cut(self) -> None:
        for link in self._links:
            link.cancel()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.target_port is None:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        up = asyncio.create_task(self._pass_on(reader, server_writer, lambda: 0.0))
        down = asyncio.create_task(self._pass_on(server_reader, writer, lambda: self.delay_seconds))
        self._links |= {up, down}
        try:
            with suppress(asyncio.CancelledError):  # it was cut; a link that ends otherwise than by itself is no error
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            self._links -= {up, down}
            writer.transport.abort()
            server_writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: Callable[[], float]
    ) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def read() -> None:
            try:
                while data := await reader.read(_CHUNK_BYTES):
                    waiting.put_nowait((time.monotonic() + delay_seconds(), data))
            finally:  # whether it ended, or broke off because its process was killed
                waiting.put_nowait((0.0, b""))

        reading = asyncio.create_task(read())
        try:
            with suppress(ConnectionError):
                while True:
                    due_at, data = await waiting.get()
                    if not data:
                        return
                    await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                    await self._flows.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await reading
            while not waiting.empty():
                self.dropped_bytes += len(waiting.get_nowait()[1])
