"""The adoption of a database that another tool made from the users' schema.

Every row is kept. Differences that can be fixed without touching a row (the name of a constraint, a missing index or
default) are fixed; everything that stands in the way is listed at once, and then nothing is changed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import CheckConstraint, Connection, UniqueConstraint, text

from masspayout.db.catalog import Table, read_catalog
from masspayout.db.entities import Asset, Base, BatchPayout, Distribution, Entitlement, EventListener
from masspayout.kernel.errors import DatabaseMismatch
from masspayout.kernel.next_steps import Action

# Each table after those that it refers to.
USERS_TABLES = tuple(entity.__tablename__ for entity in (Asset, Distribution, Entitlement, BatchPayout, EventListener))

_EXAMPLES = 20  # offending values shown of each kind: enough to find the cause
_FOREIGN_KEY = re.compile(r"FOREIGN KEY \((\w+)\) REFERENCES (\w+)\(id\)")


def tables_present(connection: Connection) -> list[str]:
    """Return those of the users' five tables that exist."""
    names = connection.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY (:names)"),
        {"names": list(USERS_TABLES)},
    ).all()
    return [table for table in USERS_TABLES if table in names]


def tables_alike(connection: Connection) -> list[str]:
    """Return tables named like the users', in another spelling: another product's, such as ``"BatchPayout"``."""
    names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"))
    plain = {table.replace("_", "") for table in USERS_TABLES}
    return [name for name in names if name not in USERS_TABLES and name.replace("_", "").lower() in plain]


def adopt(connection: Connection, expected: Mapping[str, Table]) -> None:
    """Bring the five tables to the letter of the users' schema, in the connection's transaction.

    Args:
        connection: Within the transaction that migrates the database.
        expected: The users' schema, as the first migration makes it.

    Raises:
        DatabaseMismatch: Something stands in the way; ``problems`` holds all of it.
    """
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    present = tables_present(connection)
    connection.execute(text(f"LOCK TABLE {', '.join(present)} IN ACCESS EXCLUSIVE MODE"))
    actual = read_catalog(connection, str(connection.scalar(text("SELECT current_schema()"))))
    problems = [f"the table {table} is missing" for table in USERS_TABLES if table not in present]
    for table in present:
        problems += _column_problems(table, expected[table], actual[table])
        problems += _name_problems(table, expected[table], actual[table])
        problems += _row_problems(connection, table, expected, actual)
    if problems:
        raise DatabaseMismatch(
            "The tables that are already there cannot be taken over, and nothing was changed. "
            f"{len(problems)} thing(s) stand in the way:",
            "Fix them all, or use an empty database, then: ",
            Action.UPGRADE_DATABASE,
            problems=problems,
        )
    for table in USERS_TABLES:
        for statement in _fix(table, expected[table], actual[table]):
            connection.execute(text(statement))


def as_adopted(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> dict[str, Table]:
    """Return a catalog with the differences that the users' tables may keep when they are adopted.

    Their ``id`` may have another default than ours, and columns with a default may be NOT NULL.
    """
    return {
        name: _kept(table, actual[name]) if name in USERS_TABLES and name in actual else table
        for name, table in expected.items()
    }


def _kept(expected: Table, actual: Table) -> Table:
    columns = {
        name: replace(
            column,
            required=column.required or (found.required and column.default is not None),
            default=found.default if name == "id" and found.default else column.default,
        )
        if (found := actual.columns.get(name))
        else column
        for name, column in expected.columns.items()
    }
    return replace(expected, columns=columns)


def _column_problems(table: str, expected: Table, actual: Table) -> Iterator[str]:
    """Yield columns that are missing, of another type or nullability, or in the way of one that we add."""
    yield from _expected_column_problems(table, expected, actual)
    ours = Base.metadata.tables[table].columns
    renamed = {_camel_case(name) for name in expected.columns if name not in actual.columns}
    for name, found in actual.columns.items():
        if name in renamed:
            continue
        if name in ours and name not in expected.columns:
            yield f"{table}.{name} is already there, and a migration wants to add it"
        elif name not in ours and found.required and found.default is None:
            yield f"{table}.{name} is not part of the schema, and is NOT NULL without a default: no row could be added"


def _expected_column_problems(table: str, expected: Table, actual: Table) -> Iterator[str]:
    for name, column in expected.columns.items():
        found = actual.columns.get(name)
        if found is None and (camel := _camel_case(name)) in actual.columns:
            yield f'{table}."{camel}" should be {name}: ALTER TABLE {table} RENAME COLUMN "{camel}" TO {name}'
        elif found is None:
            yield f"{table}.{name} is missing; it should be {column.type}"
        elif found.type != column.type:
            yield f"{table}.{name} is of type {found.type}; it should be {column.type}"
        elif found.required and not column.required and not column.default:
            yield f"{table}.{name} is NOT NULL; it should be nullable"
        elif column.required and not found.required:
            yield f"{table}.{name} is nullable; it should be NOT NULL"


def _name_problems(table: str, expected: Table, actual: Table) -> Iterator[str]:
    """Yield names of constraints and indexes that something else has, once all columns have their names."""
    if any(name not in actual.columns and _camel_case(name) in actual.columns for name in expected.columns):
        return
    found = actual.constraints | actual.indexes
    for name, definition in (expected.constraints | expected.indexes).items():
        # A constraint that we know under another name will be renamed, and thereby gives the name free.
        if found.get(name, definition) != definition and found[name] not in expected.constraints.values():
            yield f"{table}: {name} is {found[name]}; it should be {definition}"


def _row_problems(
    connection: Connection, table: str, expected: Mapping[str, Table], actual: Mapping[str, Table]
) -> Iterator[str]:
    """Yield rows that break a rule of the schema. Columns of another type are left out: they are listed as such."""
    sound = _sound_columns(table, expected, actual)
    keys = [(["id"], False)]
    for constraint in Base.metadata.tables[table].constraints:
        if isinstance(constraint, CheckConstraint):
            condition = str(constraint.sqltext)
            column = condition.split(" ", 1)[0]
            if column in sound:
                yield from _breaches(connection, table, column, condition)
        elif isinstance(constraint, UniqueConstraint):
            nulls_count = bool(constraint.dialect_options["postgresql"]["nulls_not_distinct"])
            keys.append(([column.name for column in constraint.columns], nulls_count))
    for columns, nulls_count in keys:
        if sound.issuperset(columns):
            yield from _duplicates(connection, table, columns, nulls_count=nulls_count)
    for definition in set(expected[table].constraints.values()) - set(actual[table].constraints.values()):
        if reference := _FOREIGN_KEY.fullmatch(definition):
            column, parent = reference.groups()
            if column in sound and parent in actual and "id" in _sound_columns(parent, expected, actual):
                yield from _orphans(connection, table, column, parent)


def _sound_columns(table: str, expected: Mapping[str, Table], actual: Mapping[str, Table]) -> set[str]:
    found = actual[table].columns
    return {
        name for name, column in expected[table].columns.items() if name in found and found[name].type == column.type
    }


def _breaches(connection: Connection, table: str, column: str, condition: str) -> Iterator[str]:
    rows = connection.execute(
        text(
            f"SELECT {column}, count(*) FROM {table} WHERE NOT ({condition}) "  # noqa: S608 - our own names
            f"GROUP BY {column} ORDER BY {column} LIMIT {_EXAMPLES}"
        )
    )
    for value, count in rows:
        yield f"{table}.{column} is {value} in {count} row(s); it should be: {condition}"


def _duplicates(connection: Connection, table: str, columns: Sequence[str], *, nulls_count: bool) -> Iterator[str]:
    listed = ", ".join(columns)
    known = "true" if nulls_count else " AND ".join(f"{column} IS NOT NULL" for column in columns)
    rows = connection.execute(
        text(
            f"SELECT count(*), {listed} FROM {table} WHERE {known} "  # noqa: S608 - our own names
            f"GROUP BY {listed} HAVING count(*) > 1 ORDER BY {listed} LIMIT {_EXAMPLES}"
        )
    )
    for count, *values in rows:
        shown = ", ".join("NULL" if value is None else str(value) for value in values)
        yield f"{table} has {count} rows with the same ({listed}): ({shown})"


def _orphans(connection: Connection, table: str, column: str, parent: str) -> Iterator[str]:
    rows = connection.execute(
        text(
            f"SELECT {column}, count(*) FROM {table} "  # noqa: S608 - our own names
            f"WHERE NOT EXISTS (SELECT FROM {parent} WHERE {parent}.id = {table}.{column}) AND {column} IS NOT NULL "
            f"GROUP BY {column} ORDER BY {column} LIMIT {_EXAMPLES}"
        )
    )
    for value, count in rows:
        yield f"{table}.{column} is {value} in {count} row(s), and there is no such {parent}"


def _fix(table: str, expected: Table, actual: Table) -> Iterator[str]:
    """Yield statements that give defaults, constraints and indexes the form and the names of the users' schema."""
    for name, column in expected.columns.items():
        if actual.columns[name].default != column.default and name != "id":  # whoever made the table inserts by it
            change = f"SET DEFAULT {column.default}" if column.default else "DROP DEFAULT"
            yield f"ALTER TABLE {table} ALTER COLUMN {name} {change}"
    spare = {definition: name for name, definition in actual.constraints.items() if name not in expected.constraints}
    for name, definition in expected.constraints.items():
        if name in actual.constraints:
            continue
        if definition in spare:
            yield f'ALTER TABLE {table} RENAME CONSTRAINT "{spare[definition]}" TO {name}'
        else:
            yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
    spare = {
        _without_name(definition): name for name, definition in actual.indexes.items() if name not in expected.indexes
    }
    for name, definition in expected.indexes.items():
        if name in actual.indexes:
            continue
        if _without_name(definition) in spare:
            yield f'ALTER INDEX "{spare[_without_name(definition)]}" RENAME TO {name}'
        else:
            yield definition


def _camel_case(name: str) -> str:
    """Return the column name that mappers use by default."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _without_name(index_definition: str) -> str:
    return re.sub(r' INDEX ("[^"]*"|\w+) ON ', " INDEX ON ", index_definition)
