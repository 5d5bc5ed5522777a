"""Listening, and answering until told to stop."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from masspayout.kernel.errors import Invalid
from masspayout.kernel.next_steps import Field
from masspayout.settings import Settings

# How long requests that are under way at the end may still take.
_LAST_REQUESTS_SECONDS = 30
_WAITING_CONNECTIONS = 2048


class _Server(uvicorn.Server):
    """A server that leaves signals to others: what they stop is more than a server."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free.

    Raises:
        Invalid: The address is none of this machine's, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_WAITING_CONNECTIONS)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Invalid(
            f"The service cannot listen on {host}, port {port}: {reason}.",
            "Choose others with ",
            Field.HOST,
            " and ",
            Field.PORT,
            ".",
        ) from None


async def answer_requests(app: FastAPI, settings: Settings, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests until told to stop; those that are under way then are answered first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies or "",
        timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
