"""Answers of an OpenID Connect provider that nobody should come in with, and reasons that everybody can read."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from http_service import Service
from lying_provider import LyingProvider, new_key
from masspayout.kernel.errors import NotAuthenticated
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.service.access.oidc import Confirmations, OpenIdProvider
from oidc_logins import identity_of, sign_in

PASSWORD = "correct horse battery staple"


async def test_the_provider_says_who_somebody_is_and_what_for(with_provider: Service, provider: LyingProvider) -> None:
    answer = await sign_in(with_provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    identity = await identity_of(with_provider, answer)
    assert (identity.name, identity.role) == ("ana", Role.APPROVER)
    provider.claims["roles"] = ["viewer", "unknown", "operator"]
    second = await identity_of(with_provider, await sign_in(with_provider))
    assert (second.id, second.role) == (identity.id, Role.OPERATOR)


@pytest.mark.parametrize(
    ("claims", "status", "reason"),
    [
        ({"roles": []}, 403, "names no role for you in the claim &#x27;roles&#x27;"),
        ({"roles": "janitor"}, 403, "viewer, operator, approver, admin"),
        ({"roles": None}, 403, "names no role"),
        ({"roles": None, "_claim_names": {"groups": "src1"}}, 403, "too many groups"),
        ({"iss": "http://elsewhere"}, 401, "http://elsewhere"),
        ({"aud": "another"}, 401, "for the audience &#x27;another&#x27;"),
        ({"aud": ["masspayout", "x"], "azp": "x"}, 401, "OIDC_CLIENT_ID"),
        ({"exp": 1}, 401, "expired at 1970-01-01 00:00:01 UTC, and here it is"),
        ({"exp": "soon"}, 401, "does not say when it expires"),
        ({"iat": 4_102_444_800}, 401, "valid from 2100-01-01 00:00:00 UTC on"),
        ({"iat": 1e300, "exp": 2e300}, 401, "the clock of the provider"),
        ({"nonce": "another"}, 401, "another sign-in"),
        ({"nonce": None}, 401, "another sign-in"),
        ({"sub": 5}, 401, "does not say whose it is"),
    ],
)
async def test_a_token_that_is_not_for_us_lets_nobody_in_and_the_page_says_why(
    with_provider: Service,
    provider: LyingProvider,
    claims: dict[str, Any],
    status: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.overrides = claims
    with caplog.at_level(logging.WARNING):
        answer = await sign_in(with_provider)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert reason in answer.text
    assert "masspayout_session" not in answer.cookies
    assert [record for record in caplog.records if "a sign-in through the provider failed" in record.message]


async def test_a_token_that_somebody_else_signed_lets_nobody_in(
    with_provider: Service, provider: LyingProvider
) -> None:
    provider.signs_with = new_key()
    answer = await sign_in(with_provider)
    assert answer.status_code == 401
    assert "its signature is not valid" in answer.text


async def test_a_wrong_secret_is_called_one(with_provider: Service, provider: LyingProvider) -> None:
    provider.expected_secret = "another"
    answer = await sign_in(with_provider)
    assert answer.status_code == 401
    assert "does not accept this service as its client: invalid_client: Wrong secret." in answer.text
    assert "OIDC_CLIENT_SECRET" in answer.text


@pytest.mark.parametrize("more_settings", [{"oidc_client_secret": SecretStr("")}])
async def test_a_public_client_needs_no_secret(with_provider: Service, provider: LyingProvider) -> None:
    provider.expected_secret = None
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "ana"


async def test_the_secret_goes_where_the_provider_takes_it(with_provider: Service, provider: LyingProvider) -> None:
    provider.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "ana"


async def test_a_key_that_is_not_known_locks_nobody_out(with_provider: Service, provider: LyingProvider) -> None:
    strange = [{"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "x"}, {"kty": "EC", "crv": "none"}, "x", {}]
    provider.published = [*strange, *provider.published]  # type: ignore[list-item]
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "ana"


async def test_new_keys_are_read_when_a_token_needs_one_but_not_for_every_stranger(
    with_provider: Service, provider: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(with_provider)
    provider.signs_with = new_key("the next key")
    provider.published = [dict(provider.signs_with.as_dict(private=False))]
    read = provider.requests.count("keys")
    assert "a key that the provider does not publish" in (await sign_in(with_provider)).text
    assert provider.requests.count("keys") == read, "they were read a moment ago"
    monkeypatch.setattr("masspayout.service.access.oidc.connections._SOONEST_SECONDS", 0.0)
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "ana"
    assert provider.requests.count("keys") == read + 1
    assert provider.requests.count("metadata") == 1


async def test_what_the_provider_says_of_itself_is_read_again_after_a_while(
    with_provider: Service, provider: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(with_provider)
    await sign_in(with_provider)
    assert provider.requests.count("metadata") == 1
    monkeypatch.setattr("masspayout.service.access.oidc.connections._KEPT_SECONDS", 0.0)
    await sign_in(with_provider)
    assert provider.requests.count("metadata") > 1


async def test_an_answer_that_was_not_asked_for_lets_nobody_in(with_provider: Service) -> None:
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60) as browser:
        assert (await browser.get("/sign-in/oidc/callback?code=x&state=y")).status_code == 401
        begun = await browser.get("/sign-in/oidc")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        assert (await browser.get("/sign-in/oidc/callback?code=x&state=another")).status_code == 401
        # The state is right where the cookie's name looks, and wrong behind it.
        assert (await browser.get(f"/sign-in/oidc/callback?code=x&state={state[:20]}")).status_code == 401


@pytest.mark.parametrize("answer", ["code=unknown", "error=access_denied&error_description=No%20way"])
async def test_an_answer_without_tokens_lets_nobody_in(with_provider: Service, answer: str) -> None:
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60) as browser:
        begun = await browser.get("/sign-in/oidc")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        response = await browser.get(f"/sign-in/oidc/callback?{answer}&state={state}")
        assert response.status_code == 401
        assert "access_denied: No way" in response.text or "invalid_grant" in response.text


@pytest.mark.parametrize(
    "cookie",
    ['{"state":5}', "[]", "5", "x", "%ff", '{"state":"s","nonce":"n","verifier":"\\ud800"}', '{"state":"s"}', "null"],
)
async def test_garbage_in_the_cookie_is_no_error_of_ours(with_provider: Service, cookie: str) -> None:
    headers = {"Cookie": f"masspayout_oidc_s={quote(cookie)}"}
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60, headers=headers) as browser:
        answer = await browser.get("/sign-in/oidc/callback?code=x&state=s")
        assert answer.status_code == 401
        assert "not started in this browser" in answer.text


async def test_each_tab_signs_in_by_itself(with_provider: Service) -> None:
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60) as browser:
        begun = [await browser.get(f"/sign-in/oidc?next=/payouts/{number}") for number in (1, 2)]
        for number, each in zip((1, 2), begun, strict=True):
            answer = await browser.get((await browser.get(each.headers["location"])).headers["location"])
            assert (answer.status_code, answer.headers["location"]) == (303, f"/payouts/{number}"), answer.text


async def test_logins_that_were_left_do_not_fill_the_browser(with_provider: Service) -> None:
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60) as browser:
        for _ in range(25):
            await browser.get("/sign-in/oidc")
        assert len(browser.cookies) <= 11


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""]
)
async def test_a_sign_in_leads_nowhere_else(with_provider: Service, path: str) -> None:
    assert (await sign_in(with_provider, f"/sign-in/oidc?next={quote(path)}")).headers["location"] == "/"


async def test_a_user_of_our_own_is_not_taken_over_and_the_page_says_how_to_connect_them(
    with_provider: Service, provider: LyingProvider
) -> None:
    provider.claims["preferred_username"] = "O'Neil"
    async with with_provider.runtime.database.unit_of_work() as session:
        user = await access.add_user(session, "x", role=Role.ADMIN, password=PASSWORD)
        await access.rename(session, user, "o'neil")
    answer = await sign_in(with_provider)
    assert answer.status_code == 409
    assert "belongs to a user who does not sign in through the provider" in answer.text
    assert "masspayout user connect" in answer.text


async def test_a_name_that_another_account_had_is_told_truly(with_provider: Service, provider: LyingProvider) -> None:
    await sign_in(with_provider)
    provider.claims["sub"] = "43"
    answer = await sign_in(with_provider)
    assert answer.status_code == 409
    assert "belongs to another account at the provider, which had it before" in answer.text
    async with with_provider.runtime.database.unit_of_work() as session:
        await access.rename(session, await access.find_user(session, "ana"), "ana who left")
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "ana"


async def test_the_same_first_login_four_times_at_once(with_provider: Service) -> None:
    answers = await asyncio.gather(*(sign_in(with_provider) for _ in range(4)))
    assert len({(await identity_of(with_provider, answer)).id for answer in answers}) == 1


async def test_who_is_disabled_stays_out(with_provider: Service) -> None:
    await sign_in(with_provider)
    async with with_provider.runtime.database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, "ana"), disabled=True)
    assert (await sign_in(with_provider)).status_code == 403


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "María.García"}, "maría.garcía"),
        ({"preferred_username": "O'Neil"}, "o'neil"),
        ({"preferred_username": "CORP\\anna"}, "corp\\anna"),
        ({"preferred_username": "Anna  Smith"}, "anna smith"),
        ({"preferred_username": "x" * 101, "email": "anna@example.com"}, "anna@example.com"),
        (
            {"preferred_username": "a\u202enna", "email": "", "name": ["no", "text"], "sub": "auth0|5f7c8ec7"},
            "auth0|5f7c8ec7",
        ),
    ],
)
async def test_people_have_the_names_that_people_have(
    with_provider: Service, provider: LyingProvider, claims: dict[str, Any], name: str
) -> None:
    provider.claims |= claims
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == name


@pytest.mark.parametrize("more_settings", [{"oidc_name_claim": "profile.short"}])
async def test_the_settings_say_which_claim_is_the_name(with_provider: Service, provider: LyingProvider) -> None:
    provider.claims["profile"] = {"short": "as"}
    assert (await identity_of(with_provider, await sign_in(with_provider))).name == "as"


async def test_what_the_token_lacks_is_read_from_userinfo(with_provider: Service, provider: LyingProvider) -> None:
    provider.claims = {"sub": "42"}
    provider.userinfo = {"sub": "42", "preferred_username": "ana", "roles": ["operator"]}
    identity = await identity_of(with_provider, await sign_in(with_provider))
    assert (identity.name, identity.role) == ("ana", Role.OPERATOR)
    provider.userinfo["sub"] = "43"
    assert "tells of somebody else" in (await sign_in(with_provider)).text


@pytest.mark.parametrize(
    ("more_settings", "claims", "role"),
    [
        ({"oidc_role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["admin"]}}, Role.ADMIN),
        ({"oidc_role_claim": "https://x.example/roles"}, {"https://x.example/roles": "viewer"}, Role.VIEWER),
        (
            {"oidc_role_claim": "resource_access.mass.payout.roles"},
            {"resource_access": {"mass.payout": {"roles": {"operator": {}}}}},
            Role.OPERATOR,
        ),
        (
            {
                "oidc_role_claim": "groups",
                "oidc_role_map": json.dumps({"CN=Treasury,OU=Groups,DC=example": "operator"}),
            },
            {"groups": ["cn=all,dc=example", "cn=treasury, ou=Groups, dc=Example"]},
            Role.OPERATOR,
        ),
    ],
)
async def test_roles_are_found_where_providers_write_them(
    with_provider: Service, provider: LyingProvider, claims: dict[str, Any], role: Role
) -> None:
    provider.claims |= claims | {"roles": None}
    assert (await identity_of(with_provider, await sign_in(with_provider))).role is role


@pytest.mark.parametrize("more_settings", [{"oidc_recheck_seconds": 1}])
async def test_an_open_session_follows_the_provider_by_itself(with_provider: Service, provider: LyingProvider) -> None:
    provider.refresh_token = "again"
    answer = await sign_in(with_provider)
    provider.claims["roles"] = ["viewer"]
    await until(lambda: role_now(with_provider, answer), Role.VIEWER)
    provider.refresh_token = "of somebody else"
    await until(lambda: role_now(with_provider, answer), None)


@pytest.mark.parametrize("code", ["invalid_client", "temporarily_unavailable", "slow_down"])
async def test_an_answer_that_is_not_about_the_person_ends_no_session(
    with_provider: Service, provider: LyingProvider, code: str
) -> None:
    provider.refresh_token = "again"
    answer = await sign_in(with_provider)
    provider.token_error = (400, {"error": code})
    runtime = with_provider.runtime
    settings = runtime.settings.model_copy(update={"oidc_recheck_seconds": 86_400})
    assert await Confirmations(runtime.database, settings, OpenIdProvider(settings)).confirm_next()
    assert provider.requests[-1] == "refresh_token"
    assert await role_now(with_provider, answer) is Role.APPROVER


async def test_a_stranger_cannot_have_us_ask_the_provider_without_end(
    with_provider: Service, provider: LyingProvider
) -> None:
    cookie = quote(json.dumps({"state": "s", "nonce": "n", "verifier": "v"}))
    headers = {"Cookie": f"masspayout_oidc_s={cookie}"}
    async with httpx.AsyncClient(base_url=with_provider.address, timeout=60, headers=headers) as stranger:
        status = asked = 0
        while status != 429:
            asked = len(provider.requests)
            status = (await stranger.get("/sign-in/oidc/callback?code=x&state=s")).status_code
    assert len(provider.requests) == asked > 0


async def role_now(service: Service, answer: httpx.Response) -> Role | None:
    try:
        return (await identity_of(service, answer)).role
    except NotAuthenticated:
        return None


async def until(find: Callable[[], Awaitable[Role | None]], expected: Role | None) -> None:
    """Wait until something is so; a test that waits for ever is ended by its own limit."""
    found: object = find
    while found is not expected:
        found = await find()
        await asyncio.sleep(0.05)
