"""Queries on the register: ``holder`` rows that belong to no distribution."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Identifier
from sqlalchemy import ColumnElement, Select, func, select, text, tuple_

from masspayout.db.connections import driver_connection
from masspayout.db.entities import Asset, RegisterEntry
from masspayout.db.repositories.base import FIRST_ID, NTH_ID, Page, Repository, length_of, read_page
from masspayout.db.statistics import refresh_statistics

# The staging table: temporary, and dropped when the transaction ends.
_INCOMING = "incoming_holder"

_STAGING_TABLE = "CREATE TEMPORARY TABLE {} (account_id VARCHAR NOT NULL, balance BIGINT NOT NULL) ON COMMIT DROP"

_STAGED_UNITS = text("SELECT sum(balance) FROM incoming_holder")

_REMOVE_GONE = text("""
    DELETE FROM holder AS h
     WHERE h.asset_id = :asset_id AND h.distribution_id IS NULL
       AND NOT EXISTS (SELECT FROM incoming_holder AS i WHERE i.account_id = h.account_id)
""")

_CHANGE_BALANCES = text("""
    UPDATE holder AS h SET balance = i.balance, updated_at = now()
      FROM incoming_holder AS i
     WHERE h.asset_id = :asset_id AND h.distribution_id IS NULL AND h.account_id = i.account_id
       AND h.balance <> i.balance
""")

_ADD_NEW = text(
    f"""
    WITH {FIRST_ID}
    INSERT INTO holder (id, asset_id, account_id, balance)
    SELECT {NTH_ID.format(number="row_number() OVER (ORDER BY i.account_id)")}, :asset_id, i.account_id, i.balance
      FROM first_id, incoming_holder AS i
     WHERE NOT EXISTS (SELECT FROM holder AS h
                        WHERE h.asset_id = :asset_id AND h.distribution_id IS NULL AND h.account_id = i.account_id)
     ORDER BY i.account_id
"""  # noqa: S608 - the pieces are constants
)

# Without statistics of the register, PostgreSQL 15 merges the next one by a nested loop: seconds from here on.
_MANY_HOLDERS = 2_000

_LARGEST = text("""
    WITH largest AS MATERIALIZED (
        SELECT balance, row_number() OVER () AS position
          FROM (SELECT balance FROM holder WHERE asset_id = :asset_id AND distribution_id IS NULL
                 ORDER BY balance DESC, account_id DESC
                 LIMIT (SELECT max(n) FROM unnest(CAST(:counts AS INT[])) AS n)) AS sorted
    )
    SELECT array_agg((SELECT coalesce(sum(balance), 0) FROM largest WHERE position <= count) ORDER BY count) AS units
      FROM unnest(CAST(:counts AS INT[])) AS count
""")


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """The number of holders that a sync added, changed and removed."""

    added: int
    changed: int
    removed: int


def register_length(asset_id: uuid.UUID, query: Select[RegisterEntry]) -> ColumnElement[int]:
    """Return the query for the length of a register: its counter, or a count where another program wrote the rows."""
    counter = select(func.nullif(Asset.holder_count, 0)).where(Asset.id == asset_id).scalar_subquery()
    return func.coalesce(counter, length_of(query))


class Holders(Repository[RegisterEntry]):
    """The register of an asset: its present holders."""

    entity = RegisterEntry
    noun = "holder"

    async def stage(self, pages: AsyncIterator[Sequence[tuple[str, int]]]) -> int:
        """Stream account ids and balances into this transaction's staging table, by COPY. Return the number of rows."""
        connection = await driver_connection(self.session)
        table = Identifier(_INCOMING)
        await connection.execute(SQL(_STAGING_TABLE).format(table))
        count = 0
        async with (
            connection.cursor() as cursor,
            cursor.copy(SQL("COPY {} (account_id, balance) FROM STDIN").format(table)) as copy,
        ):
            async for page in pages:
                for holder in page:
                    await copy.write_row(holder)
                count += len(page)
        await connection.execute(SQL("ANALYZE {}").format(table))
        return count

    async def staged_units(self) -> int:
        """Return the sum of the staged balances."""
        return int(await self.session.scalar(_STAGED_UNITS) or 0)

    async def merge_staged(self, asset_id: uuid.UUID) -> RegisterChange:
        """Make the register equal to the staged rows: three statements, and new statistics for a large register."""
        parameters = {"asset_id": asset_id}
        removed = await self._changed(_REMOVE_GONE, parameters)
        changed = await self._changed(_CHANGE_BALANCES, parameters)
        added = await self._changed(_ADD_NEW, parameters)
        if added + removed >= _MANY_HOLDERS:
            await refresh_statistics(self.session, "holder")
        return RegisterChange(added=added, changed=changed, removed=removed)

    async def find_register(self, asset_id: uuid.UUID, page: int = 1, limit: int = 20) -> Page[RegisterEntry]:
        """Return one page of the register, by account id, with its length."""
        query = self._register(asset_id)
        return await read_page(self.session, query, page, limit, total=register_length(asset_id, query))

    async def find_register_after(self, asset_id: uuid.UUID, account_id: str, limit: int) -> Sequence[RegisterEntry]:
        """Return the holders of a register that follow an account id (a keyset page), at the same cost at any depth."""
        query = self._register(asset_id).where(RegisterEntry.account_id > account_id).limit(limit)
        return (await self.session.scalars(query)).all()

    async def find_sorted(
        self,
        asset_id: uuid.UUID,
        *,
        prefix: str = "",
        largest_first: bool = False,
        after: RegisterEntry | None = None,
        limit: int = 25,
    ) -> Sequence[RegisterEntry]:
        """Return holders of the register, by account id or the largest first, whose account ids begin with some text.

        These follow ``after`` in that order (a keyset page); the cost does not grow with the depth.
        """
        query = self._register(asset_id)
        if largest_first:
            query = query.order_by(None).order_by(RegisterEntry.balance.desc(), RegisterEntry.account_id.desc())
            if after is not None:
                query = query.where(
                    tuple_(RegisterEntry.balance, RegisterEntry.account_id) < (after.balance, after.account_id)
                )
        elif after is not None:
            query = query.where(RegisterEntry.account_id > after.account_id)
        if prefix:
            query = query.where(RegisterEntry.account_id.startswith(prefix, autoescape=True))
        return (await self.session.scalars(query.limit(limit))).all()

    async def count_matches(self, asset_id: uuid.UUID, prefix: str, most: int) -> int:
        """Count the holders whose account ids begin with some text, but no further than ``most``."""
        matches = (
            self._register(asset_id).where(RegisterEntry.account_id.startswith(prefix, autoescape=True)).limit(most)
        )
        return await self.session.scalar(select(func.count()).select_from(matches.subquery())) or 0

    async def largest_units(self, asset_id: uuid.UUID, counts: Sequence[int]) -> list[int]:
        """Return the sum of the largest balances, for each of some numbers of holders."""
        row = (await self.session.execute(_LARGEST, {"asset_id": asset_id, "counts": list(counts)})).one()
        return [int(units) for units in row.units]

    @staticmethod
    def _register(asset_id: uuid.UUID) -> Select[RegisterEntry]:
        return (
            select(RegisterEntry)
            .where(RegisterEntry.asset_id == asset_id, RegisterEntry.distribution_id.is_(None))
            # All of these have no distribution. Naming the column shows the planner the order of the unique index.
            .order_by(RegisterEntry.distribution_id, RegisterEntry.account_id)
        )
