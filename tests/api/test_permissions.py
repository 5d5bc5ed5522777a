"""Every route for every role: who is not named here for a route is not let in, and a route that is not named fails."""

import uuid

import pytest

from http_service import Service
from masspayout.api.app import api_routes
from masspayout.api.authentication import requires, rules_of
from masspayout.kernel.roles import Permission, Role

# The least role that may call each route; None: anybody.
LEAST: dict[tuple[str, str], Role | None] = {
    ("GET", "/health"): None,
    ("GET", "/ready"): None,
    ("GET", "/metrics"): Role.VIEWER,
    ("POST", "/assets/import"): Role.OPERATOR,
    ("GET", "/assets"): Role.VIEWER,
    ("GET", "/assets/{asset}"): Role.VIEWER,
    ("PATCH", "/assets/{asset}"): Role.OPERATOR,
    ("POST", "/assets/{asset}/sync"): Role.OPERATOR,
    ("GET", "/assets/{asset}/holders"): Role.VIEWER,
    ("POST", "/assets/{asset}/distributions"): Role.OPERATOR,
    ("GET", "/assets/{asset}/distributions"): Role.VIEWER,
    ("GET", "/distributions"): Role.VIEWER,
    ("GET", "/distributions/{distribution}"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/preview"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/holders"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/batches"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/attempts"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/reconciliation"): Role.VIEWER,
    ("GET", "/distributions/{distribution}/approvals"): Role.VIEWER,
    ("POST", "/distributions/{distribution}/approve"): Role.APPROVER,
    ("POST", "/distributions/{distribution}/execute"): Role.OPERATOR,
    ("POST", "/distributions/{distribution}/retry"): Role.OPERATOR,
    ("POST", "/distributions/{distribution}/cancel"): Role.OPERATOR,
    ("POST", "/distributions/{distribution}/pause"): Role.OPERATOR,
    ("POST", "/distributions/{distribution}/resume"): Role.OPERATOR,
    ("POST", "/distributions/{distribution}/send-back"): Role.APPROVER,
    ("POST", "/distributions/{distribution}/resubmit"): Role.OPERATOR,
    ("DELETE", "/distributions/{distribution}/approvals"): Role.APPROVER,
    ("GET", "/pauses"): Role.VIEWER,
    ("POST", "/assets/{asset}/pause"): Role.OPERATOR,
    ("POST", "/assets/{asset}/resume"): Role.OPERATOR,
    ("POST", "/pause"): Role.OPERATOR,
    ("POST", "/resume"): Role.OPERATOR,
    ("GET", "/series"): Role.VIEWER,
    ("GET", "/series/{series}"): Role.VIEWER,
    ("POST", "/series/{series}/pause"): Role.OPERATOR,
    ("POST", "/series/{series}/resume"): Role.OPERATOR,
    ("POST", "/series/{series}/cancel"): Role.OPERATOR,
    ("GET", "/listeners"): Role.VIEWER,
    ("POST", "/listeners"): Role.OPERATOR,
    ("GET", "/listeners/{contract_id}"): Role.VIEWER,
    ("PATCH", "/listeners/{contract_id}"): Role.OPERATOR,
    ("DELETE", "/listeners/{contract_id}"): Role.OPERATOR,
    ("GET", "/events"): Role.VIEWER,
    ("GET", "/tokens"): Role.ADMIN,
    ("POST", "/tokens"): Role.ADMIN,
    ("DELETE", "/tokens/{token}"): Role.ADMIN,
    ("GET", "/policy"): Role.VIEWER,
    ("POST", "/policy"): Role.ADMIN,
    ("GET", "/policy/history"): Role.VIEWER,
    ("GET", "/proposals"): Role.VIEWER,
    ("GET", "/proposals/{proposal}"): Role.VIEWER,
    ("POST", "/proposals/{proposal}/approve"): Role.APPROVER,
    ("POST", "/proposals/{proposal}/refuse"): Role.APPROVER,
    ("POST", "/proposals/{proposal}/withdraw"): Role.OPERATOR,
    ("GET", "/audit"): Role.APPROVER,
    ("GET", "/webhooks"): Role.ADMIN,
    ("POST", "/webhooks"): Role.ADMIN,
    ("PATCH", "/webhooks/{webhook}"): Role.ADMIN,
    ("DELETE", "/webhooks/{webhook}"): Role.ADMIN,
    ("GET", "/webhooks/{webhook}/deliveries"): Role.ADMIN,
    ("POST", "/webhooks/deliveries/{delivery}/redeliver"): Role.ADMIN,
}
ROLES = list(Role)


def test_every_route_has_its_place_in_the_table() -> None:
    routes = {
        (method, path.removeprefix("/api/v1")) for path, route in api_routes() for method in route.methods or set()
    }
    assert routes == set(LEAST)


async def test_every_route_lets_in_who_may_and_nobody_else(service: Service) -> None:
    ids = {
        "asset": uuid.uuid4(),
        "distribution": uuid.uuid4(),
        "series": uuid.uuid4(),
        "contract_id": "0.0.404",
        "token": uuid.uuid4(),
        "webhook": uuid.uuid4(),
        "delivery": uuid.uuid4(),
        "proposal": uuid.uuid4(),
    }
    for (method, path), least in LEAST.items():
        place = path.format(**ids)
        body: dict[str, str] | None = {} if method in {"POST", "PATCH"} else None
        nobody = await service.client(None).request(method, place, json=body)
        assert (nobody.status_code == 401) is (least is not None), (method, path, nobody.text)
        for role in ROLES:
            answer = await service.client(role).request(method, place, json=body)
            may = least is None or ROLES.index(role) >= ROLES.index(least)
            assert (answer.status_code == 403) is not may, (method, path, role, answer.text)
            assert answer.status_code < 500 or path == "/ready", (method, path, role, answer.text)
            if not may:
                assert answer.json()["detail"].endswith(f"needs the role {least}.")


def test_an_endpoint_that_does_not_say_who_may_call_it_stops_the_start() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(TypeError, match="forgotten does not say who may call it"):
        rules_of(forgotten)
    assert rules_of(requires(Permission.PAY)(forgotten)).permission is Permission.PAY
