"""Keyset paging of long lists, filtered and sorted: after a row, at any depth for the same cost, or by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Numeric, Select, String, Uuid, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from masspayout.db.entities import Base
from masspayout.db.repositories.base import length_of
from masspayout.db.types import UtcTimestamp
from masspayout.kernel.errors import Invalid

Entity = TypeVar("Entity", bound=Base)

_KINDS: tuple[tuple[type[TypeEngine[Any]], type], ...] = (
    (Uuid, UUID),
    (UtcTimestamp, datetime),
    (Integer, int),
    (Numeric, Decimal),
    (String, str),
)
# A list whose length is kept nowhere is counted up to here, which takes milliseconds: nobody leafs through more by
# number, and a count of a million rows takes a second.
MOST_COUNTED = 10_000

_BIGINT = 2**63
# Beyond any amount of ours; PostgreSQL would refuse an exponent above 131,072 with an error.
_MOST_DIGITS = 1000
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column that a list is sorted by.

    Attributes:
        column: The column.
        null_as: The value that stands for NULL; None: the column has no NULLs.
    """

    column: InstrumentedAttribute[Any]
    null_as: ColumnElement[Any] | None = None

    @property
    def expression(self) -> ColumnElement[Any]:
        """The expression that rows are compared by."""
        return self._whole(self.column.expression)

    def bound(self, value: Any) -> ColumnElement[Any]:
        """Return a row's value as an expression, to compare others with.

        Raises:
            Invalid: No row can have the value: the position was made up.
        """
        if not (self._is_storable(value) or (value is None and self.null_as is not None)):
            raise Invalid(f"{value!r} is no value of {self.column.key}.", "Begin with the first page.")
        return self._whole(literal(value, self.column.type))

    def _is_storable(self, value: Any) -> bool:
        kind = next(kind for sql_type, kind in _KINDS if isinstance(self.column.type, sql_type))
        if not isinstance(value, kind):
            return False
        if isinstance(value, str):
            return value.isprintable()
        if isinstance(value, Decimal):
            return value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS
        if isinstance(value, datetime):
            return value.tzinfo is not None and _EARLIEST < value < _LATEST
        return not isinstance(value, int) or abs(value) < _BIGINT

    def _whole(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return value if self.null_as is None else func.coalesce(value, self.null_as)


@dataclass(frozen=True, slots=True)
class Order:
    """The sort order of a list. The last key is unique in the list, so that no row is skipped.

    Attributes:
        keys: The keys that are compared, in turn.
        is_descending: True for the largest first.
        hints: Expressions that are equal in all rows; naming them shows the planner which index has the order.
    """

    keys: tuple[SortKey, ...]
    is_descending: bool = False
    hints: tuple[ColumnElement[Any], ...] = ()

    def sorted(self, query: Select[Any]) -> Select[Any]:
        """Return a query in this order."""
        expressions = (*self.hints, *(key.expression for key in self.keys))
        return query.order_by(*(each.desc() if self.is_descending else each for each in expressions))

    def following(self, query: Select[Any], position: Sequence[Any]) -> Select[Any]:
        """Return the rows of a query that come after a position.

        Raises:
            Invalid: The position belongs to another list.
        """
        if len(position) != len(self.keys):
            raise Invalid("The position belongs to another list.", "Begin with the first page.")
        row = tuple_(*(key.expression for key in self.keys))
        bound = tuple_(*(key.bound(value) for key, value in zip(self.keys, position, strict=True)))
        return query.where(row < bound if self.is_descending else row > bound)

    def position_of(self, entity: Base) -> list[Any]:
        """Return the position of a row."""
        return [getattr(entity, key.column.key) for key in self.keys]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page of a list: its number, counted from 1, or the position that it follows."""

    limit: int
    page: int = 1
    after: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Entity]):
    """A page of a list.

    Attributes:
        items: The rows.
        total: The length of the whole list; None after a position, and for a list without a kept counter that is longer
            than ``MOST_COUNTED``.
        following: The position after which the list goes on; None at its end.
    """

    items: Sequence[Entity]
    total: int | None
    following: Sequence[Any] | None


async def read_list_page(
    session: AsyncSession,
    query: Select[Entity],
    order: Order,
    request: PageRequest,
    *,
    total: ColumnElement[int] | None = None,
) -> ListPage[Entity]:
    """Read a page of a list, in one statement.

    Args:
        session: The transaction to read in.
        query: The whole list, in no order.
        order: The sort order.
        request: The wanted page.
        total: The list's length, where a counter is kept.
    """
    sorted_query = order.sorted(query).limit(request.limit + 1)
    length: int | None = None
    if request.after is not None:
        rows = (await session.scalars(order.following(sorted_query, request.after))).all()
    else:
        count = length_of(query, MOST_COUNTED + 1) if total is None else total
        # A count beside the rows costs no further exchange.
        paged = sorted_query.offset((request.page - 1) * request.limit).add_columns(count)
        found = (await session.execute(paged)).all()
        rows = [row[0] for row in found]
        length = 0
        if found:
            length = found[0][1]
        elif request.page > 1:
            length = await session.scalar(select(count))
        if total is None and length is not None and length > MOST_COUNTED:
            length = None
    items = rows[: request.limit]
    following = order.position_of(items[-1]) if len(rows) > request.limit else None
    return ListPage(items, length, following)
