"""The HTTP service on a real socket, with a user, a token and a session for each role."""

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
from masspayout.service.access import SESSION_COOKIE
from masspayout.service.access.sessions import WayIn, begin_session


@dataclass
class Service:
    """The HTTP service, as its clients see it, and what is behind it."""

    address: str
    runtime: Context
    tokens: dict[Role, str]
    cookies: dict[Role, str]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, role: Role | None = Role.ADMIN, **options: object) -> httpx.AsyncClient:
        """A client that comes in with the token of a role, or with nothing."""
        return self._client({} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}, **options)

    def person(self, role: Role, **options: object) -> httpx.AsyncClient:
        """A client that comes in with the session of the role's user, as a browser does."""
        return self._client({"Cookie": f"{SESSION_COOKIE}={self.cookies[role]}"}, **options)

    def _client(self, headers: dict[str, str], **options: object) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=f"{self.address}/api/v1", headers=headers, timeout=60, **options)  # type: ignore[arg-type]
        self.clients.append(client)
        return client


@asynccontextmanager
async def running(runtime: Context) -> AsyncIterator[Service]:
    """Serve, and have a user for each role, with a token and a session."""
    tokens, cookies = {}, {}
    async with runtime.database.unit_of_work() as session:
        for role in Role:
            user = await access.add_user(session, f"the-{role}", role=role)
            _, tokens[role] = await access.create_token(session, f"a {role}", role=role, owner_id=user.id)
            _, cookies[role] = await begin_session(session, runtime.settings, user, None, WayIn.PASSWORD)
    stop = asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(answer_requests(create_app(runtime), runtime.settings, listener, stop))
        service = Service(f"http://127.0.0.1:{listener.getsockname()[1]}", runtime, tokens, cookies)
        # It has come up when it answers: a test that takes its database away at once would stop its start.
        async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
            assert (await client.get("/health")).is_success
        yield service
        for client in service.clients:
            await client.aclose()
        stop.set()
        await serving
