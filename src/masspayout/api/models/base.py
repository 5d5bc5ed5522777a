"""The base of all models: the forms of amounts, times and texts in JSON."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from masspayout.api.next_steps import over_http
from masspayout.kernel.account_ids import canonical_account_id
from masspayout.kernel.errors import Invalid
from masspayout.kernel.invalid_values import shown
from masspayout.kernel.next_steps import NextStep

_AMOUNT_FORM = r"^[0-9]{1,30}(\.[0-9]{1,18})?$"
_ID_FORM = r"^(0\.0\.[0-9]{1,10}|0x[0-9a-fA-F]{40})$"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)


class ResponseModel(BaseModel):
    """Model of a response."""

    model_config = ConfigDict(from_attributes=True)


class RequestModel(BaseModel):
    """Model of a request body. An unknown field is refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("it has characters that no text can have: NUL or half a surrogate pair")
    return text


def _account_id(text: str) -> str:
    try:
        return canonical_account_id(text)
    except Invalid as error:
        raise ValueError(str(error)) from None


def _amount(text: str) -> str:
    if re.fullmatch(_AMOUNT_FORM, text, re.ASCII) is None:
        raise ValueError(f"{shown(text)} is not an amount. Use digits with a point, such as 250000.00.")
    return text


def _in_utc(time: datetime) -> datetime:
    if not _EARLIEST <= time <= _LATEST:
        raise ValueError("it lies before 1970 or after 2900")
    return time.astimezone(UTC)


def _with_zone(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("it has to be a text such as 2030-03-31T09:00:00Z")  # noqa: TRY004 - pydantic's way to say so
    return value


# What to do next, in the words of the API.
NextStepText = Annotated[
    str, BeforeValidator(lambda step: step.said(over_http) if isinstance(step, NextStep) else step)
]

# An amount of whole tokens, as text: JSON's numbers are read as floats by many.
Amount = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1250.750000"]}),
]
Count = Annotated[int, Field(ge=0)]
RequestAmount = Annotated[
    str,
    AfterValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT_FORM, "examples": ["250000.00"]}),
]

# A time in UTC.
Time = Annotated[
    datetime, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-03-31T09:00:00Z"]})
]
RequestTime = Annotated[
    AwareDatetime,
    BeforeValidator(_with_zone),
    Field(strict=False),
    AfterValidator(_in_utc),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "A time with its offset from UTC.",
            "examples": ["2030-03-31T09:00:00Z"],
        }
    ),
]

Text = Annotated[str, Field(max_length=1000), AfterValidator(_storable)]
AccountId = Annotated[
    str,
    Field(max_length=100, examples=["0.0.5000"]),
    AfterValidator(_account_id),
    WithJsonSchema({"type": "string", "pattern": _ID_FORM, "examples": ["0.0.5000"]}),
]
