"""Refusals: each says what is wrong and what to do next, as problem details."""

import re
import uuid

import httpx
import pytest
from sqlalchemy import URL

from databases import run_sql
from http_service import Service
from masspayout.kernel.roles import Role
from payouts import ASSET_TOKEN, World

NOBODY = uuid.UUID(int=404)
LIBRARY_WORDS = re.compile("Field required|Extra inputs|Input should|String should|Value error|permitted")


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem details of an answer, which must be complete."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["status"] == status
    assert found["instance"] == answer.request.url.path
    assert str(found["type"]).startswith("urn:masspayout:problem:")
    assert found["title"]
    assert found["detail"]
    assert found["next_step"]
    assert not LIBRARY_WORDS.search(answer.text), answer.text
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("PUT", "/assets", 405, "Method Not Allowed"),
        ("GET", f"/distributions/{NOBODY}", 404, f"There is no payout {NOBODY}"),
        ("GET", "/distributions/nonsense", 422, "path.distribution"),
        ("GET", "/assets/0.0.404", 404, "There is no asset '0.0.404'"),
        ("GET", "/assets/nonsense", 422, "'nonsense' is not a valid asset"),
        ("GET", "/assets/%00", 422, "is not a valid asset"),
        ("GET", "/assets?page=0", 422, "query.page: It cannot be '0'. Use a number of 1 or more."),
        ("GET", "/assets?limit=101", 422, "query.limit"),
        ("GET", "/assets?page=99999999999999999999", 422, "query.page"),
        ("GET", "/assets?sort=colour", 422, "query.sort"),
        ("GET", "/distributions?status=DONE", 422, "Use PENDING, PROCESSING, COMPLETED, FAILED or CANCELLED."),
        ("GET", "/distributions?created_from=yesterday", 422, "query.created_from"),
        ("GET", "/distributions?created_from=2026-01-01T00:00:00", 422, "query.created_from"),
        ("GET", "/distributions?cursor=nonsense", 422, "'nonsense' is not a cursor"),
        ("GET", "/listeners/0.0.404", 404, "There is no listener for 0.0.404"),
        ("DELETE", f"/tokens/{NOBODY}", 404, "There is no token"),
        ("DELETE", "/tokens/nonsense", 422, "path.token"),
    ],
)
async def test_what_cannot_be_answered_says_why(
    admin: httpx.AsyncClient, method: str, path: str, status: int, detail: str
) -> None:
    assert detail in str(problem(await admin.request(method, path), status)["detail"])


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "not well-formed JSON"),
        (b'{"token_id": "0.0.1"', 400, "not well-formed JSON"),
        (b"\xff\xfe", 400, "not well-formed JSON"),
        (b"[" * 100_000, 400, "nested more than 100 levels deep"),
        (b"", 422, "body"),
        (b"[]", 422, "body"),
        (b"{}", 422, "body.token_id: It is missing. Add it."),
        (b'{"token_id": "nonsense"}', 422, "body.token_id: 'nonsense' is not a valid account id."),
        (b'{"token_id": 5}', 422, "body.token_id"),
        (b'{"token_id": "0.0.5001", "colour": "red"}', 422, "body.colour: There is no such field."),
        (b'{"token_id": "0.0.404404"}', 404, "0.0.404404"),
        (b" " * (10 << 20), 413, "longer than"),
    ],
)
async def test_a_bad_body_says_what_is_bad(admin: httpx.AsyncClient, body: bytes, status: int, detail: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert detail in str(problem(await admin.post("/assets/import", content=body, headers=headers), status)["detail"])


async def test_a_body_whose_length_is_not_announced_is_cut_off_too(admin: httpx.AsyncClient) -> None:
    async def endless() -> object:
        for _ in range(40):
            yield b" " * (1 << 16)

    headers = {"Content-Type": "application/json"}
    problem(await admin.post("/assets/import", content=endless(), headers=headers), 413)  # type: ignore[arg-type]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer mpt_0_0", "bearer x"])
async def test_who_shows_nothing_good_is_asked_for_a_token(service: Service, header: str) -> None:
    answer = await service.client(None).get("/assets", headers={"Authorization": header} if header else {})
    assert "masspayout token create" in str(problem(answer, 401)["next_step"]) or header
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_conflict_names_the_route_that_comes_next(admin: httpx.AsyncClient, world: World) -> None:
    distribution = await world.plan()
    assert (await admin.post(f"/distributions/{distribution.id}/cancel")).status_code == 200
    found = problem(await admin.post(f"/distributions/{distribution.id}/execute"), 409)
    assert found["detail"] == f"Payout {distribution.id} cannot be executed: it is CANCELLED."
    assert found["next_step"] == "Create a new one with: POST /api/v1/assets/ASSET/distributions"


async def test_what_cannot_be_paid_for_is_a_conflict_of_its_own_kind(admin: httpx.AsyncClient, world: World) -> None:
    distribution = await world.plan("5000000")
    found = problem(await admin.post(f"/distributions/{distribution.id}/execute"), 409)
    assert found["type"] == "urn:masspayout:problem:insufficient-funds"


async def test_a_database_that_is_away_is_a_503_that_says_when_to_try_again(
    service: Service, embedded_server: URL
) -> None:
    client = service.client(Role.VIEWER)
    database = service.runtime.database
    run_sql(embedded_server, f'ALTER DATABASE "{database.url.database}" ALLOW_CONNECTIONS false')
    await database.close()
    answer = await client.get("/assets")
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    run_sql(embedded_server, f'ALTER DATABASE "{database.url.database}" ALLOW_CONNECTIONS true')
    assert (await client.get("/assets")).status_code == 200


async def test_a_refusal_names_the_fields_that_it_is_about(admin: httpx.AsyncClient, world: World) -> None:
    terms = {"payout_type": "PERCENTAGE"}
    found = problem(await admin.post(f"/assets/{ASSET_TOKEN}/distributions", json=terms), 422)
    assert found["next_step"] == "Add amount with a number above 0."
    assert found["errors"] == [{"where": "body.amount", "what": found["detail"]}]


async def test_assets_are_found_by_token_id_and_uuid(admin: httpx.AsyncClient, world: World) -> None:
    for reference in (ASSET_TOKEN, str(world.asset.id), str(world.asset.id).upper()):
        assert (await admin.get(f"/assets/{reference}")).json()["symbol"] == "GRB"
