"""The migrations, and the commands that run them. Alembic does the work; no ``alembic.ini`` is needed.

An upgrade is one transaction: either all of it happens or none of it. Upgrades that meet wait for each other.
"""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import MigrationScript
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError, ProgrammingError

from masspayout.db import adoption, advisory_locks, roles
from masspayout.db.catalog import differences, read_catalog, scratch_schema
from masspayout.db.connecting import SEARCH_PATH, Connector
from masspayout.db.connection_errors import unavailable
from masspayout.db.entities import Base
from masspayout.kernel.errors import Conflict, DatabaseMismatch, DatabaseUnavailable, Invalid, MassPayoutError
from masspayout.kernel.next_steps import Action

OLDEST_SERVER = 15
_DIRECTORY = Path(__file__).parent


# The schema of our tables, when it is not the one that unqualified names mean.
_OTHER_SCHEMA = text("""
    SELECT schemaname FROM pg_tables
     WHERE tablename = 'batch_payout' AND NOT EXISTS (
           SELECT FROM pg_tables WHERE tablename = 'batch_payout' AND schemaname = current_schema())
       AND EXISTS (SELECT FROM pg_tables AS other WHERE other.schemaname = pg_tables.schemaname
                      AND other.tablename = 'alembic_version')
     ORDER BY schemaname LIMIT 1
""")


class SchemaState(StrEnum):
    """The state of a database's schema, compared with this version of the software."""

    EMPTY = "EMPTY"  # none of our tables
    FOREIGN = "FOREIGN"  # some of the users' tables, made by another tool
    PENDING = "PENDING"  # migrated, but not up to the newest revision
    CURRENT = "CURRENT"
    NEWER = "NEWER"  # migrated by a newer version of the software


@dataclass(frozen=True, slots=True)
class Revision:
    """One migration."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The status of a database's schema.

    Attributes:
        state: The state in one word.
        revision: The newest applied migration, if any.
        pending: The migrations that are not applied yet, in order.
        others: Tables named like the users', in another spelling: another product's, which are left alone.
    """

    state: SchemaState
    revision: str | None
    pending: tuple[Revision, ...]
    others: tuple[str, ...] = ()


def upgrade(url: URL, revision: str = "head", *, application_role: str | None = None) -> list[Revision]:
    """Migrate a database up to a revision, and adopt one that another tool made. Return the applied migrations.

    Args:
        url: The database, as the owner of its tables.
        revision: How far up.
        application_role: The role that the application connects as, which is granted what it needs; None if it is the
            owner.

    Raises:
        DatabaseMismatch: The database was migrated by a newer version, or cannot be adopted; nothing was changed.
        DatabaseUnavailable: The server cannot be used, or is older than PostgreSQL 15.
        Invalid: There is no such revision above the database's.
    """
    with _transaction(url) as connection:
        status = _lock_and_read_status(connection)
        if status.state is SchemaState.FOREIGN:
            with scratch_schema(connection) as scratch:
                command.upgrade(_config(connection), "0001")
                expected = read_catalog(connection, scratch)
            adoption.adopt(connection, expected)
            command.stamp(_config(connection), "0001")
        before = read_status(connection).pending
        command.upgrade(_config(connection), revision)
        left = read_status(connection).pending
        if application_role is not None:
            roles.grant(connection, application_role)
        return list(before[: len(before) - len(left)])


def downgrade(url: URL, revision: str = "-1") -> list[Revision]:
    """Take migrations back down to a revision (``base``: all of them). Return those taken back, newest first.

    Raises:
        DatabaseMismatch: The database was not migrated, or by a newer version.
        DatabaseUnavailable: The server cannot be used.
        Invalid: There is no such revision below the database's.
    """
    with _transaction(url) as connection:
        status = _lock_and_read_status(connection)
        if status.revision is None:
            raise DatabaseMismatch(
                f"The database {url.database} holds no migration that could be taken back.",
                "See where it stands: ",
                Action.SHOW_REVISION,
            )
        command.downgrade(_config(connection), revision)
        left = read_status(connection).pending
        return list(reversed(left[: len(left) - len(status.pending)]))


def history() -> list[Revision]:
    """Return all migrations, oldest first."""
    return _revisions_after(None)


def status(url: URL) -> SchemaStatus:
    """Return the status of a database's schema.

    Raises:
        DatabaseUnavailable: The server cannot be used, or is older than PostgreSQL 15.
    """
    with _transaction(url) as connection:
        return read_status(connection)


def require_current(url: URL) -> None:
    """Refuse a schema that is not the one of this version.

    Raises:
        DatabaseMismatch: The schema is another one; the message names the command that fixes it.
        DatabaseUnavailable: The server cannot be used, or is older than PostgreSQL 15.
    """
    if mismatch := mismatch_of(url, status(url)):
        raise mismatch


def mismatch_of(url: URL, status: SchemaStatus) -> DatabaseMismatch | None:
    """Return the error of a schema that this version cannot work with, and its fix; None for the current schema."""
    if status.state is SchemaState.CURRENT:
        return None
    if status.state is SchemaState.NEWER:
        return _newer(url, status.revision)
    reason = {
        SchemaState.EMPTY: "has no tables yet",
        SchemaState.FOREIGN: "has tables that were not made by masspayout",
        SchemaState.PENDING: f"lacks {len(status.pending)} migration(s), from {status.pending[0].id}",
    }[status.state]
    return DatabaseMismatch(f"The database {url.database} {reason}.", "Migrate it: ", Action.UPGRADE_DATABASE)


def check(url: URL) -> list[str]:
    """Compare the entities with the migrations, and the database with the newest revision, to the letter.

    Returns:
        A sentence for each difference; none when all is well. Nothing is changed.

    Raises:
        DatabaseMismatch: The database was migrated by a newer version.
        DatabaseUnavailable: The server cannot be used, or is older than PostgreSQL 15.
    """
    with _transaction(url) as connection:
        current = read_status(connection)
        if current.state is SchemaState.NEWER:
            raise _newer(url, current.revision)
        with scratch_schema(connection) as scratch:
            connection.execute(text("CREATE FUNCTION masspayout_uuid7() RETURNS uuid LANGUAGE sql RETURN NULL::uuid"))
            Base.metadata.create_all(connection, checkfirst=False)
            entities = read_catalog(connection, scratch)
        with scratch_schema(connection) as scratch:
            command.upgrade(_config(connection), "head")
            migrations = read_catalog(connection, scratch)
        drift = [f"{revision.id} ({revision.message}) is pending" for revision in current.pending]
        if not drift:
            actual = read_catalog(connection, str(connection.scalar(text("SELECT current_schema()"))))
            drift = differences(adoption.as_adopted(migrations, actual), actual, extras=True)
        return [
            *(f"Migrations against entities: {sentence}." for sentence in differences(entities, migrations)),
            *(f"Database against migrations: {sentence}." for sentence in drift),
        ]


def generate(url: URL, message: str) -> Path:
    """Write a new migration with everything that the entities have and the database lacks. Return its file.

    Raises:
        Conflict: There is nothing to put into it.
        DatabaseMismatch: The database is not at the newest revision.
        DatabaseUnavailable: The server cannot be used.
    """
    current = status(url)
    if current.state is not SchemaState.CURRENT:
        raise DatabaseMismatch(
            f"The database {url.database} is not at the newest revision, so it cannot be compared with the entities.",
            "Migrate it first: ",
            Action.UPGRADE_DATABASE,
        )

    def drop_if_empty(_context: Any, _revision: Any, directives: list[MigrationScript]) -> None:
        upgrades = directives[0].upgrade_ops
        if upgrades is not None and upgrades.is_empty():
            directives.clear()

    with _transaction(url) as connection:
        script = command.revision(
            _config(connection),
            message,
            autogenerate=True,
            rev_id=_next_id(),
            process_revision_directives=drop_if_empty,
        )
    if not isinstance(script, Script):
        raise Conflict(
            "The entities and the migrations agree, so there is nothing to generate.",
            "For an empty migration: ",
            Action.CREATE_MIGRATION.on(message),
        )
    return Path(script.path)


def create(message: str) -> Path:
    """Write a new, empty migration. Return its file."""
    with _translated_errors():
        script = command.revision(_config(None), message, rev_id=_next_id())
    if not isinstance(script, Script):
        raise TypeError(f"one migration was asked for, not {script!r}")
    return Path(script.path)


def _config(connection: Connection | None) -> Config:
    config = Config(cmd_opts=Namespace(quiet=True))  # Alembic prints nothing: our commands report what was done
    config.set_main_option("script_location", str(_DIRECTORY).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _transaction(url: URL) -> Iterator[Connection]:
    """Open one connection with one transaction, and raise the server's errors as sentences."""
    connector = Connector(url, settings={"statement_timeout": "0"})
    engine = create_engine(url, poolclass=NullPool, creator=connector.connect_waiting)
    try:
        with _translated_errors(), engine.begin() as connection:
            version = connection.dialect.server_version_info
            if version is None or version < (OLDEST_SERVER,):
                number = ".".join(map(str, version or ()))
                raise DatabaseUnavailable(
                    f"The server runs PostgreSQL {number}, and masspayout needs {OLDEST_SERVER} or newer.",
                    "Use a newer server, or unset DATABASE_HOST to use the embedded one.",
                )
            _require_utf8(connection)
            _require_schema(connection)
            yield connection
    except (OperationalError, InternalError, psycopg.OperationalError, psycopg.InternalError) as error:
        raise unavailable(url, error) from error
    except (ProgrammingError, IntegrityError, psycopg.ProgrammingError, psycopg.IntegrityError) as error:
        raise _refused(url, error) from error
    finally:
        engine.dispose()


def _require_utf8(connection: Connection) -> None:
    """Refuse a database that cannot store every name and concept.

    The server reported its encoding when we connected.
    """
    driver = connection.connection.driver_connection
    encoding = driver.info.parameter_status("server_encoding") if isinstance(driver, psycopg.Connection) else None
    if encoding != "UTF8":
        database = connection.engine.url.database
        raise DatabaseMismatch(
            f"The database {database} is kept in {encoding}, and masspayout needs UTF8.",
            f"Make another and name it in DATABASE_NAME (createdb -T template0 -E UTF8 {database}_utf8), then: ",
            Action.UPGRADE_DATABASE,
        )


def _require_schema(connection: Connection) -> None:
    """Refuse a missing schema, and an empty default one while another schema has our tables."""
    url = connection.engine.url
    if connection.scalar(text("SELECT current_schema()")) is None:
        raise DatabaseMismatch(
            f"The database {url.database} has no schema {url.query.get(SEARCH_PATH, 'public')}, or the role "
            f"{url.username} may not use it.",
            "Create it, or name another one in DATABASE_SCHEMA, then: ",
            Action.UPGRADE_DATABASE,
        )
    other_schema = None if SEARCH_PATH in url.query else connection.scalar(_OTHER_SCHEMA)
    if other_schema is not None:
        raise DatabaseMismatch(
            f"The tables of masspayout are in the schema {other_schema} of {url.database}, and not in public.",
            f"Set DATABASE_SCHEMA={other_schema}; or DATABASE_SCHEMA=public, if others are to be made there.",
        )


def _refused(url: URL, error: Exception) -> MassPayoutError:
    """Return the server's error on a statement as a sentence. The transaction was rolled back."""
    cause = getattr(error, "orig", None) or error
    reason = (cause.diag.message_primary if isinstance(cause, psycopg.Error) else None) or str(cause)
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return DatabaseUnavailable(
            f"The role {url.username} may not do this in {url.database}: {reason}.",
            f"Make it the owner of tables and database: ALTER DATABASE {url.database} OWNER TO {url.username}",
        )
    return DatabaseMismatch(
        f"The database {url.database} does not take the migration: {reason}. Nothing was changed.",
        "Fix what it says, then list other differences: ",
        Action.CHECK_DATABASE,
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise Invalid(f"{str(error).rstrip('.')}.", "See which revisions there are: ", Action.LIST_REVISIONS) from error


def _lock_and_read_status(connection: Connection) -> SchemaStatus:
    """Wait until nobody else migrates this database, then return the status of its schema."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_locks.MIGRATION})
    current = read_status(connection)
    if current.state is SchemaState.NEWER:
        raise _newer(connection.engine.url, current.revision)
    return current


def read_status(connection: Connection) -> SchemaStatus:
    """Return the status of a connection's database. Nothing is locked or changed."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = [known.id for known in history()]
    if revision is None:
        state = SchemaState.FOREIGN if adoption.tables_present(connection) else SchemaState.EMPTY
    elif revision not in known:
        return SchemaStatus(SchemaState.NEWER, revision, ())
    else:
        state = SchemaState.CURRENT if revision == known[-1] else SchemaState.PENDING
    return SchemaStatus(state, revision, tuple(_revisions_after(revision)), tuple(adoption.tables_alike(connection)))


def _revisions_after(revision: str | None) -> list[Revision]:
    scripts = ScriptDirectory.from_config(_config(None)).iterate_revisions("head", revision or "base")
    return [Revision(script.revision, script.doc.rstrip(".")) for script in scripts][::-1]


def _next_id() -> str:
    return f"{int(history()[-1].id) + 1:04}"


def _newer(url: URL, revision: str | None) -> DatabaseMismatch:
    return DatabaseMismatch(
        f"The database {url.database} is at revision {revision}, which this version does not know: "
        "it was migrated by a newer one.",
        "Install that version of masspayout, or take the migration back with it: ",
        Action.DOWNGRADE_DATABASE,
    )
