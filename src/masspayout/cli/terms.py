"""Options for the terms of a payout, made from the declaration of each term, and the terms that they give."""

import functools
import inspect
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import typer

from masspayout.automation import find_zone
from masspayout.cli.times import parse_time
from masspayout.kernel.durations import duration_text, parse_duration
from masspayout.kernel.errors import Invalid
from masspayout.kernel.payout_terms import TERMS, PayoutTerms
from masspayout.kernel.terms import Term, Unit

# What was typed for each term, by the names of the terms.
Typed = Mapping[str, Any]


def with_term_options(terms: Iterable[Term]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command one option for each term, in place of its parameter ``typed``."""
    options = [_option(term) for term in terms]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            command(typed={option.name: given.pop(option.name) for option in options}, **given)

        signature = inspect.signature(command)
        parameters = [
            each
            for parameter in signature.parameters.values()
            for each in (options if parameter.name == "typed" else [parameter.replace(kind=parameter.KEYWORD_ONLY)])
        ]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def read_terms(typed: Typed, **others: Any) -> PayoutTerms:
    """Return the terms that were typed.

    Args:
        typed: The values of the options; those that were left out are None or empty.
        others: Terms that no option gives.

    Raises:
        Invalid: A value has the wrong form.
    """
    zone = find_zone(typed.get("time_zone") or "UTC")
    given = {name: _read(TERMS[name], value, zone) for name, value in typed.items() if value not in (None, [])}
    return PayoutTerms(**given | others)


def option_of(term: Term) -> str:
    """Return the option of a term."""
    return f"--{term.short_name.replace('_', '-')}"


def _option(term: Term) -> inspect.Parameter:
    """Return the option of a term, as a parameter that typer reads."""
    about: dict[str, Any] = {"help": _help(term)}
    kind: Any = str
    if issubclass(term.kind, Enum):
        kind = term.kind
    elif term.kind is list:
        kind = list[str]
    elif term.kind is int and term.unit is None:
        kind = int
        about["min"], about["max"] = term.bounds or (None, None)
    default = None if term.kind is list else term.default
    annotation: Any = Annotated[kind if default is not None else kind | None, typer.Option(option_of(term), **about)]
    return inspect.Parameter(term.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _help(term: Term) -> str:
    """Return the help of a term; what has a form of its own is shown by an example."""
    if term.kind is list:
        return f"{term.help} May be repeated."
    if term.unit is Unit.SECONDS:
        return f"{term.help} Example: {duration_text(timedelta(seconds=int(term.example)))}."
    return f"{term.help} Example: {shlex.quote(term.example)}." if term.kind is datetime else term.help


def _read(term: Term, value: Any, zone: tzinfo) -> Any:
    if term.kind is Decimal:
        return _decimal(term, value)
    if term.kind is datetime:
        return parse_time(value, zone)
    return int(parse_duration(value).total_seconds()) if term.unit is Unit.SECONDS else value


def _decimal(term: Term, text: str) -> Decimal:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text.strip(), re.ASCII):
        raise Invalid(
            f"{text!r} is not a number.", f"Write {option_of(term)} as digits with a point, such as 1000000.50."
        )
    return Decimal(text)
