"""The OpenAPI 3.1 document: FastAPI's own, with what authentication, keys and problem details add to every route."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from masspayout.api.authenticated_route import KEY_HEADER, REPLAYED_HEADER
from masspayout.api.authentication import Rules, rules_of
from masspayout.api.problems import MEDIA_TYPE, Problem
from masspayout.kernel.roles import Role
from masspayout.service.access import SESSION_COOKIE

_DESCRIPTION = """
Pays dividends, coupons and one-off payouts to every holder of a tokenised asset, exactly once.

Send an API token as `Authorization: Bearer mpt_…`. Amounts are strings, times are RFC 3339 in UTC. Send a new
`Idempotency-Key` with each POST: sent again with the same key, it has no second effect and gets the first answer.
"""

_ANSWERS = {
    400: "The body is not well-formed.",
    401: "The request is not authenticated.",
    403: "The role does not allow it.",
    404: "There is no such thing.",
    409: "The present state does not allow it.",
    413: "The body is too long.",
    415: "The body has a type that the route does not take.",
    422: "A value is wrong; nothing was written.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    503: "Database or ledger cannot be reached; `Retry-After` says when to ask again.",
}

_KEY = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "A new UUID for each thing that you want. With the same key, it happens once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "1b4e28ba-2fa1-4d4e-883f-0016d3cca427",
}
_REPLAYED = {"description": "`true` when this is the first answer again.", "schema": {"type": "string"}}


def describe(app: FastAPI, routes: Iterable[tuple[str, APIRoute]]) -> dict[str, Any]:
    """Return the OpenAPI document of an application, in which these routes are at these paths."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Mass Payout", version=app.version, description=_DESCRIPTION.strip(), routes=app.routes, tags=None
        )
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs")
        schemas["Problem"] = problem
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "A browser's login."},
        }
        for path, route in routes:
            for method in route.methods or ():
                _complete(document["paths"][path][method.lower()], method, rules_of(route.endpoint))
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: dict[str, Any], method: str, rules: Rules) -> None:
    """Add to one operation what holds for all of its kind."""
    answers = operation["responses"]
    answers.pop("422", None)
    if rules.permission is not None:
        operation["security"] = [{"token": []}, {"session": []}]
        role = Role.least_with(rules.permission)
        operation["description"] = f"{operation.get('description', '')}\n\nTakes the role **{role}**.".strip()
        operation["x-permission"] = rules.permission.value
    for status in _statuses(operation, method, rules):
        problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        answers.setdefault(str(status), {"description": _ANSWERS[status], "content": problem})
    if method == "POST":
        operation.setdefault("parameters", []).append(_KEY)
        for status, answer in answers.items():
            if status.startswith("2"):
                answer.setdefault("headers", {})[REPLAYED_HEADER] = _REPLAYED


def _statuses(operation: dict[str, Any], method: str, rules: Rules) -> list[int]:
    statuses = [503]
    if rules.permission is not None:
        statuses += [401, 403, 429]
    if operation.get("parameters") or method in {"POST", "PATCH"}:
        statuses.append(422)
    names_something = any(each["in"] == "path" or each["name"] == "asset" for each in operation.get("parameters", []))
    if names_something or method == "POST":
        statuses.append(404)
    if method != "GET" or rules.permission is not None:
        statuses.append(409)
    if method in {"POST", "PATCH"}:
        statuses += [400, 413]
    if rules.takes_files:
        statuses.append(415)
    return sorted(statuses)
