"""Logout tokens that end sessions, and those that must not; and the address that a provider sends people back to."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from http_service import Service
from lying_provider import LOGOUT_EVENT, LyingProvider, new_key
from masspayout.kernel.errors import NotAuthenticated
from masspayout.service import access
from oidc_logins import cookie_of, identity_of, sign_in


async def log_out(service: Service, token: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as provider:
        return await provider.post("/auth/backchannel-logout", data={"logout_token": token})


async def is_open(service: Service, answer: httpx.Response) -> bool:
    try:
        return bool(await access.find_session(service.runtime.database, cookie_of(answer)))
    except NotAuthenticated:
        return False


@pytest.mark.parametrize(
    ("claims", "is_open_after"),
    [
        ({"sub": "42"}, (False, False)),
        ({"sid": "one"}, (False, True)),
        ({"sub": "42", "sid": "two"}, (True, False)),
        ({"sub": "43"}, (True, True)),
        ({"sid": "three"}, (True, True)),
    ],
)
async def test_a_logout_token_ends_the_sessions_that_it_names(
    with_provider: Service, provider: LyingProvider, claims: dict[str, Any], is_open_after: tuple[bool, bool]
) -> None:
    answers = []
    for provider.claims["sid"] in ("one", "two"):
        answers.append(await sign_in(with_provider))
    response = await log_out(with_provider, provider.logout_token(**claims))
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    assert tuple([await is_open(with_provider, answer) for answer in answers]) == is_open_after


async def test_a_session_of_an_unknown_beginning_ends_with_any_of_its_person(
    with_provider: Service, provider: LyingProvider
) -> None:
    answer = await sign_in(with_provider)
    await log_out(with_provider, provider.logout_token(sub="42", sid="whatever"))
    assert not await is_open(with_provider, answer)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "42", "events": None},
        {"sub": "42", "events": {"other": {}}},
        {"sub": "42", "events": LOGOUT_EVENT},
        {"sub": "42", "nonce": "x"},
        {"sub": "42", "aud": "another"},
        {"sub": "42", "iss": "http://elsewhere"},
        {"sub": "42", "iat": None},
        {"sub": "42", "iat": 1},
        {"sub": "42", "exp": 1},
        {"sub": 42},
        {},
    ],
)
async def test_what_is_no_logout_token_ends_nothing(
    with_provider: Service, provider: LyingProvider, claims: dict[str, Any]
) -> None:
    answer = await sign_in(with_provider)
    provider.overrides = claims
    response = await log_out(with_provider, provider.logout_token())
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert await is_open(with_provider, answer)


async def test_what_strangers_send_ends_nothing_and_asks_nothing_of_the_provider(
    with_provider: Service, provider: LyingProvider
) -> None:
    answer = await sign_in(with_provider)
    asked = len(provider.requests)
    provider.signs_with = new_key("a stranger's")
    for token in (provider.logout_token(sub="42"), "", "x", "a.b.c", "e30.e30.e30", "é" * 50):
        assert (await log_out(with_provider, token)).status_code == 400
    assert (await log_out(with_provider, "x" * 100_000)).status_code == 413
    assert len(provider.requests) == asked
    assert await is_open(with_provider, answer)


async def redirect_address(service: Service, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.address, timeout=60, headers=headers) as browser:
        return await browser.get("/sign-in/oidc")


async def test_the_host_of_a_request_is_believed_for_this_machine_only(with_provider: Service) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "payouts.example.com:8000"):
        refused = await redirect_address(with_provider, {"Host": host})
        assert refused.status_code == 422
        assert "Set PUBLIC_URL" in refused.text
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        begun = await redirect_address(with_provider, {"Host": host})
        (address,) = parse_qs(urlsplit(begun.headers["location"]).query)["redirect_uri"]
        assert address == f"http://{host}/sign-in/oidc/callback"


@pytest.mark.parametrize("more_settings", [{"public_url": "https://payouts.example.com"}])
async def test_the_public_address_counts_whatever_the_host(with_provider: Service) -> None:
    for host in ("evil.example", "localhost"):
        begun = await redirect_address(with_provider, {"Host": host, "X-Forwarded-Host": "evil.example"})
        (address,) = parse_qs(urlsplit(begun.headers["location"]).query)["redirect_uri"]
        assert address == "https://payouts.example.com/sign-in/oidc/callback"
        assert "secure" in begun.headers["set-cookie"].lower()


async def test_a_session_without_a_way_to_ask_ends_with_its_time(
    with_provider: Service, provider: LyingProvider
) -> None:
    answer = await sign_in(with_provider)
    async with with_provider.runtime.database.unit_of_work() as work:
        identity = await identity_of(with_provider, answer)
        session = await work.login_sessions.get(identity.credential_id)
        assert session.confirm_by is not None
        assert 590 < session.confirm_by.timestamp() - time.time() <= 600
        assert session.confirming_until == session.expires_at
