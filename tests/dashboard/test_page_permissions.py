"""Who sees what, and what the server refuses whatever a page shows."""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from browsing import PASSWORD, Open, Service
from masspayout import distributions
from masspayout.db.entities import Distribution, DistributionStatus, DistributionType, PayoutType
from masspayout.db.repositories import Users
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.payout_terms import PayoutTerms
from masspayout.kernel.roles import Role
from masspayout.service import access
from payouts import ASSET_TOKEN


async def plan(service: Service, concept: str) -> Distribution:
    """Plan a payout in somebody else's name."""
    runtime = service.runtime
    terms = PayoutTerms(DistributionType.DIVIDEND, PayoutType.PERCENTAGE, Decimal(10), concept=concept)
    with acting_as(Actor(ActorKind.USER, id=str(uuid.uuid4()), name="paula")):
        return await distributions.create(runtime, service.world.asset, terms)


async def buttons(page: Page) -> Sequence[str]:
    """Return what can be pressed on a page, besides what everybody has."""
    everybodys = {"Theme", "Sign out", "Menu", "Previous", "Next", "Reconcile now"}
    found = await page.locator("main").get_by_role("button").all_inner_texts()
    return [text for text in found if text not in everybodys and not re.match(r"(All|Failed|Unpaid|Paid)\b", text)]


async def test_a_viewer_sees_no_button_that_is_not_for_viewers(service: Service, sign_in: Open) -> None:
    planned = await plan(service, "Seen by Vera")
    page = await sign_in("vera", f"/payouts/{planned.id}")
    await expect(page.get_by_text("Review before paying")).to_be_visible()
    assert await buttons(page) == []
    await expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_count(8)
    for path in (f"/assets/{ASSET_TOKEN}", "/assets", "/payouts/upcoming", "/series", "/listeners", "/"):
        await page.goto(path)
        await expect(page.locator("main h1")).to_be_visible()
        assert await buttons(page) == [], path
        assert await page.locator("main .btn-link").count() == 0, path
    for path in ("/payouts/new", "/assets/import", "/audit", "/users", "/tokens", "/webhooks"):
        response = await page.goto(path)
        assert response is not None
        assert response.status == 403, path
        await expect(page.get_by_text("You do not have access")).to_be_visible()


async def test_the_server_refuses_what_a_page_still_shows(service: Service, sign_in: Open) -> None:
    planned = await plan(service, "Too late for Olga")
    page = await sign_in("olga", f"/payouts/{planned.id}")
    cancel = page.get_by_role("button", name="Cancel payout …")
    await expect(cancel).to_be_visible()
    async with service.runtime.database.unit_of_work() as session:
        await access.set_role(session, await access.find_user(session, "olga"), Role.VIEWER)
    await cancel.click()
    await expect(
        page.get_by_text("'olga' has the role viewer; creating payouts needs the role operator.")
    ).to_be_visible()
    await expect(page.get_by_role("alertdialog")).to_have_count(0)
    assert await service.world.find_status(planned.id) is DistributionStatus.PENDING


async def test_who_is_kept_out_is_out_at_once(service: Service, sign_in: Open) -> None:
    planned = await plan(service, "Not by Oscar")
    page = await sign_in("oscar", f"/payouts/{planned.id}")
    cancel = page.get_by_role("button", name="Cancel payout …")
    await expect(cancel).to_be_visible()
    async with service.runtime.database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, "oscar"), disabled=True)
    await cancel.click()
    await page.wait_for_url("**/sign-in*")
    async with service.runtime.database.unit_of_work() as session:
        await access.set_disabled(session, await access.find_user(session, "oscar"), disabled=False)
    assert await service.world.find_status(planned.id) is DistributionStatus.PENDING


async def test_who_is_out_does_not_read_on(service: Service, sign_in: Open) -> None:
    page = await sign_in("oscar", "/payouts/upcoming")
    await expect(page.locator("main h1")).to_be_visible()
    async with service.runtime.database.unit_of_work() as session:
        user = await access.find_user(session, "oscar")
        await session.login_sessions.end_of_user(user.id, datetime.now(UTC))
    # Nothing is pressed: the page asks by itself when it is brought up to date.
    await page.wait_for_url("**/sign-in?next=%2Fpayouts%2Fupcoming")


async def test_whoever_planned_it_cannot_approve_of_it(service: Service, sign_in: Open) -> None:
    runtime = service.runtime
    async with runtime.database.unit_of_work() as session:
        ben = await access.find_user(session, "ben")
    terms = PayoutTerms(DistributionType.DIVIDEND, PayoutType.PERCENTAGE, Decimal(10), concept="Ben's own")
    with acting_as(Actor(ActorKind.USER, id=str(ben.id), name="ben")):
        own = await distributions.create(runtime, service.world.asset, terms)
    page = await sign_in("ben", f"/payouts/{own.id}")
    await expect(page.get_by_text("You created this payout. Another user has to approve it.")).to_be_visible()
    await expect(page.get_by_role("button", name="Approve …")).to_have_count(0)


async def test_nothing_is_shown_to_whoever_is_not_signed_in(service: Service) -> None:
    planned = await plan(service, "Secret")
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        for path in ("/", f"/payouts/{planned.id}", f"/payouts/{planned.id}/holders.csv", f"/assets/{ASSET_TOKEN}"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
            assert "Secret" not in answer.text
        wrong = await client.post("/sign-in", data={"name": "ana", "password": "guess"})
        assert wrong.status_code == 401
        assert "The name or the password is wrong." in wrong.text
        assert not wrong.cookies


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_signing_in_leads_nowhere_else(service: Service, path: str) -> None:
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        answer = await client.post("/sign-in", data={"name": "ana", "password": PASSWORD, "next": path})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie


async def test_a_link_signs_in_once_and_only_when_the_button_is_pressed(service: Service, browser: Browser) -> None:
    async with service.runtime.database.unit_of_work() as session:
        secret, _ = await access.make_login_link(session, await access.find_user(session, "vera"))
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        for _ in range(2):
            assert (await client.get(f"/sign-in/{secret}")).status_code == 200
        assert (await client.post(f"/sign-in/{secret}")).headers["location"] == "/"
        assert "vera" in (await client.get("/")).text
        again = await client.post(f"/sign-in/{secret}")
        assert again.headers["location"].startswith("/sign-in?error=This+sign-in+link+was+used+already")
        await client.post("/sign-out")
        assert (await client.get("/")).status_code == 303


async def test_an_admin_adds_a_user_who_comes_in_by_a_link(service: Service, sign_in: Open, browser: Browser) -> None:
    page = await sign_in("ana", "/users")
    await page.get_by_label("Name", exact=True).fill("greta")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("heading", name=re.compile("greta"))).to_be_visible()
    card = page.locator("section.card", has=page.get_by_role("heading", name=re.compile("greta")))
    await card.get_by_role("button", name="Sign-in link").click()
    link = await page.locator(".secret").inner_text()
    context = await browser.new_context()
    context.set_default_timeout(60_000)
    other = await context.new_page()
    await other.goto(link)
    await other.get_by_role("button", name="Sign in").click()
    await expect(other.locator(".sidebar-foot strong")).to_have_text("greta")
    await context.close()
    async with service.runtime.database.unit_of_work() as session:
        users = {user.name: user.role for user in await Users(session).find_in_order()}
        assert users["greta"] is Role.OPERATOR


async def test_an_admin_gives_another_role_and_another_password(service: Service, sign_in: Open) -> None:
    async with service.runtime.database.unit_of_work() as session:
        await access.add_user(session, "rita", role=Role.VIEWER)
    page = await sign_in("ana", "/users")
    rita = page.locator("section.card", has=page.get_by_role("heading", name="rita"))
    dialog = page.get_by_role("dialog")

    await rita.get_by_role("button", name="Role …").click()
    await dialog.get_by_role("button", name="Go back").click()
    await expect(rita.get_by_text("Viewer", exact=True)).to_be_visible()
    await rita.get_by_role("button", name="Role …").click()
    await dialog.get_by_label("Role").click()
    await page.get_by_role("option", name=re.compile("^Operator")).click()
    await dialog.get_by_role("button", name="Set role").click()
    await expect(rita.get_by_text("Operator", exact=True)).to_be_visible()

    await rita.get_by_role("button", name="Password …").click()
    await dialog.get_by_label("New password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Set password").click()
    await expect(page.get_by_text("rita has a new password.")).to_be_visible()
    await sign_in("rita")


async def test_a_refusal_says_where_on_a_page_it_goes_on(sign_in: Open) -> None:
    page = await sign_in("ana", "/users")
    await page.get_by_label("Name").fill("ana")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text("Change the password with: “Password” on the page Users")).to_be_visible()
