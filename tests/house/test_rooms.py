"""Rooms have public names: others import what a room's ``__init__`` names, and the edges pay through ``app`` alone."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import PACKAGE

SOURCES = sorted(PACKAGE.rglob("*.py"))

WITH_PUBLIC_NAMES = (
    "audit",
    "registers",
    "entitlements",
    "controls",
    "payments",
    "distributions",
    "automation",
    "reporting",
    "service.access",
    "service.webhooks",
    "service.doctor",
)
# It needs a library that takes half a second to load, which only those who serve browsers wait for.
IMPORTED_DIRECTLY = {"masspayout.service.access.oidc"}
# Where payouts are paid: nothing of it is for the edges but what it says.
PAYING = ("entitlements", "controls", "payments", "distributions")
EDGES = ("cli", "api", "dashboard", "worker")


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str) -> Iterator[tuple[str, str]]:
    """Yield each name that is imported from this package, with where it is imported from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("masspayout"):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.startswith("masspayout."))


def private_imports(module: str, source: str) -> Iterator[str]:
    """Yield what a module imports from other rooms that their ``__init__`` does not name."""
    for imported, name in imports_of(source):
        for room in (f"masspayout.{each}" for each in WITH_PUBLIC_NAMES):
            if module == room or module.startswith(f"{room}."):
                continue
            if IMPORTED_DIRECTLY & {imported, f"{imported}.{name}"}:
                continue
            if imported.startswith(f"{room}.") or (
                imported == room and name not in importlib.import_module(room).__all__
            ):
                yield f"{module}: {imported}.{name}"


def acts(module: str, source: str) -> Iterator[str]:
    """Yield what an edge imports from where payouts are paid that does something, instead of saying something."""
    for imported, name in imports_of(source):
        if imported in {f"masspayout.{room}" for room in PAYING}:
            thing = getattr(importlib.import_module(imported), name)
            methods = vars(thing).values() if inspect.isclass(thing) else []
            if inspect.ismodule(thing) or any(map(inspect.iscoroutinefunction, [thing, *methods])):
                yield f"{module}: {imported}.{name}"
        elif imported == "masspayout" and name in PAYING:
            yield f"{module}: {imported}.{name}"


def test_rooms_are_imported_by_their_public_names() -> None:
    assert not [found for path in SOURCES for found in private_imports(name_of(path), path.read_text())]


def test_the_edges_pay_through_app_alone() -> None:
    edges = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in EDGES]
    assert edges
    assert not [found for path in edges for found in acts(name_of(path), path.read_text())]


@pytest.mark.parametrize(
    "line",
    [
        "from masspayout.payments.stops import stop",
        "from masspayout.distributions import lifecycle",
        "import masspayout.controls.funds",
    ],
)
def test_a_private_import_is_found(line: str) -> None:
    assert list(private_imports("masspayout.automation.series", line))


@pytest.mark.parametrize(
    "line",
    [
        "from masspayout import distributions",
        "from masspayout.payments import recovery",
        "from masspayout.payments import DistributionPayer",
        "from masspayout.distributions import create",
    ],
)
def test_an_edge_that_pays_by_itself_is_found(line: str) -> None:
    assert list(acts("masspayout.cli.payout", line))
