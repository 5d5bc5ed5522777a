"""The base of all repositories: find, save, and page through a table, newest first."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, ScalarSelect, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.base import Executable

from masspayout.db.entities import Base
from masspayout.db.repositories import references
from masspayout.kernel.errors import DatabaseForgot, NotFound
from masspayout.kernel.next_steps import Action, Part

Entity = TypeVar("Entity", bound=Base)

# For statements that write many rows: one key of our function, counted up, since randomness costs more than the rest of
# a row. A bit is cleared so that counting never reaches the variant. To be used with NTH_ID.
FIRST_ID = """first_id AS MATERIALIZED (
        SELECT left(CAST(id AS TEXT), 19) AS head,
               CAST(CAST('x' || right(replace(CAST(id AS TEXT), '-', ''), 16) AS BIT(64)) AS BIGINT)
               & ~(CAST(1 AS BIGINT) << 61) AS tail
          FROM masspayout_uuid7() AS id
    )"""
NTH_ID = "CAST(first_id.head || to_hex(first_id.tail + {number}) AS UUID)"


@dataclass(frozen=True, slots=True)
class Page(Generic[Entity]):
    """Some rows of a list, and the number of all its rows."""

    items: Sequence[Entity]
    total: int


def length_of(query: Select[Entity], at_most: int | None = None) -> ScalarSelect[int]:
    """Return the query for the number of rows that a query finds, of which at most so many are counted.

    Counting needs no columns and no order.
    """
    rows = query.order_by(None).with_only_columns(literal(1), maintain_column_froms=True).limit(at_most)
    return select(func.count()).select_from(rows.subquery()).scalar_subquery()


async def read_page(
    session: AsyncSession, query: Select[Entity], page: int, limit: int, *, total: ColumnElement[int] | None = None
) -> Page[Entity]:
    """Read one page of a sorted list, with the list's length: from a kept counter, or counted. Pages count from 1."""
    rows = (await session.scalars(query.offset((page - 1) * limit).limit(limit))).all()
    return Page(rows, await session.scalar(select(length_of(query) if total is None else total)) or 0)


class Repository(Generic[Entity]):
    """The queries of one table, inside one unit of work."""

    entity: type[Entity]
    noun: str
    listed_by: Action | None = None

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find_by_id(self, entity_id: uuid.UUID) -> Entity | None:
        """Return one row, read afresh, or nothing."""
        return await self.session.get(self.entity, entity_id, populate_existing=True)

    async def get(self, entity_id: uuid.UUID) -> Entity:
        """Return one row.

        Raises:
            NotFound: There is no row with this id.
        """
        found = await self.find_by_id(entity_id)
        if found is None:
            raise NotFound(f"There is no {self.noun} {entity_id}.", *self._see_list())
        return found

    async def find_id(self, reference: str) -> uuid.UUID:
        """Return the id of the row that a person means by an id, the beginning of one, or ``latest``.

        A whole id is returned as it is: the row may be missing.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: No row fits.
        """
        found = await references.find_id(self.session, self.entity, reference)
        if found is None:
            raise references.not_found(self.noun, reference, self.listed_by)
        return found

    async def get_by_reference(self, reference: str) -> Entity:
        """Return one row by its id, the beginning of that, or ``latest``.

        Raises:
            Invalid: Several ids begin with the reference.
            NotFound: No row fits.
        """
        return await self.get(await self.find_id(reference))

    async def _lock_by_id(self, entity_id: uuid.UUID) -> Entity:
        """Lock and read one row of a table whose rows are never deleted.

        Raises:
            DatabaseForgot: The row is gone.
        """
        found = await self.session.get(self.entity, entity_id, populate_existing=True, with_for_update=True)
        if found is None:
            raise DatabaseForgot(
                f"The database does not know {self.noun} {entity_id} any more, which was committed.",
                "Find out what was lost: ",
                Action.RECOVER,
            )
        return found

    def _see_list(self) -> Sequence[Part]:
        return () if self.listed_by is None else ("List them with: ", self.listed_by)

    async def save(self, entity: Entity) -> Entity:
        """Write a new or changed row, within the caller's transaction."""
        self.session.add(entity)
        await self.session.flush()
        return entity

    async def find_all(self, page: int = 1, limit: int = 20) -> Page[Entity]:
        """Return one page of the list, newest first, with the list's length. Pages count from 1."""
        return await read_page(self.session, self._newest_first(), page, limit)

    async def find_older(self, than: Entity | None, limit: int) -> Sequence[Entity]:
        """Return the rows that follow ``than`` in the list (a keyset page); the cost does not grow with the depth."""
        query = self._newest_first().limit(limit)
        if than is not None:
            query = query.where(tuple_(self.entity.created_at, self.entity.id) < (than.created_at, than.id))
        return (await self.session.scalars(query)).all()

    def _newest_first(self) -> Select[Entity]:
        return select(self.entity).order_by(self.entity.created_at.desc(), self.entity.id.desc())

    async def _changed(self, statement: Executable, parameters: dict[str, Any] | None = None) -> int:
        """Execute a statement and return the number of changed rows."""
        result = await self.session.execute(statement, parameters)
        return cast("CursorResult[Any]", result).rowcount
