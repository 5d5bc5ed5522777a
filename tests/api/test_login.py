"""Browsers come in by cookie and by link, and other sites cannot use what they carry."""

import json

import httpx
import pytest

from http_service import Service
from masspayout.kernel.roles import Role
from masspayout.service import access


async def test_a_link_signs_in_when_its_button_is_pressed(service: Service) -> None:
    async with service.runtime.database.unit_of_work() as session:
        user = await access.local_admin(session, "Root User")
        secret, _ = await access.make_login_link(session, user)
    async with httpx.AsyncClient(base_url=service.address, timeout=60) as browser:
        assert "button" in (await browser.get(f"/sign-in/{secret}")).text
        answer = await browser.post(f"/sign-in/{secret}")
        assert answer.status_code == 303
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert (await browser.get("/api/v1/tokens")).status_code == 200
        assert (await browser.post(f"/sign-in/{secret}")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_pages_of_other_sites_cannot_use_a_browsers_cookie(
    service: Service, headers: dict[str, str], status: int
) -> None:
    async with service.runtime.database.unit_of_work() as session:
        user = await access.local_admin(session, "tester")
    async with service.runtime.database.unit_of_work() as session:
        secret, _ = await access.make_login_link(session, user)
    _, cookie = await access.log_in_by_link(service.runtime.database, service.runtime.settings, secret)
    cookies = {"masspayout_session": cookie}
    async with httpx.AsyncClient(base_url=f"{service.address}/api/v1", cookies=cookies, timeout=60) as browser:
        answer = await browser.post("/tokens", json={"name": "x"}, headers=headers)
        assert answer.status_code == status, answer.text
        assert (await browser.get("/tokens", headers=headers)).status_code == 200


async def test_a_revoked_token_is_no_good_at_once(service: Service) -> None:
    admin = service.client(Role.ADMIN)
    made = (await admin.post("/tokens", json={"name": "short-lived", "role": "viewer"})).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await service.client(None).get("/assets", headers=headers)).status_code == 200
    assert (await admin.delete(f"/tokens/{made['id']}")).status_code == 204
    assert (await service.client(None).get("/assets", headers=headers)).status_code == 401
    assert json.loads((await admin.delete(f"/tokens/{made['id']}")).text)["status"] == 409
