"""Sign-in through a real OpenID Connect provider, from the first login to the last day at work."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from databases import run_sql
from http_service import Service
from masspayout.db.entities import AuditEntry
from masspayout.db.session import Database
from masspayout.kernel.errors import NotAuthenticated
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.service.access.oidc import Confirmations, OpenIdProvider
from masspayout.service.access.sessions import ConfirmationNeeded
from masspayout.settings import Settings
from oidc_logins import Browser, service_with
from oidc_provider import RealProvider, running_provider


@pytest.fixture(scope="module")
def real_provider() -> Iterator[RealProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
async def known(
    database: Database, settings: Settings, real_provider: RealProvider, more_settings: dict[str, Any]
) -> AsyncIterator[Service]:
    async with service_with(database, settings, real_provider, **more_settings) as service:
        yield service


@pytest.fixture
async def browser(known: Service) -> AsyncIterator[Browser]:
    browser = Browser(known)
    yield browser
    await browser.close()


@pytest.fixture
async def anna(browser: Browser, real_provider: RealProvider) -> Browser:
    """The browser of an admin who has just signed in."""
    real_provider.welcome("42", preferred_username="Anna", roles=["admin"])
    answer = await browser.sign_in()
    assert answer.status_code == 303, (answer.text, real_provider.log())
    return browser


async def token_of(browser: Browser, role: Role = Role.ADMIN) -> str:
    """Return a token that the signed-in user makes."""
    answer = await browser.here.post("/api/v1/tokens", json={"name": "program", "role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def confirm_all(service: Service, database_url: URL) -> None:
    """Confirm every session, as when half of its time is over."""
    run_sql(database_url, "UPDATE login_session SET confirm_by = now() + interval '1 second' WHERE confirm_by > now()")
    runtime = service.runtime
    provider = OpenIdProvider(runtime.settings)
    await Confirmations(runtime.database, runtime.settings, provider).confirm_due()


async def entries(service: Service) -> list[AuditEntry]:
    async with service.runtime.database.unit_of_work() as work:
        return [entry async for entry in work.audit_entries.stream() if entry.action.startswith("user.")]


async def test_a_person_signs_in_and_goes_where_they_wanted(real_provider: RealProvider, browser: Browser) -> None:
    real_provider.welcome("42", preferred_username="Anna", roles=["approver"])
    answer = await browser.sign_in("/sign-in/oidc?next=/payouts/7%3Ftab%3Dholders")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/payouts/7?tab=holders"), answer.text
    identity = await browser.identity()
    assert (identity.name, identity.role) == ("anna", Role.APPROVER)


async def test_what_a_login_changes_is_recorded_as_the_logins_act(
    known: Service, anna: Browser, real_provider: RealProvider
) -> None:
    real_provider.change("42", roles=["viewer"])
    await anna.sign_in()
    found = (await entries(known))[-4:]  # after those of the users that every test has
    assert [entry.action for entry in found] == ["user.created", "user.logged_in", "user.changed", "user.logged_in"]
    created, logged_in, changed, _ = found
    for entry in (created, changed):
        assert (entry.actor_kind, entry.actor_name) == ("USER", "anna by OpenID Connect")
        assert (entry.actor_id, entry.source_address) == (entry.subject_id, "127.0.0.1")
        assert entry.after is not None
        assert entry.after["way_in"] == "OpenID Connect"
    assert (changed.before, changed.after) == ({"role": "admin"}, {"role": "viewer", "way_in": "OpenID Connect"})
    assert (logged_in.actor_name, logged_in.after) == ("anna", {"way_in": "OpenID Connect"})


async def test_who_has_no_role_any_more_is_out_at_the_next_sign_in_and_back_with_a_role(
    known: Service, anna: Browser, real_provider: RealProvider
) -> None:
    token = await token_of(anna)
    other_tab = Browser(known)
    real_provider.change("42", roles=[])
    assert (await other_tab.sign_in()).status_code == 403
    with pytest.raises(NotAuthenticated):
        await anna.identity()
    with pytest.raises(NotAuthenticated, match="no role at the provider any more"):
        await access.authenticate_token(known.runtime.database, token)
    assert (await entries(known))[-1].after == {"role": None, "way_in": "OpenID Connect"}
    real_provider.change("42", roles=["viewer"])
    assert (await other_tab.sign_in()).status_code == 303
    assert (await other_tab.identity()).role is Role.VIEWER
    assert (await access.authenticate_token(known.runtime.database, token)).role is Role.VIEWER
    await other_tab.close()


async def test_a_demotion_reaches_sessions_and_tokens_within_minutes(
    known: Service, anna: Browser, real_provider: RealProvider, database_url: URL
) -> None:
    token = await token_of(anna)
    real_provider.change("42", roles=["viewer"])
    await confirm_all(known, database_url)
    assert (await anna.identity()).role is Role.VIEWER
    assert (await access.authenticate_token(known.runtime.database, token)).role is Role.VIEWER
    # The refresh token was renewed, so it goes on.
    real_provider.change("42", roles=["operator"])
    await confirm_all(known, database_url)
    assert (await anna.identity()).role is Role.OPERATOR
    assert (await access.authenticate_token(known.runtime.database, token)).role is Role.OPERATOR


async def test_a_role_that_is_taken_away_ends_sessions_and_tokens_within_minutes(
    known: Service, anna: Browser, real_provider: RealProvider, database_url: URL
) -> None:
    token = await token_of(anna)
    real_provider.change("42", roles=[])
    await confirm_all(known, database_url)
    with pytest.raises(NotAuthenticated, match="expired"):
        await anna.identity()
    with pytest.raises(NotAuthenticated, match="no role"):
        await access.authenticate_token(known.runtime.database, token)


async def test_who_is_deleted_at_the_provider_is_out_within_minutes(
    known: Service, anna: Browser, real_provider: RealProvider, database_url: URL
) -> None:
    token = await token_of(anna)
    real_provider.remove("42")
    await confirm_all(known, database_url)
    with pytest.raises(NotAuthenticated, match="expired"):
        await anna.identity()
    last = (await entries(known))[-1]
    assert (last.action, last.actor_kind) == ("user.logged_out", "SYSTEM")
    assert last.after is not None
    assert "invalid_grant" in last.after["reason"]
    # Nobody knows whether the user is gone or signed out, so tokens last a while longer.
    database = known.runtime.database
    await access.authenticate_token(database, token, confirmed_for=timedelta(days=30))
    run_sql(database_url, "UPDATE access_user SET confirmed_at = now() - interval '31 days'")
    with pytest.raises(NotAuthenticated, match="last confirmed 'anna'"):
        await access.authenticate_token(database, token, confirmed_for=timedelta(days=30))
    headers = {"Authorization": f"Bearer {token}"}
    assert (await anna.here.get("/api/v1/assets", headers=headers)).status_code == 401


@pytest.mark.parametrize("more_settings", [{"oidc_client_secret": SecretStr("wrong now")}])
async def test_a_fault_of_our_own_ends_no_session(
    known: Service, browser: Browser, real_provider: RealProvider, database_url: URL
) -> None:
    real_provider.register(known.address, client_secret="wrong now")
    real_provider.welcome("42", preferred_username="Anna", roles=["admin"])
    await browser.sign_in()
    real_provider.register(known.address, client_secret="the secret was changed")
    await confirm_all(known, database_url)
    assert (await browser.identity()).name == "anna"
    real_provider.register(known.address)


async def test_a_session_that_is_not_confirmed_waits_and_the_browser_goes_through_the_provider(
    known: Service, anna: Browser, database_url: URL
) -> None:
    cookie = anna.here.cookies["masspayout_session"]
    run_sql(database_url, "UPDATE login_session SET confirm_by = now() - interval '1 second'")
    with pytest.raises(ConfirmationNeeded):
        await anna.identity()
    assert (await anna.here.get("/api/v1/tokens")).status_code == 401
    assert (await anna.sign_in()).status_code == 303
    assert anna.here.cookies["masspayout_session"] != cookie
    assert (await anna.identity()).name == "anna"


async def test_the_provider_signs_a_person_out_everywhere(
    known: Service, anna: Browser, real_provider: RealProvider
) -> None:
    token = await token_of(anna)
    # The person signs out at the provider, in the same browser.
    page = await anna.at(real_provider.address).get(f"{real_provider.address}/session/end")
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text)) | {"logout": "yes"}
    action = re.findall(r'action="([^"]+)"', page.text)[0]
    await anna.at(real_provider.address).post(action, data=form)
    assert "backchannel.success" in real_provider.log(), real_provider.log()[-3:]
    with pytest.raises(NotAuthenticated, match="expired"):
        await anna.identity()
    last = (await entries(known))[-1]
    assert (last.action, last.after) == ("user.logged_out", {"way": "back-channel logout"})
    assert last.actor_name == "the provider 127.0.0.1"
    # To sign out is not to leave: programs go on.
    assert (await access.authenticate_token(known.runtime.database, token)).name == "program"


async def test_signing_out_here_signs_out_there(known: Service, anna: Browser, real_provider: RealProvider) -> None:
    answer = await anna.here.post("/sign-out")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{real_provider.address}/session/end?")
    page = await anna.at(real_provider.address).get(answer.headers["location"])
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text)) | {"logout": "yes"}
    action = re.findall(r'action="([^"]+)"', page.text)[0]
    ended = await anna.at(real_provider.address).post(action, data=form)
    assert ended.headers["location"] == f"{known.address}/sign-in"
    with pytest.raises(NotAuthenticated):
        await anna.identity()
    real_provider.remove("42")
    assert (await anna.sign_in()).status_code == 401, "the provider's session is over, too"


async def test_signing_out_of_a_session_of_our_own_asks_no_provider(known: Service) -> None:
    async with known.runtime.database.unit_of_work() as work:
        user = await access.local_admin(work, "tester")
        secret = await access.make_login_link(work, user)
    async with httpx.AsyncClient(base_url=known.address, timeout=60) as here:
        await here.post(f"/sign-in/{secret}")
        assert (await here.post("/sign-out")).headers["location"] == "/sign-in"


async def test_claims_that_are_at_userinfo_only(database: Database, settings: Settings) -> None:
    with running_provider(only_in_userinfo=True) as provider:
        more = {"oidc_role_claim": "realm_access.roles", "oidc_scopes": "openid profile offline_access"}
        async with service_with(database, settings, provider, **more) as service:
            browser = Browser(service)
            provider.welcome("42", preferred_username="CORP\\anna", realm_access={"roles": ["approver"]})
            answer = await browser.sign_in()
            assert answer.status_code == 303, (answer.text, provider.log())
            identity = await browser.identity()
            assert (identity.name, identity.role) == ("corp\\anna", Role.APPROVER)
            await browser.close()


@pytest.mark.parametrize("more_settings", [{"oidc_client_secret": SecretStr("")}])
async def test_a_public_client(known: Service, browser: Browser, real_provider: RealProvider) -> None:
    real_provider.register(known.address, client_secret=None, token_endpoint_auth_method="none")
    real_provider.welcome("42", preferred_username="Anna", roles=["viewer"])
    assert (await browser.sign_in()).status_code == 303, real_provider.log()
    assert (await browser.identity()).role is Role.VIEWER
