"""Connection errors of PostgreSQL: the driver's errors as sentences, each with a next step."""

import re
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from sqlalchemy import URL

from masspayout.kernel.errors import DatabaseUnavailable
from masspayout.kernel.next_steps import Action, NextStep, Part


class ErrorStage(StrEnum):
    """The stage of a connection at which the server refused us."""

    SERVER = "SERVER"  # no answer, or a temporary refusal
    LOGIN = "LOGIN"  # the server answered, and refused the login of our role
    DATABASE = "DATABASE"  # the login succeeded, and there is no such database
    STATEMENT = "STATEMENT"  # connected, and a statement failed


@dataclass(frozen=True, slots=True)
class _KnownError:
    """A known error of the server.

    Attributes:
        stage: The stage at which the error occurs.
        sqlstates: The error codes, once there is a connection.
        words: Patterns of the driver's message while there is no connection, and so no code.
        sentence: The message of our error.
        next_step: The next step of our error.
    """

    stage: ErrorStage
    sqlstates: frozenset[str]
    words: tuple[str, ...]
    sentence: str
    next_step: NextStep


def _known(stage: ErrorStage, sqlstates: str, words: tuple[str, ...], sentence: str, *next_step: Part) -> _KnownError:
    return _KnownError(stage, frozenset(sqlstates.split()), words, sentence, NextStep(*next_step))


_KNOWN_ERRORS = (
    _known(
        ErrorStage.LOGIN,
        "28P01",
        ("password authentication failed",),
        "PostgreSQL at {server} refuses the password of the role {user}.",
        "Correct DATABASE_USER and DATABASE_PASSWORD, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.LOGIN,
        "",
        ("no password supplied",),
        "PostgreSQL at {server} asks for a password of the role {user}, and DATABASE_PASSWORD is empty.",
        "Set DATABASE_PASSWORD, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.DATABASE,
        "3D000",
        ('database ".*" does not exist',),
        "There is no database {database} on PostgreSQL at {server}.",
        "Create it (createdb {options} {database}) or correct DATABASE_NAME, then: ",
        Action.UPGRADE_DATABASE,
    ),
    _known(
        ErrorStage.LOGIN,
        "",
        ('role ".*" does not exist',),
        "There is no role {user} on PostgreSQL at {server}.",
        "Create it or correct DATABASE_USER, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.LOGIN,
        "",
        ("permission denied for database", "is not permitted to log in"),
        "PostgreSQL at {server} does not allow the role {user} to connect to {database}.",
        "Allow it (ALTER ROLE {user} LOGIN; GRANT CONNECT ON DATABASE {database} TO {user}), then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.LOGIN,
        "28000",
        ("pg_hba.conf", "authentication failed"),
        "PostgreSQL at {server} does not let the role {user} into {database} from this machine.",
        "Allow it in the server's pg_hba.conf or correct DATABASE_USER, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "",
        ("server does not support SSL",),
        "PostgreSQL at {server} offers no encryption: the connection could be read and changed on the way.",
        "Turn on ssl on the server, or set DATABASE_SSLMODE=prefer where the network is trusted, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "",
        ("certificate verify failed", "root certificate", "server certificate", "could not read root"),
        "It cannot be verified that PostgreSQL at {server} is who it says it is: {reason}.",
        "Set DATABASE_SSLROOTCERT to the certificate of the authority, and DATABASE_HOST to the name in the server's "
        "certificate; or DATABASE_SSLMODE=require, which encrypts without verifying the server; then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "53300",
        ("too many clients", "too many connections", "remaining connection slots"),
        "PostgreSQL at {server} has no connection left.",
        "Run fewer workers, or raise max_connections of the server, database or role, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "57P01 57P02 57P03",
        ("starting up", "shutting down", "not yet accepting connections", "in recovery mode"),
        "PostgreSQL at {server} is just starting or stopping.",
        "Wait a moment and try again.",
    ),
    _known(
        ErrorStage.SERVER,
        "08001",
        ("Connection refused", "No such file or directory"),
        "No PostgreSQL server answers at {server}.",
        "Start it or correct DATABASE_HOST and DATABASE_PORT (without DATABASE_HOST the embedded server is used), "
        "then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "",
        ("Name or service not known", "failure in name resolution", "could not translate host name", "nodename nor"),
        "The host of PostgreSQL at {server} is not known to this machine.",
        "Correct DATABASE_HOST, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.SERVER,
        "",
        ("timeout expired", "timed out", "No route to host", "Network is unreachable"),
        "PostgreSQL at {server} cannot be reached over the network.",
        "Check DATABASE_HOST, DATABASE_PORT and the firewalls between, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.STATEMENT,
        "25P03",
        (),
        "PostgreSQL at {server} ended a transaction in which nothing had happened for too long: nothing of it stays.",
        "Try again; if it stays so, see what keeps this machine so busy: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.STATEMENT,
        "42501",
        (),
        "The role {user} may not do this in {database}: {reason}.",
        "Have the owner of the tables grant it what it needs (db upgrade), or correct DATABASE_USER, then: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.STATEMENT,
        "25006",
        (),
        "The database {database} on PostgreSQL at {server} can only be read.",
        "Correct DATABASE_HOST if that is a standby server, or end what makes it read-only "
        "(default_transaction_read_only); see: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.STATEMENT,
        "57014",
        (),
        "PostgreSQL at {server} did not finish a statement in time.",
        "See what keeps it busy: ",
        Action.EXAMINE,
    ),
    _known(
        ErrorStage.STATEMENT,
        "53100",
        (),
        "PostgreSQL at {server} has no disk space left.",
        "Make room on its disk, then do the same again: nothing was changed.",
    ),
    _known(
        ErrorStage.STATEMENT,
        "55P03",
        (),
        "PostgreSQL at {server} could not lock a table in time, because another session is using it.",
        "Let the other work end or stop it, then do the same again: nothing was changed.",
    ),
    _known(
        ErrorStage.STATEMENT,
        "40001 40P01",
        (),
        "Two transactions stood in each other's way on PostgreSQL at {server}, and this one gave way.",
        "Do the same again: nothing was changed.",
    ),
)

_OTHERWISE = _known(
    ErrorStage.SERVER,
    "",
    (),
    "PostgreSQL at {server} cannot be used: {reason}.",
    "Check the DATABASE_* settings, then: ",
    Action.EXAMINE,
)


def unavailable(url: URL, error: Exception) -> DatabaseUnavailable:
    """Return the driver's error as a sentence with a next step, without the password.

    Args:
        url: The address of the database.
        error: The error of psycopg, or of SQLAlchemy in its place.
    """
    cause = _cause_of(error)
    known = _match(cause)
    message = str(cause).strip()
    host = str(url.query.get("host", url.host or "localhost"))
    port = str(url.query.get("port", url.port or 5432))
    parts = {
        "server": host if host.startswith("/") else f"{host}:{port}",
        "user": url.username,
        "database": url.database,
        "options": f"-h {host} -p {port} -O {url.username}",
        "reason": message.splitlines()[0].rstrip(".") if message else type(cause).__name__,
    }
    filled = (part.format(**parts) if isinstance(part, str) else part for part in known.next_step.parts)
    return DatabaseUnavailable(known.sentence.format(**parts), *filled)


def is_connection_error(error: Exception) -> bool:
    """Return True if the server or the connection failed, rather than a statement being wrong."""
    cause = _cause_of(error)
    return isinstance(cause, psycopg.OperationalError) or _match(cause) is not _OTHERWISE or is_protocol_error(error)


def is_protocol_error(error: Exception) -> bool:
    """Return True for an answer that belongs to no request, as from a pooler that lost the server behind it."""
    cause = _cause_of(error)
    return isinstance(cause, psycopg.InternalError) and cause.sqlstate is None


def is_read_only(error: Exception) -> bool:
    """Return True if a statement tried to write where only reading is allowed."""
    return isinstance(_cause_of(error), psycopg.errors.ReadOnlySqlTransaction)


def stage_of(error: Exception) -> ErrorStage:
    """Return the stage at which an error occurred."""
    return _match(_cause_of(error)).stage


def is_of_statement(error: DatabaseUnavailable) -> bool:
    """Return True if the server failed one statement only: too slow, locked, not allowed. Others may succeed.

    A read-only server, or a full disk, fails all statements that write.
    """
    if not isinstance(error.__cause__, Exception) or stage_of(error.__cause__) is not ErrorStage.STATEMENT:
        return False
    return not isinstance(_cause_of(error.__cause__), psycopg.errors.ReadOnlySqlTransaction | psycopg.errors.DiskFull)


def _cause_of(error: Exception) -> Exception:
    return getattr(error, "orig", None) or error


def _match(cause: Exception) -> _KnownError:
    sqlstate = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    message = str(cause)
    return next(
        (
            known
            for known in _KNOWN_ERRORS
            if (sqlstate in known.sqlstates if sqlstate else any(re.search(word, message) for word in known.words))
        ),
        _OTHERWISE,
    )
