"""Lists: whole, in order, by page and by cursor, filtered and sorted."""

import base64
import json
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import run_sql
from http_service import Service
from masspayout.api.paging import Paging, _read, _written
from masspayout.db.entities import Distribution
from masspayout.db.repositories.keyset_paging import MOST_COUNTED
from masspayout.kernel.errors import Invalid
from payouts import World, accounts

COUNT = 46


@pytest.fixture(scope="module")
async def planned(world: World) -> Distribution:
    """A distribution with holders and a batch."""
    return await world.plan()


@pytest.fixture(scope="module")
async def distributions(service: Service, world: World, planned: Distribution) -> list[str]:
    """Many distributions, the newest first, some of them made at the same moment."""
    run_sql(
        service.runtime.database.url,
        f"""INSERT INTO distribution
                   (id, asset_id, type, execution_type, status, created_at, total_amount, scheduled_time)
            SELECT masspayout_uuid7(), '{world.asset.id}',
                   CASE n % 2 WHEN 0 THEN 'COUPON' ELSE 'DIVIDEND' END, 'MANUAL',
                   CASE n % 3 WHEN 0 THEN 'FAILED' ELSE 'COMPLETED' END,
                   timestamp '2026-01-01' + (n / 4) * interval '1 day',
                   CASE n % 5 WHEN 0 THEN NULL ELSE n % 7 END,
                   CASE n % 4 WHEN 0 THEN NULL ELSE timestamp '2030-01-01' + n * interval '1 hour' END
              FROM generate_series(1, {COUNT - 1}) AS n""",
    )
    answer = await service.client().get("/distributions", params={"limit": 100})
    return [item["id"] for item in answer.json()["items"]]


async def by_cursor(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """Everything that a list has, from one cursor to the next."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await client.get(path, params=params | ({} if cursor is None else {"cursor": cursor}))
        assert answer.status_code == 200, answer.text
        part = answer.json()
        assert len(part["items"]) <= params.get("limit", 20)
        assert (part["total"] is None) is (cursor is not None)
        found += part["items"]
        cursor = part["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 7, 45, 100])
@pytest.mark.parametrize(
    "sort", ["-created_at", "created_at", "scheduled_time", "-scheduled_time", "total_amount", "-total_amount"]
)
async def test_cursors_lead_through_everything_once_and_in_order(
    admin: httpx.AsyncClient, distributions: list[str], sort: str, limit: int
) -> None:
    found = [item["id"] for item in await by_cursor(admin, "/distributions", sort=sort, limit=limit)]
    assert sorted(found) == sorted(distributions)
    whole = (await admin.get("/distributions", params={"sort": sort, "limit": 100})).json()
    assert found == [item["id"] for item in whole["items"]]


async def test_pages_and_cursors_agree(admin: httpx.AsyncClient, distributions: list[str]) -> None:
    found = []
    for page in range(1, 9):
        answer = (await admin.get("/distributions", params={"page": page, "limit": 6})).json()
        assert answer["total"] == COUNT
        found += [item["id"] for item in answer["items"]]
    assert found == distributions
    beyond = (await admin.get("/distributions", params={"page": 1_000_000, "limit": 100})).json()
    assert beyond == {"items": [], "total": COUNT, "next_cursor": None}


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"status": "FAILED"}, 15),
        ({"type": "COUPON"}, 22),
        ({"type": "COUPON", "status": "FAILED"}, 7),
        ({"created_from": "2026-01-03T00:00:00Z", "created_until": "2026-01-05T00:00:00Z"}, 8),
        ({"created_from": "2026-01-03T01:00:00+01:00", "created_until": "2026-01-05T00:00:00Z"}, 8),
        ({"scheduled_from": "2030-01-02T00:00:00Z"}, 16),
        ({"failure_code": "ANYTHING"}, 0),
        ({"asset_id": str(uuid.UUID(int=1))}, 0),
    ],
)
async def test_lists_are_filtered(
    admin: httpx.AsyncClient, distributions: list[str], params: dict[str, str], count: int
) -> None:
    answer = (await admin.get("/distributions", params=params)).json()
    assert answer["total"] == count
    assert len(await by_cursor(admin, "/distributions", limit=4, **params)) == count


async def test_a_list_of_more_rows_than_are_counted_has_no_total(admin: httpx.AsyncClient, service: Service) -> None:
    url = service.runtime.database.url
    run_sql(
        url,
        f"""INSERT INTO contract_event (id, contract_id, name, timestamp_nanos, event_index, payload, status)
            SELECT masspayout_uuid7(), '0.0.' || CASE WHEN n > 1 THEN 77 ELSE 78 END, 'Paused', n, 0, '{{}}', 'HANDLED'
              FROM generate_series(1, {MOST_COUNTED + 2}) AS n""",
    )
    answer = (await admin.get("/events", params={"contract_id": "0.0.77", "limit": 5})).json()
    assert (len(answer["items"]), answer["total"]) == (5, None)
    assert answer["next_cursor"] is not None
    assert (await admin.get("/events", params={"contract_id": "0.0.78"})).json()["total"] == 1
    run_sql(url, "DELETE FROM contract_event WHERE timestamp_nanos = 2 AND contract_id = '0.0.77'")
    assert (await admin.get("/events", params={"contract_id": "0.0.77"})).json()["total"] == MOST_COUNTED


async def test_holders_are_listed_sorted_and_filtered(
    admin: httpx.AsyncClient, world: World, planned: Distribution
) -> None:
    path = f"/distributions/{planned.id}/holders"
    expected = sorted(accounts(25))
    for sort, wanted in (("account_id", expected), ("-account_id", expected[::-1])):
        found = await by_cursor(admin, path, sort=sort, limit=7)
        assert [item["account_id"] for item in found] == wanted
        assert {item["payment_amount"] for item in found} == {"40.000000"}
    assert len(await by_cursor(admin, path, sort="-payment_amount", limit=7)) == 25
    assert (await admin.get(path, params={"paid": True})).json()["total"] == 0
    assert (await admin.get(path, params={"paid": False, "batch_number": 1})).json()["total"] == 25
    assert len(await by_cursor(admin, f"/assets/{world.asset.id}/holders", limit=7)) == 26
    assert len(await by_cursor(admin, f"/assets/{world.asset.id}/holders", sort="-balance", limit=7)) == 26
    for holders in (path, f"/assets/{world.asset.id}/holders"):
        (holder,) = await by_cursor(admin, holders, account_id=expected[3])
        assert holder["account_id"] == expected[3]
        assert (await admin.get(holders, params={"account_id": "nobody"})).status_code == 422
    batches = await by_cursor(admin, f"/distributions/{planned.id}/batches", limit=1)
    assert [batch["batch_number"] for batch in batches] == [1]


async def test_a_cursor_belongs_to_its_list(admin: httpx.AsyncClient, distributions: list[str], world: World) -> None:
    cursor = (await admin.get("/distributions", params={"limit": 1})).json()["next_cursor"]
    for path, sort in (("/distributions", "created_at"), ("/assets", "name"), ("/events", "-timestamp_nanos")):
        answer = await admin.get(path, params={"cursor": cursor, "sort": sort})
        assert answer.status_code == 422, answer.text
    answer = await admin.get(f"/assets/{world.asset.id}/holders", params={"cursor": cursor})
    assert answer.status_code == 422


VALUES = st.one_of(
    st.none(), st.text(max_size=5), st.integers(), st.uuids(), st.decimals(), st.booleans(), st.lists(st.integers())
)


@given(position=st.lists(st.one_of(st.none(), st.text(), st.integers(), st.uuids(), st.decimals(allow_nan=False))))
def test_a_cursor_says_again_what_it_was_told(position: list[Any]) -> None:
    cursor = _written(position, "-created_at")
    assert _read(cursor, "-created_at") == position
    with pytest.raises(Invalid, match="sorted by '-created_at'"):
        _read(cursor, "created_at")


@given(text=st.text(min_size=1))
def test_whatever_is_sent_as_a_cursor_is_one_or_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Paging(cursor=text).page_request("-created_at")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.tuples(st.sampled_from("siutdnx"), st.one_of(st.none(), st.text(), st.integers())), max_size=4)
)
async def test_made_up_positions_are_refused(admin: httpx.AsyncClient, parts: list[Any]) -> None:
    text = json.dumps(["-created_at", *parts])
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    answer = await admin.get("/distributions", params={"cursor": cursor[:1000]})
    assert answer.status_code in (200, 422), answer.text
