"""A request with a key has its effect once, whoever dies in between, and its first answer comes again."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from databases import run_sql
from http_service import Service
from masspayout.db.repositories import Distributions, IdempotentRequests
from masspayout.kernel.errors import Conflict
from masspayout.kernel.roles import Role
from masspayout.service import idempotency
from masspayout.service.idempotency import Claim
from payouts import World, accounts

TERMS = {"payout_type": "PERCENTAGE", "amount": "1000"}


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def count(service: Service) -> int:
    async with service.runtime.database.unit_of_work() as session:
        return (await Distributions(session).find_all(1, 1)).total


async def test_the_first_answer_comes_again(service: Service, admin: httpx.AsyncClient, world: World) -> None:
    path, key = f"/assets/{world.asset.id}/distributions", new_key()
    before = await count(service)
    first = await admin.post(path, json=TERMS, headers=key)
    again = await admin.post(path, json=TERMS, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count(service) == before + 1


async def test_refusals_come_again_too(admin: httpx.AsyncClient, world: World) -> None:
    path, key = f"/assets/{world.asset.id}/distributions", new_key()
    first = await admin.post(path, json={"payout_type": "FIXED"}, headers=key)
    again = await admin.post(path, json={"payout_type": "FIXED"}, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (422, first.content)
    assert again.headers["content-type"] == "application/problem+json"


async def test_a_key_belongs_to_one_request_of_one_caller(service: Service, world: World) -> None:
    path, key = f"/assets/{world.asset.id}/distributions", new_key()
    admin, operator = service.client(Role.ADMIN), service.client(Role.OPERATOR)
    first = (await admin.post(path, json=TERMS, headers=key)).json()
    for other in (TERMS | {"amount": "1001"}, TERMS | {"concept": "x"}):
        refused = await admin.post(path, json=other, headers=key)
        assert refused.status_code == 422
        assert "was used for another request" in refused.json()["detail"]
    assert (await admin.post(f"{path}?concept=x", json=TERMS, headers=key)).status_code == 422
    assert (await operator.post(path, json=TERMS, headers=key)).json()["id"] != first["id"]


async def test_of_many_at_once_one_has_the_effect(service: Service, admin: httpx.AsyncClient, world: World) -> None:
    path, key = f"/assets/{world.asset.id}/distributions", new_key()
    before = await count(service)
    answers = await asyncio.gather(*(admin.post(path, json=TERMS, headers=key) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert "is being worked on" in answer.json()["detail"]
    assert await count(service) == before + 1


async def test_a_form_is_the_same_whatever_its_boundary_is(admin: httpx.AsyncClient, world: World) -> None:
    path, key = f"/assets/{world.asset.id}/distributions", new_key()
    rows = "account_id,amount\n" + "".join(f"{account},3\n" for account in accounts(5))
    answers = [await admin.post(path, files={"file": ("a.csv", rows, "text/csv")}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[1].text
    other = rows.replace(",3", ",4")
    refused = await admin.post(path, files={"file": ("a.csv", other, "text/csv")}, headers=key)
    assert refused.status_code == 422


async def test_the_text_of_a_token_comes_again_and_is_kept_nowhere(service: Service, admin: httpx.AsyncClient) -> None:
    key = new_key()
    first = (await admin.post("/tokens", json={"name": "x"}, headers=key)).json()
    assert (await admin.post("/tokens", json={"name": "x"}, headers=key)).json() == first
    async with service.runtime.database.unit_of_work() as session:
        kept = (await IdempotentRequests(session).find_all(1, 100)).items
    assert all(first["token"].encode() not in (request.response_body or b"") for request in kept)


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_some_keys_are_none(admin: httpx.AsyncClient, key: str) -> None:
    answer = await admin.post("/assets/0.0.1/sync", headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]


async def crash_after(service: Service, client: httpx.AsyncClient, path: str, key: dict[str, str], body: Any) -> str:
    """Send a request whose process dies after the work, before the answer is kept."""
    answer = await client.post(path, json=body, headers=key)
    assert answer.status_code < 300, answer.text
    run_sql(
        service.runtime.database.url,
        "UPDATE idempotent_request SET response_status = NULL, response_body = NULL, claimed_until = now()"
        f" WHERE key = '{key['Idempotency-Key']}'",
    )
    return str(answer.json()["id"])


async def test_what_was_created_before_a_crash_is_found(
    service: Service, admin: httpx.AsyncClient, world: World
) -> None:
    path = f"/assets/{world.asset.id}/distributions"
    recurring = {"execution_type": "RECURRING", "frequency": "DAILY", "start_time": "2050-01-01T00:00:00Z"}
    for body in (TERMS, TERMS | recurring):
        key = new_key()
        made = await crash_after(service, admin, path, key, body)
        before = await count(service)
        again = await admin.post(path, json=body, headers=key)
        assert (again.status_code, again.json()["id"]) == (201, made)
        assert await count(service) == before


async def test_what_was_done_before_a_crash_is_not_done_again(
    service: Service, admin: httpx.AsyncClient, world: World
) -> None:
    for action, status in (("cancel", "CANCELLED"), ("execute", "PROCESSING")):
        distribution = await world.plan()
        key = new_key()
        await crash_after(service, admin, f"/distributions/{distribution.id}/{action}", key, None)
        again = await admin.post(f"/distributions/{distribution.id}/{action}", headers=key)
        assert again.status_code < 300, again.text
        assert again.json()["status"] == status


async def test_a_token_that_nobody_was_told_is_revoked(service: Service, admin: httpx.AsyncClient) -> None:
    key = new_key()
    unreturned = await crash_after(service, admin, "/tokens", key, {"name": "x"})
    returned = (await admin.post("/tokens", json={"name": "x"}, headers=key)).json()
    listed = {token["id"]: token for token in (await admin.get("/tokens", params={"limit": 100})).json()["items"]}
    assert returned["id"] != unreturned
    assert listed[unreturned]["revoked_at"] is not None
    assert listed[returned["id"]]["revoked_at"] is None


async def test_a_claim_lapses_when_its_process_dies_and_not_before(service: Service) -> None:
    database = service.runtime.database
    key = str(uuid.uuid4())
    claimed = await idempotency.claim(database, "x", key, "digest")
    assert isinstance(claimed, Claim)
    assert not claimed.is_resumed
    with pytest.raises(Conflict, match="being worked on"):
        await idempotency.claim(database, "x", key, "digest")
    run_sql(database.url, f"UPDATE idempotent_request SET claimed_until = now() WHERE key = '{key}'")
    resumed = await idempotency.claim(database, "x", key, "digest")
    assert isinstance(resumed, Claim)
    assert (resumed.is_resumed, resumed.new_id) == (True, claimed.new_id)
    with pytest.raises(Conflict, match="being worked on"):
        await idempotency.claim(database, "x", key, "digest")


async def test_old_requests_are_forgotten(service: Service) -> None:
    database = service.runtime.database
    key = str(uuid.uuid4())
    await idempotency.claim(database, "x", key, "digest")
    run_sql(database.url, f"UPDATE idempotent_request SET created_at = now() - interval '8 days' WHERE key = '{key}'")
    assert await idempotency.forget_old(database) == 1
