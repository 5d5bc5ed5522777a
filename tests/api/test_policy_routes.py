"""The policy and proposals over HTTP."""

from collections.abc import AsyncIterator

import pytest

from http_service import Service, running
from masspayout.db.session import Database
from masspayout.kernel.roles import Role
from masspayout.settings import Settings
from payouts import make_runtime

GUARDED = {"mode": "guarded", "approvals": 1}


@pytest.fixture
async def alone(database: Database, settings: Settings) -> AsyncIterator[Service]:
    """A service with a database of its own: what a test puts in force would hold for all others."""
    runtime = make_runtime(database, settings)
    async with running(runtime) as service:
        yield service
    await runtime.ledger.close()


async def test_an_open_policy_changes_at_once_and_a_guarded_one_by_two_people(alone: Service) -> None:
    admin, approver = alone.person(Role.ADMIN), alone.person(Role.APPROVER)
    assert (await admin.get("/policy")).json()["versions"] == []
    made = (await admin.post("/policy", json={"content": GUARDED})).json()
    assert (made["version"]["number"], made["proposal"]) == (1, None)
    assert (await admin.post("/policy", json={"content": GUARDED})).json() == made  # it is in force already

    change = {"content": {**GUARDED, "limits": {"per_day": {"*": 100}}}}
    proposed = (await admin.post("/policy", json=change)).json()
    proposal = proposed["proposal"]
    assert (proposed["version"], proposal["kind"], proposal["state"]) == (None, "policy", "OPEN")
    assert (await admin.post("/policy", json=change)).json() == proposed
    path = f"/proposals/{proposal['id']}"
    refused = await admin.post(f"{path}/approve")
    assert (refused.status_code, "another person" in refused.json()["detail"]) == (409, True)
    assert (await alone.client(Role.APPROVER).post(f"{path}/approve")).status_code == 409
    shown = (await alone.client(Role.VIEWER).get("/policy")).json()
    assert (shown["guarded"], [each["id"] for each in shown["proposals"]]) == (True, [proposal["id"]])
    assert "Every payout needs 1 approval." in shown["sentences"]

    key = {"Idempotency-Key": "approve it"}
    approved = (await approver.post(f"{path}/approve", headers=key)).json()
    assert (approved["state"], approved["decided_by_name"]) == ("APPROVED", "the-approver")
    assert (await approver.post(f"{path}/approve", headers=key)).json() == approved
    assert (await approver.post(f"{path}/refuse")).status_code == 409
    newest = (await admin.get("/policy/history")).json()["items"][0]
    assert (newest["number"], newest["approved_by_name"]) == (2, "the-approver")
    assert newest["content"]["limits"] == {"per_day": {"*": "100"}}


async def test_proposals_are_listed_by_state_refused_and_withdrawn(alone: Service) -> None:
    admin, approver = alone.person(Role.ADMIN), alone.person(Role.APPROVER)
    await admin.post("/policy", json={"content": GUARDED})
    states = []
    for decider, verb in ((approver, "refuse"), (admin, "withdraw")):
        answer = await admin.post("/policy", json={"content": {"mode": "open"}})
        proposal = answer.json()["proposal"]
        states.append((await decider.post(f"/proposals/{proposal['id']}/{verb}")).json()["state"])
        assert (await admin.get(f"/proposals/{proposal['id']}")).json()["state"] == states[-1]
    assert states == ["REFUSED", "WITHDRAWN"]
    listed = (await admin.get("/proposals?state=REFUSED")).json()
    assert [each["state"] for each in listed["items"]] == ["REFUSED"]
    assert (await admin.get("/proposals?state=OPEN")).json()["items"] == []


async def test_a_wrong_policy_is_refused_with_its_places(alone: Service) -> None:
    admin = alone.person(Role.ADMIN)
    answer = await admin.post("/policy", json={"content": {"mode": "guarded", "approvals": 11}})
    assert (answer.status_code, "approvals" in answer.text) == (422, True)
    answer = await admin.post("/policy", json={"content": {"mode": "guarded", "approvals": 3}})
    assert (answer.status_code, "3 of 4 people" in answer.text) == (409, True)
