"""Browsers that sign in through an OpenID Connect provider, and services that know one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from http_service import Service, running
from masspayout.db.session import Database
from masspayout.service.access import SESSION_COOKIE, Identity, find_session
from masspayout.settings import Settings
from oidc_provider import CLIENT_ID, CLIENT_SECRET, RealProvider
from payouts import make_runtime

_MOST_HOPS = 12


class Browser:
    """A browser: it follows redirects between the service and the provider, with the cookies of each."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.clients: dict[str, httpx.AsyncClient] = {}

    def at(self, address: str) -> httpx.AsyncClient:
        """Return the client for the host of an address."""
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self.clients:
            self.clients[origin] = httpx.AsyncClient(base_url=origin, timeout=60)
        return self.clients[origin]

    @property
    def here(self) -> httpx.AsyncClient:
        """The client for the service."""
        return self.at(self.service.address)

    async def go(self, address: str) -> httpx.Response:
        """Open an address, and go where it leads, until the service has an answer of its own or has signed in."""
        for _ in range(_MOST_HOPS):
            response = await self.at(address).get(address)
            if not response.is_redirect or SESSION_COOKIE in response.cookies:
                return response
            address = str(response.url.join(response.headers["location"]))
        raise AssertionError(f"the redirects do not end: {address}")

    async def sign_in(self, path: str = "/sign-in/oidc") -> httpx.Response:
        """Sign in through the provider, and return how the service ended it."""
        return await self.go(f"{self.service.address}{path}")

    async def identity(self) -> Identity:
        """Return the identity that the service knows the browser by."""
        return await find_session(self.service.runtime.database, self.here.cookies.get(SESSION_COOKIE) or "")

    async def close(self) -> None:
        """Close it."""
        for client in self.clients.values():
            await client.aclose()


@asynccontextmanager
async def service_with(
    database: Database, settings: Settings, provider: RealProvider, **more: Any
) -> AsyncIterator[Service]:
    """Serve, with the provider in the settings, and the service registered there."""
    known: dict[str, Any] = {
        "oidc_issuer": provider.address,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
    }
    runtime = make_runtime(database, settings.model_copy(update=known | more))
    async with running(runtime) as service:
        provider.register(service.address)
        yield service
    await runtime.ledger.close()


async def sign_in(service: Service, path: str = "/sign-in/oidc") -> httpx.Response:
    """Sign in through a provider without pages, as a browser does, and return how the service ended it."""
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as browser:
        begun = await browser.get(path)
        assert begun.status_code == 303, begun.text
        answer = await browser.get(begun.headers["location"])
        return await browser.get(answer.headers["location"])


def cookie_of(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return answer.cookies["masspayout_session"]


async def identity_of(service: Service, answer: httpx.Response) -> Identity:
    return await find_session(service.runtime.database, cookie_of(answer))
