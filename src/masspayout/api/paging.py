"""Pages and cursors. A cursor is opaque to who gets it; inside it says how the list is sorted, and a row's position."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from masspayout.api.models.base import AccountId
from masspayout.db.repositories import ListPage, PageRequest
from masspayout.kernel.errors import Invalid

MOST_ON_A_PAGE = 100
_LAST_PAGE = 1_000_000
_LONGEST_CURSOR = 1000

Model = TypeVar("Model", bound=BaseModel)


class Listing(BaseModel, Generic[Model]):
    """Part of a list."""

    model_config = ConfigDict(from_attributes=True)

    items: list[Model] = Field(description="The rows.")
    total: int | None = Field(
        description="How many there are in all; null after a cursor, and where over 10,000 would be counted."
    )
    next_cursor: str | None = Field(description="What to send as `cursor` for the rows that follow; null at the end.")


# How each kind of value stands in a cursor: its mark, how it is written, how it is read.
_FORMS: Mapping[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    str: ("s", str, str),
    int: ("i", int, int),
    UUID: ("u", str, UUID),
    datetime: ("t", datetime.isoformat, datetime.fromisoformat),
    Decimal: ("d", str, Decimal),
}
_READERS = {mark: read for mark, _, read in _FORMS.values()} | {"n": lambda _: None}


@dataclass(frozen=True, slots=True)
class Paging:
    """The part of a list that a request asks for."""

    page: int = 1
    limit: int = 20
    cursor: str | None = None

    def page_request(self, sort: str = "") -> PageRequest:
        """Return the place that is meant, in a list that is sorted like this.

        Raises:
            Invalid: The cursor is none, or one of another list.
        """
        if not self.cursor:
            return PageRequest(self.limit, self.page)
        return PageRequest(self.limit, after=_read(self.cursor, sort))


# One holder of a list.
AccountQuery = Annotated[AccountId | None, Query(description="Only this account.")]


async def paging(
    page: Annotated[int, Query(ge=1, le=_LAST_PAGE, description="Which page, from 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="Rows on a page.")] = 20,
    cursor: Annotated[
        str | None,
        Query(
            max_length=_LONGEST_CURSOR,
            description="`next_cursor` of the part before, instead of a page; it costs the same at any depth.",
        ),
    ] = None,
) -> Paging:
    """Read from a request which part of a list is asked for."""
    return Paging(page, limit, cursor)


def listing(part: ListPage[Any], sort: str = "") -> dict[str, Any]:
    """Return part of a list as the fields of a ``Listing``."""
    return {
        # What the rows hold is read from them at once: asking them column by column takes several times as long.
        "items": [vars(row) for row in part.items],
        "total": part.total,
        "next_cursor": None if part.following is None else _written(part.following, sort),
    }


def _written(position: Sequence[Any], sort: str) -> str:
    parts = [sort, *(_part(value) for value in position)]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _part(value: Any) -> list[Any]:
    if value is None:
        return ["n", None]
    mark, write, _ = next(form for kind, form in _FORMS.items() if isinstance(value, kind))
    return [mark, write(value)]


def _read(cursor: str, sort: str) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        named, *parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = [_READERS[mark](value) for mark, value in parts]
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation, binascii.Error, RecursionError):
        raise _no_cursor(cursor) from None
    if named != sort:
        raise Invalid(
            f"The cursor belongs to a list that is sorted by {named!r}, not by {sort!r}.",
            "Send the same sort with a cursor as the list that it came from was asked for with.",
        )
    return position


def _no_cursor(cursor: str) -> Invalid:
    return Invalid(f"{cursor!r} is not a cursor.", "Send next_cursor as it came, or begin without a cursor.")
