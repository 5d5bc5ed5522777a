"""What to do next is data: every edge has words for all of it, and they name what there is."""

import ast
import json
import re
from itertools import chain

import pytest

from commands import commands, mentions, options_of
from masspayout.api import next_steps as api
from masspayout.dashboard import next_steps as dashboard
from masspayout.kernel.errors import Conflict
from masspayout.kernel.next_steps import Action, Field, NextStep, Part, Step, as_command
from masspayout.kernel.payout_terms import TERMS
from places import PACKAGE, ROOT

STEPS = [action.on(*"abc"[: action.value.count("{}")]) for action in Action]
OPTIONS = set(chain.from_iterable(map(options_of, commands().values())))

SENTENCES: list[tuple[list[Part], str, str, str]] = [
    (
        ["List them with: ", Action.LIST_DISTRIBUTIONS],
        "List them with: masspayout distribution list",
        "List them with: GET /api/v1/distributions",
        "List them with: the pages under Payouts",
    ),
    (
        ["List the unpaid holders: ", Action.LIST_UNPAID.on("01a2-b")],
        "List the unpaid holders: masspayout distribution holders 01a2-b --failed",
        "List the unpaid holders: GET /api/v1/distributions/01a2-b/holders?paid=false",
        "List the unpaid holders: “Holders” on the payout's page",
    ),
    (
        ["Name one with: ", Action.NAME_PAYMENT_TOKEN.on("0.0.1")],
        "Name one with: masspayout asset import 0.0.1 --payment-token ID",
        "Name one with: POST /api/v1/assets/import with token_id 0.0.1 and payment_token_id",
        "Name one with: “Import an asset” on the page Assets",
    ),
    (
        ["To pay it again, give another ", Field.CONCEPT, "."],
        "To pay it again, give another --concept.",
        "To pay it again, give another concept.",
        "To pay it again, give another “Name”.",
    ),
    (
        ["Start one: ", Action.START_WORKER],
        "Start one: masspayout worker",
        "Start one: masspayout worker (on the server)",
        "Start one: masspayout worker (on the server)",
    ),
    (
        ["Wait a moment, {} included."],
        "Wait a moment, {} included.",
        "Wait a moment, {} included.",
        "Wait a moment, {} included.",
    ),
]


@pytest.mark.parametrize(("parts", "typed", "requested", "pressed"), SENTENCES)
def test_each_edge_says_what_to_do_in_its_own_words(
    parts: list[Part], typed: str, requested: str, pressed: str
) -> None:
    step = NextStep(*parts)
    assert (str(step), step.said(api.over_http), step.said(dashboard.in_browser)) == (typed, requested, pressed)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.action.name)
def test_every_action_is_a_command_with_its_options(step: Step) -> None:
    ((name, options),) = mentions(as_command(step))
    assert name in commands()
    assert options <= options_of(commands()[name])
    assert all(subject in as_command(step) for subject in step.subjects)


@pytest.mark.parametrize("field", Field, ids=lambda field: field.name)
def test_every_field_is_an_option(field: Field) -> None:
    assert field.value in OPTIONS


def fill(template: str) -> str:
    return re.sub(r"\{[^}]*\}|ASSET|\bID\b", "x", template)


def test_every_request_that_is_told_is_in_the_description_of_the_api() -> None:
    described = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    there_are = {f"{method.upper()} {fill(path)}" for path, methods in described.items() for method in methods}
    values = {step: api.over_http(Step(step.action, ("x",) * len(step.subjects))) for step in STEPS}
    requests = {each for each in values.values() if not each.startswith("masspayout ")}
    assert len(requests) >= 20
    assert {fill(each.split("?")[0].split(" with ")[0]) for each in requests} <= there_are


def test_every_place_that_is_told_is_in_the_dashboard() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PACKAGE / "dashboard").rglob("*.py")]
    labels = [term.label for term in TERMS.values()]
    words = "\n".join([*labels, *(source for source in sources if "_PLACES = {" not in source)])
    values = [dashboard.in_browser(part) for part in (*STEPS, *Field)]
    named = set(chain.from_iterable(re.findall("“([^”]+)”", each) for each in values))
    assert len(named) >= 10
    assert {name for name in named if name not in words} == set()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.action.name)
def test_what_an_edge_cannot_do_is_said_as_what_an_operator_types(step: Step) -> None:
    for said in (api.over_http(step), dashboard.in_browser(step)):
        assert said
        assert "{}" not in said
        assert not said.startswith("masspayout") or said == f"{as_command(step)} (on the server)"


@pytest.mark.parametrize("parts", [each[0] for each in SENTENCES])
def test_a_next_step_is_stored_as_what_it_is(parts: list[Part]) -> None:
    step = NextStep(*parts, Action.LIST_ASSETS)
    assert NextStep.from_json(json.loads(json.dumps(step.to_json()))) == step


def test_what_another_version_stored_is_said_as_it_was_typed() -> None:
    stored = [
        "Then: ",
        {"action": "FLY", "subjects": ["a"], "typed": "masspayout fly a"},
        {"field": "X", "typed": "--x"},
    ]
    assert NextStep.from_json(stored) == NextStep("Then: ", "masspayout fly a", "--x")


def test_an_error_hands_its_next_step_on() -> None:
    first = Conflict("It is so.", "See: ", Action.SHOW_PAYER.on("0.0.7"), " or ", Field.AMOUNT)
    again = Conflict(first.message, first.next_step)
    assert (again.next_step, again.hint) == (first.next_step, "See: masspayout payer show 0.0.7 or --amount")
    assert again.next_step.fields == (Field.AMOUNT,)
    assert not Conflict("It is so.").next_step


# What edges say in their own words, and what is no sentence: programs that are run, marks on a ledger.
IN_THEIR_OWN_WORDS = ("cli/", "api/", "dashboard/", "kernel/next_steps.py", "db/embedded.py", "db/migrations/versions/")


def test_nobody_below_the_edges_writes_commands_or_options_into_sentences() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).as_posix().startswith(IN_THEIR_OWN_WORDS):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                named = {name for name, _ in mentions(node.value)} & commands().keys()
                options = OPTIONS & set(re.findall(r"--[a-z][a-z-]*", node.value))
                if named or options:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {named or options}")
    assert not found
