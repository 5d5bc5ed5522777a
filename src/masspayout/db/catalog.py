"""The catalog of a schema in PostgreSQL's own words, so that two schemas can be compared to the letter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

# Tables that the entities do not describe: Alembic's own and the job queue's.
FOREIGN_TABLES = ("alembic_version", "procrastinate%")

_COLUMNS = text(
    """
    SELECT relname, attname, format_type(atttypid, atttypmod) AS type, attnotnull, pg_get_expr(adbin, adrelid)
    FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = CAST(quote_ident(:schema) AS regnamespace)
      AND relkind IN ('r', 'p') AND relname NOT LIKE ALL (:foreign)
    ORDER BY relname, attnum
    """
)
_CONSTRAINTS = text(
    """
    SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid, true)
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
    WHERE relnamespace = CAST(quote_ident(:schema) AS regnamespace) AND contype IN ('p', 'u', 'f', 'c', 'x')
      AND relname NOT LIKE ALL (:foreign)
    """
)
_INDEXES = text(
    """
    SELECT owner.relname, entry.relname, pg_get_indexdef(indexrelid, 0, true)
    FROM pg_index
    JOIN pg_class owner ON owner.oid = indrelid
    JOIN pg_class entry ON entry.oid = indexrelid
    WHERE owner.relnamespace = CAST(quote_ident(:schema) AS regnamespace) AND owner.relname NOT LIKE ALL (:foreign)
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
    """
)
_OPTIONS = text(
    """
    SELECT relname, array_to_string(reloptions, ', ')
    FROM pg_class
    WHERE relnamespace = CAST(quote_ident(:schema) AS regnamespace)
      AND relkind IN ('r', 'p') AND relname NOT LIKE ALL (:foreign)
    """
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``default`` is PostgreSQL's expression for it."""

    type: str
    required: bool
    default: str | None

    def __str__(self) -> str:
        return f"{self.type}{' NOT NULL' if self.required else ''}{f' DEFAULT {self.default}' if self.default else ''}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, constraints and other indexes by name, the latter two as their SQL definitions."""

    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    options: str = ""


def read_catalog(connection: Connection, schema: str) -> dict[str, Table]:
    """Return the tables of a schema by name."""
    parameters = {"schema": schema, "foreign": list(FOREIGN_TABLES)}
    with search_path(connection, schema):  # so that definitions name their tables without the schema
        tables = {name: Table(options=options or "") for name, options in connection.execute(_OPTIONS, parameters)}
        for table, name, kind, required, default in connection.execute(_COLUMNS, parameters):
            tables[table].columns[name] = Column(kind, required, default)
        for table, name, definition in connection.execute(_CONSTRAINTS, parameters):
            tables[table].constraints[name] = definition
        for table, name, definition in connection.execute(_INDEXES, parameters):
            tables[table].indexes[name] = definition
    return tables


def differences(expected: Mapping[str, Table], actual: Mapping[str, Table], *, extras: bool = False) -> list[str]:
    """Return a sentence for each thing in which two catalogs differ.

    Args:
        expected: The wanted catalog.
        actual: The catalog of the database.
        extras: True if more than is expected is allowed: a table, a column, an index of the operator's own.
    """
    tables = _compare("table", dict.fromkeys(expected, "a table"), dict.fromkeys(actual, "a table"), extras)
    return [
        *tables,
        *(
            sentence
            for name in sorted(expected.keys() & actual.keys())
            for sentence in _table_differences(name, expected[name], actual[name], extras)
        ),
    ]


def _table_differences(name: str, expected: Table, actual: Table, extras: bool) -> Iterator[str]:
    yield from _compare(f"{name}: column", expected.columns, actual.columns, extras)
    yield from _compare(f"{name}: constraint", expected.constraints, actual.constraints, extras)
    yield from _compare(f"{name}: index", expected.indexes, actual.indexes, extras)
    yield from _compare(f"{name}:", {"storage": expected.options}, {"storage": actual.options}, extras)


def _compare(kind: str, expected: Mapping[str, object], actual: Mapping[str, object], extras: bool) -> Iterator[str]:
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            yield f"{kind} {name} is missing; it should be {expected[name]}"
        elif name in expected and expected[name] != actual[name]:
            yield f"{kind} {name} is {actual[name]}; it should be {expected[name]}"
        elif name not in expected and not extras:
            yield f"{kind} {name} should not be there; it is {actual[name]}"


@contextmanager
def search_path(connection: Connection, schema: str) -> Iterator[None]:
    """Set the schema that unqualified names mean, for a while within the transaction."""
    before = connection.scalar(text("SELECT current_setting('search_path')"))
    set_path = text("SELECT set_config('search_path', :path, true)")
    connection.execute(set_path, {"path": f'"{schema}"'})
    yield
    connection.execute(set_path, {"path": before})


@contextmanager
def scratch_schema(connection: Connection) -> Iterator[str]:
    """Create an empty schema that unqualified names mean; at the end, roll back everything that was done meanwhile."""
    name = "masspayout_scratch"
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(f"CREATE SCHEMA {name}"))
        with search_path(connection, name):
            yield name
    finally:
        savepoint.rollback()
