"""Web servers on loopback that take webhooks, each in its own way: well, slowly, never, with redirects, with errors."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Respond = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """One request, as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature as docs/webhooks.md tells a receiver to."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(self.headers["webhook-signature"], f"v1,{expected}")


@dataclass
class Target:
    """A server that is told of events."""

    url: str
    received: list[Received] = field(default_factory=list)


def answer(status: int, *headers: str, body: bytes = b"") -> Respond:
    async def respond(_: Received, writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "", ""])
        writer.write(head.encode() + body)
        await writer.drain()

    return respond


async def never(_: Received, __: asyncio.StreamWriter) -> None:
    """Answer nothing, for as long as anybody waits."""
    await asyncio.Event().wait()


async def drop(_: Received, writer: asyncio.StreamWriter) -> None:
    """Hang up."""
    writer.transport.abort()


async def endlessly(_: Received, writer: asyncio.StreamWriter) -> None:
    """Answer well, with a body that has no end."""
    writer.write(b"HTTP/1.1 200 So\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")
        await writer.drain()


async def garbage(_: Received, writer: asyncio.StreamWriter) -> None:
    """Answer something that is no HTTP."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


@asynccontextmanager
async def listening(respond: Respond) -> AsyncIterator[Target]:
    """Run a server until the block ends."""
    target = Target("")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
            received = Received(headers, await reader.readexactly(int(headers.get("content-length", "0"))))
            target.received.append(received)
            await respond(received, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever sent it went away, which is what some tests are about
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    target.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/payouts"
    try:
        yield target
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
