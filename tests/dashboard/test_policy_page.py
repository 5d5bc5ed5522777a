"""The page Policy: what is in force, and a proposal that another person approves."""

from playwright.async_api import expect

from browsing import Open, Service
from masspayout.app.control import Control
from masspayout.kernel.actors import Actor, ActorKind, acting_as
from masspayout.service import access


async def test_another_person_approves_of_a_change_of_the_policy(service: Service, sign_in: Open) -> None:
    control = Control(service.runtime)
    async with service.runtime.database.unit_of_work() as work:
        ana = await access.find_user(work, "ana")
    with acting_as(Actor(ActorKind.USER, str(ana.id), "ana")):
        changed = await control.change_policy({"mode": "open", "limits": {"per_day": {"0.0.404": 7}}})
    assert changed.proposal is not None

    mine = await sign_in("ana", "/policy")
    await expect(mine.get_by_role("button", name="Withdraw …")).to_be_visible()
    await expect(mine.get_by_role("button", name="Approve …")).to_have_count(0)
    viewer = await sign_in("vera", "/policy")
    await expect(viewer.get_by_text("Payouts of 24 hours may together be 7 of 0.0.404 at most.")).to_be_visible()
    await expect(viewer.get_by_role("button", name="Approve …")).to_have_count(0)

    page = await sign_in("ben", "/policy")
    await page.get_by_role("button", name="Approve …").click()
    await page.get_by_role("button", name="Approve the policy of installation").click()
    await expect(page.get_by_text("No open proposals")).to_be_visible()
    await expect(page.get_by_text("by ana and ben")).to_be_visible()
    assert (await control.policy_history())[0].number == 1
