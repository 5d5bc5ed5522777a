"""Requirements on values: our words for the errors that Pydantic knows."""

import enum
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

from masspayout.kernel import invalid_values
from masspayout.kernel.invalid_values import one_of, own_sentence, requirement, shown


class Colour(enum.StrEnum):
    RED = "RED"
    GREEN = "GREEN"


def fault(kind: Any, value: object) -> dict[str, Any]:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return dict(refused.value.errors()[0])


def refuse(text: str) -> str:
    raise ValueError(f"{text!r} is no colour")


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "x", "a whole number"),
        (Annotated[int, Field(ge=1)], 0, "a number of 1 or more"),
        (Annotated[int, Field(le=9)], 10, "a number of 9 or less"),
        (Colour, "BLUE", "RED or GREEN"),
        (Literal["a", "b", "c"], "d", "a, b or c"),
        (UUID, "x", "an id, such as 0197f000-0000-7000-8000-000000000000"),
        (datetime, "soon", "a time, such as 2030-03-31T09:00:00Z"),
        (AwareDatetime, datetime(2030, 1, 1), "a time with its offset from UTC, such as 2030-03-31T09:00:00Z"),  # noqa: DTZ001 - the lack of a zone is what this is about
        (Annotated[str, Field(max_length=3)], "long", "at most 3 characters"),
        (bool, "x", "true or false"),
        (list[int], 1, "a list, in brackets"),
        (set[int], 1, "a value as the documentation describes it"),
    ],
)
def test_a_requirement_is_said_in_our_words(kind: Any, value: object, words: str) -> None:
    assert requirement(fault(kind, value)) == words


def test_every_kind_of_error_in_the_table_is_one_of_the_library() -> None:
    assert set(invalid_values._REQUIREMENTS) <= set(get_args(core_schema.ErrorType))


def test_the_sentence_of_a_validator_of_ours_is_kept() -> None:
    assert own_sentence(fault(Annotated[str, AfterValidator(refuse)], "x")) == "'x' is no colour."
    assert own_sentence(fault(int, "x")) is None


def test_a_value_is_shown_as_far_as_it_can_be_read() -> None:
    assert [shown(value) for value in ("a", 5, None, [1], {"a": 1})] == ["'a'", "5", "null", "a list", "an object"]
    assert len(shown("a" * 1000)) < 70


def test_values_are_listed_as_in_a_sentence() -> None:
    assert [one_of(values) for values in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a or b", "a, b or c"]
