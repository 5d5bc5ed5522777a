"""Browsers come in: by cookie, by link, and through an OpenID Connect provider on a real socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from http_service import Service, running
from masspayout.api.server import answer_requests, listen
from masspayout.db.session import Database
from masspayout.kernel.errors import Invalid
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.service.access.oidc import parse_roles
from masspayout.settings import Settings
from payouts import make_runtime

PASSWORD = "correct horse battery staple"


class Provider:
    """A small OpenID Connect provider: it lets everybody in as whoever the test says, and checks what we send."""

    def __init__(self) -> None:
        self.address = ""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "the key"})
        self.signs_with = self.key
        self.claims: dict[str, Any] = {"sub": "42", "preferred_username": "Ana", "roles": ["approver"]}
        self.overrides: dict[str, Any] = {}
        self.challenges: dict[str, tuple[str, str]] = {}
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self.metadata)
        self.app.get("/authorize")(self.authorize)
        self.app.post("/token")(self.token)
        self.app.get("/keys")(self.keys)

    async def metadata(self) -> dict[str, str]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }

    async def authorize(self, request: Request) -> Response:
        query = request.query_params
        assert query["client_id"] == "masspayout"
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = (query["code_challenge"], query["nonce"])
        return RedirectResponse(f"{query['redirect_uri']}?code={code}&state={query['state']}")

    async def token(self, request: Request) -> Response:
        form = await request.form()
        found = self.challenges.pop(str(form["code"]), None)
        if found is None or request.headers["authorization"] != "Basic bWFzc3BheW91dDpzZWNyZXQ=":
            return JSONResponse({"error": "invalid_grant"}, 400)
        challenge, nonce = found
        assert form["code_verifier"] != challenge
        now = int(time.time())
        claims = {"iss": self.address, "aud": "masspayout", "iat": now, "exp": now + 60, "nonce": nonce}
        header = {"alg": "RS256", "kid": "the key"}
        token = jwt.encode(header, claims | self.claims | self.overrides, self.signs_with)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    async def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}


@asynccontextmanager
async def served(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    stop = asyncio.Event()
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(answer_requests(app, settings, listener, stop))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        await serving


@pytest.fixture
async def provider(settings: Settings) -> AsyncIterator[Provider]:
    provider = Provider()
    async with served(provider.app, settings) as provider.address:
        yield provider


@pytest.fixture
async def with_provider(database: Database, settings: Settings, provider: Provider) -> AsyncIterator[Service]:
    """The service of a database of its own, which knows the provider."""
    oidc = {
        "oidc_issuer": provider.address,
        "oidc_client_id": "masspayout",
        "oidc_client_secret": SecretStr("secret"),
    }
    runtime = make_runtime(database, settings.model_copy(update=oidc))
    async with running(runtime) as service:
        yield service
    await runtime.ledger.close()


async def sign_in(service: Service) -> httpx.Response:
    """Sign in through the provider, as a browser does, and return how the service ended it."""
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as browser:
        begun = await browser.get("/sign-in/oidc")
        assert begun.status_code == 303
        answer = await browser.get(begun.headers["location"])
        return await browser.get(answer.headers["location"])


def cookie_of(answer: httpx.Response) -> str:
    return answer.cookies["masspayout_session"]


async def role_of(service: Service, cookie: str) -> Role:
    return (await access.find_session(service.runtime.database, cookie)).role


async def test_the_provider_says_who_somebody_is_and_what_for(with_provider: Service, provider: Provider) -> None:
    answer = await sign_in(with_provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    identity = await access.find_session(with_provider.runtime.database, cookie_of(answer))
    assert (identity.name, identity.role) == ("ana", Role.APPROVER)
    provider.claims["roles"] = ["viewer", "unknown", "operator"]
    again = await sign_in(with_provider)
    second = await access.find_session(with_provider.runtime.database, cookie_of(again))
    assert (second.id, second.role) == (identity.id, Role.OPERATOR)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"roles": []}, 403),
        ({"roles": "janitor"}, 403),
        ({"roles": None}, 403),
        ({"iss": "http://elsewhere"}, 401),
        ({"aud": "another"}, 401),
        ({"exp": 1}, 401),
        ({"nonce": "another"}, 401),
        ({"nonce": None}, 401),
    ],
)
async def test_a_token_that_is_not_for_us_lets_nobody_in(
    with_provider: Service, provider: Provider, claims: dict[str, Any], status: int
) -> None:
    provider.overrides = claims
    answer = await sign_in(with_provider)
    assert answer.status_code == status, answer.text
    assert "masspayout_session" not in answer.cookies


async def test_a_token_that_somebody_else_signed_lets_nobody_in(with_provider: Service, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "the key"})
    assert (await sign_in(with_provider)).status_code == 401


async def test_an_answer_that_was_not_asked_for_lets_nobody_in(with_provider: Service, provider: Provider) -> None:
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60) as browser:
        assert (await browser.get("/sign-in/oidc/callback?code=x&state=y")).status_code == 401
        begun = await browser.get("/sign-in/oidc")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        assert (await browser.get("/sign-in/oidc/callback?code=x&state=another")).status_code == 401
        assert (await browser.get(f"/sign-in/oidc/callback?error=access_denied&state={state}")).status_code == 401
        assert (await browser.get(f"/sign-in/oidc/callback?code=unknown&state={state}")).status_code == 401


async def test_a_user_of_our_own_is_not_taken_over(with_provider: Service, provider: Provider) -> None:
    async with with_provider.runtime.database.unit_of_work() as session:
        await access.add_user(session, "ana", role=Role.ADMIN, password=PASSWORD)
    assert (await sign_in(with_provider)).status_code == 409


async def test_who_is_disabled_stays_out(with_provider: Service, provider: Provider) -> None:
    await sign_in(with_provider)
    async with with_provider.runtime.database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, "ana"), disabled=True)
    assert (await sign_in(with_provider)).status_code == 403


def test_roles_of_a_provider_are_read() -> None:
    assert parse_roles("cfo=approver, ops=operator ,") == {"cfo": Role.APPROVER, "ops": Role.OPERATOR}
    with pytest.raises(Invalid, match="OIDC_ROLES"):
        parse_roles("cfo=boss")


async def test_a_link_signs_in_when_its_button_is_pressed(service: Service) -> None:
    async with service.runtime.database.unit_of_work() as session:
        user = await access.local_admin(session, "Root User")
        secret = await access.make_login_link(session, user)
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as browser:
        assert "button" in (await browser.get(f"/sign-in/{secret}")).text
        answer = await browser.post(f"/sign-in/{secret}")
        assert answer.status_code == 303
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert (await browser.get("/api/v1/tokens")).status_code == 200
        assert (await browser.post(f"/sign-in/{secret}")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_pages_of_other_sites_cannot_use_a_browsers_cookie(
    service: Service, headers: dict[str, str], status: int
) -> None:
    async with service.runtime.database.unit_of_work() as session:
        user = await access.local_admin(session, "tester")
    async with service.runtime.database.unit_of_work() as session:
        secret = await access.make_login_link(session, user)
    _, cookie = await access.log_in_by_link(service.runtime.database, service.runtime.settings, secret)
    cookies = {"masspayout_session": cookie}
    async with httpx.AsyncClient(base_url=f"{service.address}/api/v1", cookies=cookies, timeout=60) as browser:
        answer = await browser.post("/tokens", json={"name": "x"}, headers=headers)
        assert answer.status_code == status, answer.text
        assert (await browser.get("/tokens", headers=headers)).status_code == 200


async def test_a_revoked_token_is_no_good_at_once(service: Service) -> None:
    admin = service.client(Role.ADMIN)
    made = (await admin.post("/tokens", json={"name": "short-lived", "role": "viewer"})).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await service.client(None).get("/assets", headers=headers)).status_code == 200
    assert (await admin.delete(f"/tokens/{made['id']}")).status_code == 204
    assert (await service.client(None).get("/assets", headers=headers)).status_code == 401
    assert json.loads((await admin.delete(f"/tokens/{made['id']}")).text)["status"] == 409
