"""Pauses, send-backs and withdrawn approvals over HTTP."""

from collections.abc import AsyncIterator

import pytest

from http_service import Service, running
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime

TERMS = {"payout_type": "FIXED", "amount": "30"}


@pytest.fixture
async def strict(database: Database, settings: Settings) -> AsyncIterator[Service]:
    """A service that asks for one approval."""
    runtime = make_runtime(database, settings.model_copy(update={"approvals_required": 1}))
    async with running(runtime) as service:
        yield service
    await runtime.ledger.close()


async def test_a_running_distribution_is_paused_and_resumed(service: Service, world: World) -> None:
    made = await world.plan("30")
    await world.execute(made.id)
    operator, path = service.client(Role.OPERATOR), f"/distributions/{made.id}"
    paused = await operator.post(f"{path}/pause", json={"reason": "The bank called."})
    assert paused.status_code == 200, paused.text
    pause = paused.json()["pause"]
    assert (pause["reason"], pause["distribution_id"], pause["asset_id"]) == ("The bank called.", str(made.id), None)
    assert (await operator.post(f"{path}/pause")).json()["pause"] == pause, "the first one stays"
    listed = (await operator.get("/distributions")).json()["items"]
    assert next(each for each in listed if each["id"] == str(made.id))["pause"] == pause
    assert (await operator.get("/pauses")).json() == {"items": [pause], "total": 1, "next_cursor": None}

    assert (await operator.post(f"{path}/resume")).json()["pause"] is None
    assert (await operator.post(f"{path}/resume")).status_code == 200
    assert (await operator.get("/pauses")).json()["total"] == 0


async def test_nothing_starts_while_the_asset_or_the_installation_is_paused(service: Service, world: World) -> None:
    made = await world.plan("30")
    operator = service.client(Role.OPERATOR)
    for subject in (f"/assets/{world.asset.token_id}", ""):
        assert (await operator.post(f"{subject}/pause", json={"reason": "An audit"})).json()["has_changed"] is True
        refused = await operator.post(f"/distributions/{made.id}/execute")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:masspayout:problem:payout-paused")
        assert refused.json()["next_step"].endswith("/resume")
        answer = (await operator.post(f"{subject}/resume")).json()
        assert answer == {"has_changed": True, "pause": None}
    assert (await operator.post(f"/distributions/{made.id}/execute")).status_code == 202


async def test_an_approver_sends_back_and_the_creator_asks_again(strict: Service) -> None:
    world = await World.make(strict.runtime, [(account, 100) for account in accounts(3)])
    creator, approver = strict.client(Role.OPERATOR), strict.person(Role.APPROVER)
    made = (await creator.post(f"/assets/{world.asset.id}/distributions", json=TERMS)).json()
    path, approval = f"/distributions/{made['id']}", {"register_hash": made["register_hash"]}
    assert (await approver.post(f"{path}/approve", json=approval)).json()["given"] == 1
    assert (await approver.delete(f"{path}/approvals")).json()["given"] == 0
    assert (await approver.delete(f"{path}/approvals")).status_code == 409

    assert (await approver.post(f"{path}/send-back", json={"reason": ""})).status_code == 422
    back = (await approver.post(f"{path}/send-back", json={"reason": "Wrong date"})).json()
    assert (back["status"], back["sent_back_reason"], back["sent_back_by_name"]) == (
        *("PENDING", "Wrong date", "the-approver"),
    )
    refused = await creator.post(f"{path}/execute")
    assert (refused.status_code, f"POST /api/v1{path}/resubmit" in refused.json()["next_step"]) == (409, True)
    again = (await creator.post(f"{path}/resubmit")).json()
    assert again["sent_back_at"] is None
    assert (await approver.post(f"{path}/approve", json=approval)).json()["given"] == 1
    assert (await creator.post(f"{path}/execute")).status_code == 202
