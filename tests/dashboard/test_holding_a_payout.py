"""On a payout's page: pause and resume, send back and ask again, withdraw an approval."""

import uuid
from decimal import Decimal

from playwright.async_api import Page, expect

from browsing import Open, Service
from masspayout import distributions
from masspayout.db.entities import Distribution, DistributionStatus, DistributionType, PayoutType
from masspayout.distributions import starts
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.kernel.payout_terms import PayoutTerms
from payouts import ASSET_TOKEN


async def plan(service: Service, concept: str) -> Distribution:
    """Plan a payout in somebody else's name."""
    terms = PayoutTerms(DistributionType.DIVIDEND, PayoutType.PERCENTAGE, Decimal(10), concept=concept)
    with acting_as(Actor(ActorKind.USER, id=str(uuid.uuid4()), name="paula")):
        return await distributions.create(service.runtime, service.world.asset, terms)


async def press(page: Page, name: str) -> None:
    await page.locator("main").get_by_role("button", name=name, exact=True).click()


async def confirm(page: Page, name: str) -> None:
    await page.get_by_role("alertdialog").get_by_role("button", name=name, exact=True).click()


async def give_reason(page: Page, reason: str, name: str) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(reason)
    await dialog.get_by_role("button", name=name, exact=True).click()


async def test_a_running_payout_is_paused_with_a_reason_and_resumed(service: Service, sign_in: Open) -> None:
    payout = await plan(service, "Paused on a page")
    page = await sign_in("ben", f"/payouts/{payout.id}")
    await press(page, "Approve …")
    await page.get_by_role("alertdialog").get_by_role("button", name="Approve 10").click()
    await expect(page.get_by_role("button", name="Withdraw approval …")).to_be_visible()
    service.world.hold_back(payout.id, after=0)
    await starts.execute(service.runtime, payout.id)

    await press(page, "Pause …")
    await give_reason(page, "The bank called", "Pause")
    await expect(page.get_by_text("This payout is paused by ben: The bank called.")).to_be_visible()
    await expect(page.get_by_text("Resume it with: “Resume” on the payout's page")).to_be_visible()
    await expect(page.locator(".chip", has_text="Paused").first).to_be_visible()
    watching = await sign_in("vera", "/payouts/ongoing")
    await expect(
        watching.locator("tr", has_text="Paused on a page").locator(".chip", has_text="Paused")
    ).to_be_visible()
    service.world.hold_back(payout.id, after=1000)

    await press(page, "Resume …")
    await confirm(page, "Resume")
    await expect(page.get_by_text("All holders paid")).to_be_visible()
    assert await service.world.find_status(payout.id) is DistributionStatus.COMPLETED


async def test_an_approver_withdraws_and_sends_back_and_an_operator_asks_again(service: Service, sign_in: Open) -> None:
    payout = await plan(service, "Sent back on a page")
    page = await sign_in("ben", f"/payouts/{payout.id}")
    await press(page, "Approve …")
    await page.get_by_role("alertdialog").get_by_role("button", name="Approve 10").click()
    await press(page, "Withdraw approval …")
    await confirm(page, "Withdraw approval")
    await expect(page.get_by_text("1 approval missing")).to_be_visible()

    await press(page, "Send back …")
    await give_reason(page, "Wrong date", "Send back")
    await expect(page.get_by_text("This payout was sent back by ben: Wrong date.")).to_be_visible()
    await expect(page.get_by_role("button", name="Approve …")).to_have_count(0)
    operators = await sign_in("olga", f"/payouts/{payout.id}")
    await expect(operators.locator(".chip", has_text="Sent back")).to_be_visible()
    await expect(operators.get_by_role("button", name="Send back …")).to_have_count(0)
    await press(operators, "Ask again …")
    await confirm(operators, "Ask again")
    await expect(page.get_by_role("button", name="Approve …")).to_be_visible()


async def test_an_asset_and_the_installation_are_paused_on_their_pages(service: Service, sign_in: Open) -> None:
    for path, name in ((f"/assets/{ASSET_TOKEN}", "Green Bond"), ("/", "The installation")):
        page = await sign_in("olga", path)
        await press(page, "Pause …")
        await give_reason(page, "An audit", "Pause")
        await expect(page.get_by_text(f"{name} is paused by olga: An audit.")).to_be_visible()
        await press(page, "Resume …")
        await confirm(page, "Resume")
        await expect(page.get_by_text("is paused by")).to_have_count(0)
        await expect(page.get_by_role("button", name="Pause …")).to_be_visible()
