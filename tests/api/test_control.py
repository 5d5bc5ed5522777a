"""Four eyes and webhooks over HTTP."""

from collections.abc import AsyncIterator

import pytest

from http_service import Service, running
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime


@pytest.fixture
async def strict(database: Database, settings: Settings) -> AsyncIterator[Service]:
    """A service that asks for one approval."""
    changes = {"approvals_required": 1, "webhook_allow_private": True}
    runtime = make_runtime(database, settings.model_copy(update=changes))
    async with running(runtime) as service:
        yield service
    await runtime.ledger.close()


async def test_somebody_else_has_to_approve_of_exactly_what_is_paid(strict: Service) -> None:
    world = await World.make(strict.runtime, [(account, 100) for account in accounts(3)])
    creator, approver = strict.client(Role.ADMIN), strict.person(Role.APPROVER)
    terms = {"payout_type": "FIXED", "amount": "30"}
    made = (await creator.post(f"/assets/{world.asset.id}/distributions", json=terms)).json()
    path, approval = f"/distributions/{made['id']}", {"register_hash": made["register_hash"]}
    refused = await creator.post(f"{path}/execute")
    assert refused.json()["type"] == "urn:masspayout:problem:approvals-missing"
    assert refused.json()["next_step"].endswith(f"POST /api/v1{path}/approve")
    token_of_another = strict.client(Role.APPROVER)
    for cannot in (creator, strict.person(Role.ADMIN), token_of_another):
        assert (await cannot.post(f"{path}/approve", json=approval)).status_code == 409
    assert (await approver.post(f"{path}/approve", json={"register_hash": "0" * 64})).status_code == 409
    given = (await approver.post(f"{path}/approve", json=approval)).json()
    assert (given["given"], given["required"], given["approvals"][0]["actor_name"]) == (1, 1, "the-approver")
    assert (await creator.post(f"{path}/execute")).status_code == 202


async def test_a_target_is_told_its_secret_once(strict: Service) -> None:
    admin, key = strict.client(Role.ADMIN), {"Idempotency-Key": "a webhook"}
    body = {"url": "http://127.0.0.1:9/payouts", "events": ["batch.*"]}
    made = (await admin.post("/webhooks", json=body, headers=key)).json()
    assert made["secret"].startswith("whsec_")
    assert (await admin.post("/webhooks", json=body, headers=key)).json() == made
    (listed,) = (await admin.get("/webhooks")).json()["items"]
    assert "secret" not in listed
    assert (await admin.patch(f"/webhooks/{made['id']}", json={"enabled": False})).json()["enabled"] is False
    assert (await admin.get(f"/webhooks/{made['id']}/deliveries")).json()["items"] == []
    assert (await admin.delete(f"/webhooks/{made['id']}")).status_code == 204
    assert (await admin.delete(f"/webhooks/{made['id']}")).status_code == 404


async def test_who_approved_is_listed_also_where_nobody_has_to(service: Service, world: World) -> None:
    made = await world.plan("30")
    path = f"/distributions/{made.id}"
    answer = await service.person(Role.APPROVER).post(f"{path}/approve", json={"register_hash": made.register_hash})
    assert answer.status_code == 200, answer.text
    listed = (await service.client(Role.VIEWER).get(f"{path}/approvals")).json()
    assert (listed["given"], listed["required"]) == (1, 0)
    assert [each["actor_name"] for each in listed["approvals"]] == ["the-approver"]
