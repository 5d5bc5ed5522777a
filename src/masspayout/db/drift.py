"""Drift: the differences of a database from the entities, and the SQL that restores missing indexes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, Table, UniqueConstraint, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, CreateIndex

from masspayout.db.entities import Base

_INDEXES = text("""
    SELECT entry.relname AS name, owner.relname AS table_name, indisunique AS is_unique,
           indisvalid AND indisready AS is_valid,
           EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) AS is_constraint,
           ARRAY(SELECT trim(BOTH '"' FROM pg_get_indexdef(indexrelid, position, true))
                   FROM generate_series(1, indnkeyatts) AS position) AS columns
      FROM pg_index
      JOIN pg_class AS owner ON owner.oid = indrelid
      JOIN pg_class AS entry ON entry.oid = indexrelid
     WHERE owner.relnamespace = CAST(quote_ident(current_schema()) AS regnamespace)
""")


class FoundIndex(NamedTuple):
    """An index as the catalog has it. ``columns`` are its keys in order."""

    table: str
    columns: tuple[str, ...]
    unique: bool
    valid: bool
    constraint: bool


class MissingIndex(NamedTuple):
    """An index that is missing, different or invalid: the fault, and the SQL that fixes it."""

    sentence: str
    statement: str


def find_differences(connection: Connection) -> list[str]:
    """Return a sentence for each table, column or foreign key that is not as the entities have it, in order."""
    return sorted(_differences(connection))


def find_missing_indexes(connection: Connection) -> list[MissingIndex]:
    """Return the indexes of the entities that are missing, different or invalid."""
    found = {
        row.name: FoundIndex(row.table_name, tuple(row.columns), row.is_unique, row.is_valid, row.is_constraint)
        for row in connection.execute(_INDEXES)
    }
    return [
        missing
        for table in Base.metadata.sorted_tables
        for name, columns, unique, statement in _expected_indexes(table)
        if (missing := _compare_index(table.name, name, columns, statement, found.get(name), unique=unique))
    ]


def _differences(connection: Connection) -> Iterator[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    for difference in compare_metadata(context, Base.metadata):
        # A change of a column comes as a list of its changes, anything else as one tuple.
        for change in difference if isinstance(difference, list) else [difference]:
            yield from _sentences(change)


def _sentences(change: tuple[Any, ...]) -> Iterator[str]:
    """Yield a sentence for each missing or different thing.

    Additional things are the operator's own; indexes have a check of their own.
    """
    match change:
        case ("add_table", table):
            yield f"the table {table.name} is missing"
        case ("add_column", _, table, column):
            yield f"{table}.{column.name} is missing"
        case ("add_fk", constraint):
            yield f"the foreign key {constraint.name} of {constraint.table.name} is missing"
        case ("modify_nullable", _, table, column, about, False, True) if about.get("existing_server_default"):
            return  # adopted from another tool: nobody writes NULL there
        case ("modify_nullable", _, table, column, _, _, nullable):
            yield f"{table}.{column} is {'NOT NULL' if nullable else 'nullable'}, and should not be"
        case ("modify_type", _, table, column, _, present, wanted):
            yield f"{table}.{column} is of type {present}; it should be {wanted}"


def _expected_indexes(table: Table) -> Iterator[tuple[str, tuple[str, ...], bool, str]]:
    """Yield name, columns, uniqueness and the SQL that makes it, for each index that a table should have."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        yield _named(index, bool(index.unique), str(CreateIndex(index).compile(dialect=dialect)))
    for constraint in table.constraints:
        if constraint is table.primary_key or isinstance(constraint, UniqueConstraint):
            # Isolated, the constraint would be left out of the table's own CREATE from then on.
            addition = AddConstraint(constraint, isolate_from_table=False)
            yield _named(constraint, True, str(addition.compile(dialect=dialect)))


def _named(part: Any, unique: bool, statement: str) -> tuple[str, tuple[str, ...], bool, str]:
    # An index's sort expression is text, such as "balance DESC", where the catalog names the column alone.
    keys = part.expressions if isinstance(part, Index) else part.columns
    columns = tuple(str(getattr(key, "name", key)).removesuffix(" DESC") for key in keys)
    return str(part.name), columns, unique or not isinstance(part, Index), f"{' '.join(statement.split())};"


def _compare_index(
    table: str, name: str, columns: tuple[str, ...], statement: str, found: FoundIndex | None, *, unique: bool
) -> MissingIndex | None:
    if found is None:
        return MissingIndex(f"{name} of {table} is missing", statement)
    removal = f"ALTER TABLE {found.table} DROP CONSTRAINT {name};" if found.constraint else f"DROP INDEX {name};"
    if not found.valid:
        return MissingIndex(f"{name} of {table} is invalid", f"{removal} {statement}")
    if (found.table, found.columns, found.unique) != (table, columns, unique):
        present = f"{name} is {'unique ' if found.unique else ''}on {found.table} ({', '.join(found.columns)})"
        return MissingIndex(present, f"{removal} {statement}")
    return None
