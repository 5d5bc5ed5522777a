"""The code speaks the language of its field: no private word comes back, and the glossary leads to what it names."""

import ast
import re

import pytest

from house import language
from places import DOCS, ROOT

SOURCES = [
    path
    for folder in ("src", "tests", "benchmarks", "docs", "contracts")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts and "versions" not in path.parts
]
GLOSSARY = DOCS / "glossary.md"
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| (?P<places>[^|]+) \|$", re.MULTILINE)
PLACE = re.compile(r"`([\w./]+\.(?:py|vy|sql))`(?:: ((?:`[\w.]+`(?:, )?)+))?")
TERMS = """
    record date, dry run, settlement, idempotency, webhook, entitlement, distribution, payout, attempt, batch, payer,
    holder, register, freeze, preflight, reconciliation, break, sync, ledger binding, approval, four eyes, claim, lease,
    outbox, series, trigger, remainder, rounding, statement, recovery
"""


def test_no_private_word_is_an_identifier() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}: {words}"
        for path in SOURCES
        if path != ROOT / "tests" / "house" / "language.py"
        for line, name in language.identifiers(path)
        if (words := language.replacement(name)) is not None
    ]
    assert not found, "\n".join(found)


PRIVATE = """
    Door, let_in, AssetShown, ContextHere, House, _visit, story, _MORTALS, note_look, Foreseen, told_units,
    trial_of_list, find_elsewhere, wish, keep_in_step, may_mend, money_words, strays
"""


@pytest.mark.parametrize("name", PRIVATE.replace(",", " ").split())
def test_a_private_word_is_found(name: str) -> None:
    assert language.replacement(name) is not None


@pytest.mark.parametrize(
    "name", ["look_up", "LOOK_AGAIN_SECONDS", "history", "restored", "given", "Where", "homepage", "store", "Turnover"]
)
def test_a_word_of_the_field_is_left_alone(name: str) -> None:
    assert language.replacement(name) is None


def names_in(path: str) -> set[str]:
    """Return what a module defines: functions, classes with their members, constants."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        names |= set(_defined(node))
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for member in node.body for name in _defined(member)}
    return names


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


ROWS = [
    row
    for row in (match.groupdict() for match in ROW.finditer(GLOSSARY.read_text(encoding="utf-8")))
    if row["term"] not in {"term", "---"}
]


def test_the_glossary_has_the_terms_of_the_field() -> None:
    terms = {term.strip() for row in ROWS for term in row["term"].split(",")}
    assert {term.strip() for term in TERMS.split(",")} <= terms


@pytest.mark.parametrize("row", ROWS, ids=[row["term"] for row in ROWS])
def test_the_glossary_leads_to_what_it_names(row: dict[str, str]) -> None:
    places = PLACE.findall(row["places"])
    assert places
    for path, symbols in places:
        assert (ROOT / path).is_file(), path
        missing = set(re.findall(r"`([\w.]+)`", symbols)) - (names_in(path) if path.endswith(".py") else set())
        assert not missing, f"{path} has no {', '.join(sorted(missing))}"
