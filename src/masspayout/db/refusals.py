"""Why PostgreSQL cannot be used, as sentences: the driver's errors told apart, each with what to do next."""

from dataclasses import dataclass

import psycopg
from sqlalchemy import URL

from masspayout.errors import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One way in which the server fails us.

    Attributes:
        sqlstates: The codes that say so once there is a connection.
        words: What the driver's message contains when there is none yet: it then has no code.
        sentence: What is wrong.
        hint: What to do next.
    """

    sqlstates: frozenset[str]
    words: tuple[str, ...]
    sentence: str
    hint: str


def _refusal(sqlstates: str, words: tuple[str, ...], sentence: str, hint: str) -> _Refusal:
    return _Refusal(frozenset(sqlstates.split()), words, sentence, hint)


_REFUSALS = (
    _refusal(
        "28P01",
        ("password authentication failed",),
        "PostgreSQL at {server} refuses the password of the role {user}.",
        "Correct DATABASE_USER and DATABASE_PASSWORD, then: masspayout doctor",
    ),
    _refusal(
        "",
        ("no password supplied",),
        "PostgreSQL at {server} asks for a password of the role {user}, and DATABASE_PASSWORD is empty.",
        "Set DATABASE_PASSWORD, then: masspayout doctor",
    ),
    _refusal(
        "3D000",
        ('database "',),
        "There is no database {database} on PostgreSQL at {server}.",
        "Create it (createdb {options} {database}) or correct DATABASE_NAME, then: masspayout db upgrade",
    ),
    _refusal(
        "",
        ('role "',),
        "There is no role {user} on PostgreSQL at {server}.",
        "Create it or correct DATABASE_USER, then: masspayout doctor",
    ),
    _refusal(
        "28000",
        ("pg_hba.conf", "authentication failed"),
        "PostgreSQL at {server} does not let the role {user} into {database} from this machine.",
        "Allow it in the server's pg_hba.conf or correct DATABASE_USER, then: masspayout doctor",
    ),
    _refusal(
        "53300",
        ("too many clients", "remaining connection slots"),
        "PostgreSQL at {server} has no connection left.",
        "Run fewer workers, or raise the server's max_connections.",
    ),
    _refusal(
        "57P01 57P02 57P03",
        ("starting up", "shutting down", "not yet accepting connections", "in recovery mode"),
        "PostgreSQL at {server} is just starting or stopping.",
        "Wait a moment and try again.",
    ),
    _refusal(
        "08001",
        ("Connection refused", "No such file or directory"),
        "No PostgreSQL server answers at {server}.",
        "Start it or correct DATABASE_HOST and DATABASE_PORT (without DATABASE_HOST the embedded server is used), "
        "then: masspayout doctor",
    ),
    _refusal(
        "",
        ("Name or service not known", "failure in name resolution", "could not translate host name", "nodename nor"),
        "The host of PostgreSQL at {server} is not known to this machine.",
        "Correct DATABASE_HOST, then: masspayout doctor",
    ),
    _refusal(
        "",
        ("timeout expired", "timed out", "No route to host", "Network is unreachable"),
        "PostgreSQL at {server} cannot be reached over the network.",
        "Check DATABASE_HOST, DATABASE_PORT and the firewalls between, then: masspayout doctor",
    ),
    _refusal(
        "53100",
        (),
        "PostgreSQL at {server} has no disk space left.",
        "Make room on its disk, then do the same again: nothing was changed.",
    ),
    _refusal(
        "55P03",
        (),
        "PostgreSQL at {server} could not lock a table in time, because somebody else is using it.",
        "Let the other work end or stop it, then do the same again: nothing was changed.",
    ),
    _refusal(
        "40001 40P01",
        (),
        "Two transactions stood in each other's way on PostgreSQL at {server}, and this one gave way.",
        "Do the same again: nothing was changed.",
    ),
)

_OTHERWISE = _refusal(
    "",
    (),
    "PostgreSQL at {server} cannot be used: {reason}.",
    "Check the DATABASE_* settings, then: masspayout doctor",
)


def unavailable(url: URL, error: Exception) -> DatabaseUnavailable:
    """Turn the driver's error into a sentence and a next step, without the password.

    Args:
        url: The database that was to be used.
        error: What psycopg raised, or SQLAlchemy in its place.
    """
    cause = getattr(error, "orig", None) or error
    sqlstate = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    message = str(cause).strip()
    refusal = next(
        (
            refusal
            for refusal in _REFUSALS
            if (sqlstate in refusal.sqlstates if sqlstate else any(word in message for word in refusal.words))
        ),
        _OTHERWISE,
    )
    host = str(url.query.get("host", url.host or "localhost"))
    port = str(url.query.get("port", url.port or 5432))
    parts = {
        "server": host if host.startswith("/") else f"{host}:{port}",
        "user": url.username,
        "database": url.database,
        "options": f"-h {host} -p {port} -O {url.username}",
        "reason": message.splitlines()[0].rstrip(".") if message else type(cause).__name__,
    }
    return DatabaseUnavailable(refusal.sentence.format(**parts), refusal.hint.format(**parts))
