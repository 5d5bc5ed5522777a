"""Distributions are created over HTTP: from terms, or from a payout list, whole or not at all."""

import json
import uuid
from typing import Any

import httpx
import pytest

from http_service import Service
from masspayout.db.repositories import Distributions
from masspayout.kernel.roles import Role
from payouts import PAYMENT_TOKEN, World, accounts

TERMS = {"payout_type": "PERCENTAGE", "amount": "1000.00", "concept": "Dividend 2025"}


async def count(service: Service) -> int:
    async with service.runtime.database.unit_of_work() as session:
        return (await Distributions(session).find_all(1, 1)).total


def csv(*rows: str) -> str:
    return "\n".join(["account_id,amount", *rows]) + "\n"


async def test_a_dividend_from_import_to_proof(service: Service, admin: httpx.AsyncClient, world: World) -> None:
    operator = service.client(Role.OPERATOR)
    asset = (await operator.post("/assets/import", json={"token_id": world.asset.token_id})).json()
    assert asset["payment_token_id"] == PAYMENT_TOKEN
    made = await operator.post(f"/assets/{asset['token_id']}/distributions", json=TERMS)
    assert made.status_code == 201, made.text
    found = made.json()
    assert made.headers["location"] == f"/api/v1/distributions/{found['id']}"
    assert (found["status"], found["amount"], found["total_amount"]) == ("PENDING", "1000.00", "1000.000000")
    path = f"/distributions/{found['id']}"
    preview = (await operator.get(f"{path}/preview")).json()
    assert (preview["payable_count"], preview["shortfall_amount"]) == (25, "0")
    started = await operator.post(f"{path}/execute")
    assert (started.status_code, started.json()["status"]) == (202, "PROCESSING")
    await world.pay(uuid.UUID(found["id"]))
    shown = (await operator.get(path)).json()
    assert (shown["status"], shown["paid_count"], shown["paid_amount"]) == ("COMPLETED", 25, "1000.000000")
    verdict = (await operator.get(f"{path}/reconciliation")).json()
    assert (verdict["agrees"], verdict["ledger_amount"], verdict["breaks"]) == (True, "1000.000000", [])
    attempts = (await operator.get(f"{path}/attempts")).json()
    assert [attempt["status"] for attempt in attempts["items"]] == ["SETTLED"]
    assert "signed_bytes" not in attempts["items"][0]
    entries = (await admin.get("/audit", params={"subject_id": found["id"]})).json()["items"]
    actions = {(entry["action"], entry["actor_name"], entry["actor_kind"]) for entry in entries}
    assert ("distribution.executed", "a operator", "TOKEN") in actions


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ({}, "body.payout_type"),
        ({"payout_type": "PERCENTAGE"}, "The amount is missing"),
        ({"payout_type": "PERCENTAGE", "amount": 5}, "body.amount"),
        ({"payout_type": "PERCENTAGE", "amount": "-5"}, "body.amount"),
        ({"payout_type": "PERCENTAGE", "amount": "0"}, "0 is not an amount"),
        ({"payout_type": "PERCENTAGE", "amount": "1e3"}, "body.amount"),
        ({"payout_type": "PERCENTAGE", "amount": "1.0000001"}, "more decimals"),
        ({**TERMS, "concept": "a\0b"}, "body.concept"),
        ({**TERMS, "reference": "7" * 141}, "body.reference"),
        ({**TERMS, "reference": "INV\t7"}, "has a control character"),
        ({**TERMS, "again": 0, "reference": "INV-7"}, "body.again"),
        ({**TERMS, "again": 2}, "Without a reference"),
        ({**TERMS, "scheduled_time": "2030-01-01T00:00:00Z"}, "scheduled_time makes no sense with MANUAL"),
        ({**TERMS, "execution_type": "SCHEDULED"}, "scheduled_time is missing"),
        ({**TERMS, "execution_type": "SCHEDULED", "scheduled_time": "2020-01-01T00:00:00Z"}, "has passed"),
        ({**TERMS, "execution_type": "SCHEDULED", "scheduled_time": 5}, "body.scheduled_time"),
        ({**TERMS, "execution_type": "RECURRING"}, "frequency is missing"),
        ({**TERMS, "execution_type": "AUTOMATIC"}, "trigger_condition is missing"),
        ({**TERMS, "execution_type": "AUTOMATIC", "trigger_condition": "ON_MONDAY"}, "ON_MONDAY"),
        ({**TERMS, "excluded_accounts": ["nonsense"]}, "body.excluded_accounts.0"),
    ],
)
async def test_bad_terms_create_nothing(
    service: Service, admin: httpx.AsyncClient, world: World, terms: dict[str, Any], what: str
) -> None:
    before = await count(service)
    body = json.dumps(terms)
    answer = await admin.post(
        f"/assets/{world.asset.id}/distributions", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert what in answer.json()["detail"]
    assert await count(service) == before


async def test_the_same_reference_is_refused_until_it_is_paid_again(admin: httpx.AsyncClient, world: World) -> None:
    path = f"/assets/{world.asset.id}/distributions"
    made = (await admin.post(path, json={**TERMS, "reference": "INV-7"})).json()
    assert made["reference"] == "INV-7"
    assert (await admin.get(f"/distributions/{made['id']}")).json()["reference"] == "INV-7"
    refused = await admin.post(path, json={**TERMS, "reference": "inv-7"})
    next_step = "To pay the same once more, add again 2, or give another reference."
    assert (refused.status_code, refused.json()["next_step"]) == (
        409,
        f"Look for it with: GET /api/v1/distributions. {next_step}",
    )
    assert (await admin.post(path, json={**TERMS, "reference": "INV-7", "again": 2})).status_code == 201
    rows = csv(f"{accounts(1)[0]},1")
    for reference, status in (("INV-7", 201), ("inv-7", 409), ("INV-8", 201)):
        params = {"concept": "referred to", "reference": reference}
        answer = await admin.post(path, params=params, content=rows, headers={"Content-Type": "text/csv"})
        assert answer.status_code == status, answer.text
    entries = (await admin.get("/audit", params={"subject_id": made["id"]})).json()["items"]
    (created,) = [entry for entry in entries if entry["action"] == "distribution.created"]
    assert created["after"]["reference"] == "INV-7"
    exported = await admin.get(f"/distributions/{made['id']}/holders", params={"format": "csv"})
    head, first, *_ = exported.text.splitlines()
    assert head.endswith(",failure_code,reference")
    assert first.endswith(",INV-7")


async def test_series_are_created_alike(admin: httpx.AsyncClient, world: World) -> None:
    path = f"/assets/{world.asset.id}/distributions"
    calendar = {"execution_type": "RECURRING", "frequency": "MONTHLY", "start_time": "2050-01-31T09:00:00Z"}
    made = (await admin.post(path, json={**TERMS, **calendar, "time_zone": "Europe/Madrid"})).json()
    assert (made["frequency"], made["status"], made["start_time"]) == ("MONTHLY", "ACTIVE", "2050-01-31T09:00:00Z")
    (first,) = (await admin.get("/distributions", params={"series_id": made["id"]})).json()["items"]
    assert first["scheduled_time"] == "2050-01-31T09:00:00Z"
    deposit = {"payout_type": "FIXED", "execution_type": "AUTOMATIC", "trigger_condition": "ON_DEPOSIT >= 1000"}
    assert (await admin.post(path, json=deposit)).json()["trigger_condition"] == "ON_DEPOSIT >= 1000"
    scheduled = {"execution_type": "SCHEDULED", "scheduled_time": "2050-01-01T10:00:00+01:00"}
    assert (await admin.post(path, json={**TERMS, **scheduled})).json()["scheduled_time"] == "2050-01-01T09:00:00Z"


async def test_a_series_is_found_where_its_creation_says_and_steered_there(
    admin: httpx.AsyncClient, world: World
) -> None:
    calendar = {"execution_type": "RECURRING", "frequency": "MONTHLY", "start_time": "2050-01-31T09:00:00Z"}
    created = await admin.post(f"/assets/{world.asset.id}/distributions", json={**TERMS, **calendar})
    path = created.headers["Location"].removeprefix("/api/v1")
    assert (await admin.get(path)).json() == created.json()
    listed = (await admin.get("/series", params={"status": "ACTIVE", "asset_id": str(world.asset.id)})).json()
    assert listed["items"][0] == created.json()
    key = {"Idempotency-Key": "pause it"}
    paused = await admin.post(f"{path}/pause", headers=key)
    assert paused.json()["status"] == "PAUSED"
    assert (await admin.post(f"{path}/pause", headers=key)).json() == paused.json()
    refused = await admin.post(f"{path}/pause")
    assert (refused.status_code, refused.json()["next_step"]) == (409, f"See: GET /api/v1{path}")
    assert (await admin.post(f"{path}/resume")).json()["status"] == "ACTIVE"
    assert (await admin.post(f"{path}/cancel")).json()["status"] == "CANCELLED"
    (first,) = (await admin.get("/distributions", params={"series_id": created.json()["id"]})).json()["items"]
    assert first["status"] == "CANCELLED"
    assert (await admin.post(f"{path}/resume")).status_code == 409


@pytest.mark.parametrize("as_form", [False, True])
async def test_a_list_is_paid_as_it_is(admin: httpx.AsyncClient, world: World, as_form: bool) -> None:
    rows = csv(*(f"{account},{number}.5" for number, account in enumerate(accounts(20), start=1)))
    path = f"/assets/{world.asset.id}/distributions"
    params = {"concept": f"march {as_form}", "type": "DIVIDEND"}
    if as_form:
        answer = await admin.post(path, params=params, files={"file": ("march.csv", rows, "text/csv")})
    else:
        answer = await admin.post(path, params=params, content=rows, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["entitlement_count"], made["total_amount"], made["type"]) == (20, "220.000000", "DIVIDEND")
    again = await admin.post(path, params=params, content=rows, headers={"Content-Type": "text/csv"})
    assert again.status_code == 409
    assert "this very list already" in again.json()["detail"]


async def test_every_bad_row_of_a_list_is_named(service: Service, admin: httpx.AsyncClient, world: World) -> None:
    before = await count(service)
    bad = [f"0.0.{number},-1" for number in range(2000, 2300)]
    rows = csv("0.0.2001,5", "nonsense,5", "0.0.2002,1.0000001", "0.0.2001,7", "0.0.2003", *bad)
    answer = await admin.post(
        f"/assets/{world.asset.id}/distributions", content=rows, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 422
    problems = answer.json()["errors"]
    named = {problem["where"] for problem in problems}
    assert {f"line {number}" for number in (3, 4, 5, 6)} <= named
    assert len(named) == 304
    assert all(problem["what"] for problem in problems)
    assert await count(service) == before


async def test_accounts_that_cannot_receive_are_named_and_may_be_taken_all_the_same(
    service: Service, admin: httpx.AsyncClient, world: World
) -> None:
    frozen = "0.0.31337"
    await world.sandbox.admin.associate([frozen], PAYMENT_TOKEN)
    await world.sandbox.admin.freeze([frozen], PAYMENT_TOKEN)
    rows = csv(*(f"{account},1" for account in (*accounts(3), frozen)))
    path = f"/assets/{world.asset.id}/distributions"
    headers = {"Content-Type": "text/csv"}
    refused = await admin.post(path, content=rows, headers=headers)
    assert refused.status_code == 422
    assert [problem["where"] for problem in refused.json()["errors"]] == [frozen]
    taken = await admin.post(path, content=rows, headers=headers, params={"allow_unpayable": True})
    assert taken.status_code == 201


async def test_a_list_of_ten_megabytes_is_read(admin: httpx.AsyncClient, world: World) -> None:
    path = f"/assets/{world.asset.id}/distributions"
    ten_megabytes = "account_id,amount\n" + "0.0.1,x\n" + "\n" * (10 << 20)
    answer = await admin.post(path, content=ten_megabytes, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("media_type", "status"), [("text/plain", 415), ("application/xml", 415), ("multipart/form-data; boundary=x", 422)]
)
async def test_other_bodies_are_refused(admin: httpx.AsyncClient, world: World, media_type: str, status: int) -> None:
    answer = await admin.post(
        f"/assets/{world.asset.id}/distributions", content=b"--x--\r\n", headers={"Content-Type": media_type}
    )
    assert answer.status_code == status, answer.text
