"""The OpenAPI document that is checked in is the one that the software has."""

import json
from typing import Any

from masspayout.api import api_document, api_routes
from places import DOCS

FILE = DOCS / "openapi.json"


def operations() -> list[dict[str, Any]]:
    return [operation for path in api_document()["paths"].values() for operation in path.values()]


def test_the_file_is_current() -> None:
    current = json.dumps(api_document(), indent=1, ensure_ascii=False) + "\n"
    assert FILE.read_text(encoding="utf-8") == current, "write it anew with: make openapi"


def test_every_route_is_in_it_and_says_what_it_takes_and_gives() -> None:
    document = api_document()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {path for path, _ in api_routes()}
    for operation in operations():
        assert operation["summary"]
        assert operation["description"]
        assert any(status.startswith("2") for status in operation["responses"])
        for status, answer in operation["responses"].items():
            is_about_readiness = operation["summary"] == "Ready"
            if not status.startswith("2") and not is_about_readiness:
                assert list(answer["content"]) == ["application/problem+json"]


def test_who_may_call_a_route_is_said() -> None:
    closed = [operation for operation in operations() if "security" in operation]
    assert closed
    assert all("Takes the role **" in operation["description"] for operation in closed)
