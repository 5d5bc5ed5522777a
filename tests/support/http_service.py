"""The HTTP service on a real socket, with a token for each role."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from masspayout.api import create_app
from masspayout.api.server import answer_requests, listen
from masspayout.context import Context
from masspayout.kernel.roles import Role
from masspayout.service import access


@dataclass
class Service:
    """The HTTP service, as its clients see it, and what is behind it."""

    address: str
    runtime: Context
    tokens: dict[Role, str]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, role: Role | None = Role.ADMIN, **options: object) -> httpx.AsyncClient:
        """A client that comes in with the token of a role, or with nothing."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        client = httpx.AsyncClient(base_url=f"{self.address}/api/v1", headers=headers, timeout=60, **options)  # type: ignore[arg-type]
        self.clients.append(client)
        return client


@asynccontextmanager
async def running(runtime: Context) -> AsyncIterator[Service]:
    """Serve, and have a token for each role."""
    tokens = {}
    async with runtime.database.unit_of_work() as session:
        for role in Role:
            _, tokens[role] = await access.create_token(session, f"a {role}", role=role)
    stop = asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(answer_requests(create_app(runtime), runtime.settings, listener, stop))
        service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}", runtime, tokens)
        # It has come up when it answers: a test that takes its database away at once would stop its start.
        async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
            assert (await client.get("/health")).is_success
        yield service
        for client in service.clients:
            await client.aclose()
        stop.set()
        await serving
