"""Requirements on a value, in words for people, by the kinds of error that Pydantic knows.

Each edge, and the settings, put them into a sentence of their own: "--limit cannot be 0. Use a whole number of 1 or
more." The words of the library itself, which speak to programmers, reach nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST_SHOWN = 60

# The requirement that a value of each kind of error does not meet, with names of Pydantic's context for it.
_REQUIREMENTS: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "date_from_datetime_parsing": "a date, such as 2030-03-31",
    "date_parsing": "a date, such as 2030-03-31",
    "datetime_from_date_parsing": "a time, such as 2030-03-31T09:00:00Z",
    "datetime_object_invalid": "a time, such as 2030-03-31T09:00:00Z",
    "datetime_parsing": "a time, such as 2030-03-31T09:00:00Z",
    "datetime_type": "a time, such as 2030-03-31T09:00:00Z",
    "decimal_max_digits": "a number of at most {max_digits} digits",
    "decimal_max_places": "a number of at most {decimal_places} decimals",
    "decimal_parsing": "a number, such as 1250.75",
    "decimal_type": "a number, such as 1250.75",
    "dict_type": "an object, in braces",
    "enum": "{expected}",
    "finite_number": "a number that is finite",
    "float_parsing": "a number, such as 1250.75",
    "float_type": "a number, such as 1250.75",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of {ge} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_type": "a whole number",
    "json_invalid": "well-formed JSON",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of {le} or less",
    "list_type": "a list, in brackets",
    "literal_error": "{expected}",
    "model_attributes_type": "an object, in braces",
    "model_type": "an object, in braces",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "{min_length} or more characters",
    "string_type": "a text",
    "string_unicode": "a text in UTF-8",
    "timezone_aware": "a time with its offset from UTC, such as 2030-03-31T09:00:00Z",
    "too_long": "at most {max_length} entries",
    "too_short": "{min_length} or more entries",
    "url_parsing": "an address, such as https://example.com",
    "url_scheme": "an address that begins with {expected_schemes}",
    "uuid_parsing": "an id, such as 0197f000-0000-7000-8000-000000000000",
    "uuid_type": "an id, such as 0197f000-0000-7000-8000-000000000000",
}
_OTHERWISE = "a value as the documentation describes it"


def requirement(problem: Mapping[str, Any]) -> str:
    """Return the requirement that a value does not meet, to go on after "Use …".

    Args:
        problem: One of the errors of Pydantic's ``ValidationError``.
    """
    words = _REQUIREMENTS.get(problem["type"], _OTHERWISE)
    context = {name: _plain(value) for name, value in problem.get("ctx", {}).items()}
    return words.format_map(context)


def own_sentence(problem: Mapping[str, Any]) -> str | None:
    """Return the sentence of one of our own validators, which Pydantic only passes on; None for its own errors."""
    if problem["type"] not in {"value_error", "assertion_error"}:
        return None
    sentence = str(problem["ctx"]["error"])
    sentence = sentence[:1].upper() + sentence[1:]
    return sentence if sentence.endswith(".") else f"{sentence}."


def shown(value: object) -> str:
    """Return a wrong value as a sentence shows it: texts in quotes, and the beginning of a long one."""
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def one_of(values: Sequence[str]) -> str:
    """Return the values that are allowed, as a sentence lists them."""
    return " or ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _plain(value: object) -> object:
    """Return a part of Pydantic's context without the quotes around the values of an enumeration."""
    return value.replace("'", "") if isinstance(value, str) else value
