"""The page that signs in: it knows the provider, and the way to where the reader wanted to go."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import URL

from databases import run_sql
from masspayout.context import Context
from masspayout.dashboard.sign_in import sign_in_routes
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.service import access
from masspayout.settings import Settings
from payouts import make_runtime

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def context(database: Database, settings: Settings) -> AsyncIterator[Context]:
    runtime = make_runtime(database, settings.model_copy(update={"oidc_issuer": "https://login.example.com"}))
    yield runtime
    await runtime.ledger.close()


@pytest.fixture
async def browser(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(sign_in_routes(context))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as browser:
        yield browser


async def test_the_way_through_the_provider_leads_where_the_reader_wanted_to_go(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/sign-in?next=/payouts/1%3Ftab%3Dholders")
    assert "Sign in with login.example.com" in page.text
    assert 'href="/sign-in/oidc?next=%2Fpayouts%2F1%3Ftab%3Dholders"' in page.text
    page = await browser.get("/sign-in?next=//evil.example")
    assert 'href="/sign-in/oidc?next=%2F"' in page.text


async def test_a_reader_whom_the_provider_has_to_confirm_is_sent_there(
    context: Context, browser: httpx.AsyncClient, database_url: URL
) -> None:
    async with context.database.unit_of_work() as work:
        await access.add_user(work, "ana", role=Role.VIEWER, password=PASSWORD)
    _, cookie = await access.log_in(context.database, context.settings, "ana", PASSWORD)
    browser.cookies.set("masspayout_session", cookie)
    assert (await browser.get("/sign-in?next=/assets")).headers["location"] == "/assets"
    run_sql(database_url, "UPDATE login_session SET confirm_by = now() - interval '1 second'")
    assert (await browser.get("/sign-in?next=/assets")).headers["location"] == "/sign-in/oidc?next=%2Fassets"
    assert "Password" in (await browser.get("/sign-in?next=/assets&error=No")).text
    run_sql(database_url, "UPDATE login_session SET ended_at = now()")
    assert "Password" in (await browser.get("/sign-in?next=/assets")).text
