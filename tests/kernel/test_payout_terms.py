"""Terms of payouts are declared once: each edge offers all of them, and what each edge has for them is complete."""

from enum import Enum
from importlib.metadata import version

import pytest
from nicegui import Client, ui

from commands import commands, options_of
from masspayout.api.models.distributions import DistributionRequest, DistributionResponse, ListQuery
from masspayout.api.models.series import SeriesResponse
from masspayout.audit import distribution_records
from masspayout.cli.distribution_list import distribution_fields
from masspayout.cli.series import series_fields
from masspayout.cli.terms import option_of
from masspayout.dashboard.planning.form import _CHOICES, PayoutForm
from masspayout.db.entities import Asset, Distribution, ExecutionType, Series, term_columns
from masspayout.db.repositories.series import _MADE_OF
from masspayout.kernel.next_steps import Field
from masspayout.kernel.payout_terms import DISTRIBUTION_TERMS, TERMS, TIMING, timing_misfits
from masspayout.kernel.terms import Term
from places import ROOT

DIVIDED = {name for name, term in TERMS.items() if term.is_divided}
LISTED = {name for name, term in TERMS.items() if term.is_listed}
STORED = {name for name, term in TERMS.items() if term.is_stored}
BOTH = {name for name in STORED if name in DISTRIBUTION_TERMS and TERMS[name].executions == frozenset(ExecutionType)}

of_each_term = pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.name)


@of_each_term
def test_a_term_says_what_people_need_to_know(term: Term) -> None:
    assert term.label
    assert term.help.endswith(".")
    assert term.example
    assert tuple(map(int, term.since.split("."))) <= tuple(map(int, version("masspayout").split(".")))
    assert term.question or not term.needed_by
    assert set(term.executions) >= set(term.needed_by)
    assert term.is_divided or term.is_listed


@of_each_term
def test_limits_fit_the_type(term: Term) -> None:
    assert term.bounds is None or (term.kind is int and term.bounds[0] <= int(term.example) <= term.bounds[1])
    assert term.max_length is None or (term.kind is str and len(term.example) <= term.max_length)
    if issubclass(term.kind, Enum):
        assert term.kind(term.example)


def test_the_command_line_offers_every_term() -> None:
    assert {option_of(TERMS[name]) for name in DIVIDED} <= options_of(commands()["distribution create"])
    assert {option_of(TERMS[name]) for name in LISTED - {"type"}} <= options_of(commands()["pay"])


def test_the_api_offers_every_term() -> None:
    assert set(DistributionRequest.model_fields) == DIVIDED
    assert set(ListQuery.model_fields) >= LISTED
    for model, entity in ((DistributionResponse, Distribution), (SeriesResponse, Series)):
        assert set(model.model_fields) >= set(term_columns(entity))


def test_every_stored_term_is_a_column() -> None:
    assert {*term_columns(Distribution), *term_columns(Series)} == STORED
    assert set(term_columns(Distribution)) >= set(DISTRIBUTION_TERMS)
    assert set(term_columns(Series)) >= BOTH


def test_every_term_of_a_series_is_given_to_its_distributions() -> None:
    assert set(_MADE_OF) >= BOTH


def test_the_command_line_shows_every_term() -> None:
    assert set(distribution_fields(Distribution())) >= set(DISTRIBUTION_TERMS)
    assert set(series_fields(Series(), None)) >= set(term_columns(Series))


def test_the_audit_trail_records_every_term() -> None:
    assert set(distribution_records._RECORDED) >= set(DISTRIBUTION_TERMS)


async def test_the_form_of_the_dashboard_offers_every_term() -> None:
    async def changed() -> None: ...

    asset = Asset(token_id="0.0.5000", name="Green Bond", symbol="GRB")
    with Client(ui.page("/payouts/new")):
        offered = PayoutForm([asset], asset, changed, ExecutionType.MANUAL)
    assert set(offered.draft().typed) == set(TERMS)


def test_the_choices_of_the_form_are_those_of_the_term() -> None:
    for name, choices in _CHOICES.items():
        assert set(TERMS[name].kind) <= set(choices)  # type: ignore[call-overload]


@of_each_term
def test_a_term_is_documented_by_its_option(term: Term) -> None:
    assert f"- `{option_of(term)}`: " in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_fields_of_next_steps_are_the_options_of_the_terms() -> None:
    named = {field.name.lower(): field.value for field in Field if field.name.lower() in TERMS}
    assert named == {name: option_of(TERMS[name]) for name in named}


@pytest.mark.parametrize("execution", ExecutionType)
def test_timing_fits_when_no_more_is_given_than_is_needed(execution: ExecutionType) -> None:
    needed = [name for name in TIMING if execution in TERMS[name].needed_by]
    assert timing_misfits(execution, needed) == ([], [])
    assert timing_misfits(execution, []) == (needed, [])
    strange = sorted(set(TIMING) - {name for name in TIMING if execution in TERMS[name].executions})
    assert timing_misfits(execution, TIMING)[1] == strange
