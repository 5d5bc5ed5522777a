"""What tests do to databases from outside: make them, drop them, run SQL in them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import URL

from masspayout.db import embedded, migrations
from masspayout.db.connecting import connect_arguments

# Copies the files of the template behind a checkpoint, which costs little where nothing is flushed to disk. To log
# every page instead, as is the default, takes four times as long.
_COPIED = "STRATEGY file_copy"

OWNER_ROLE = "masspayout"  # of the tables, on every server of the tests
GUARDED_ROLE = "guarded"  # the one role of the Debian server that needs a password


def application_url(url: URL) -> URL:
    """The address of a database for the application, whose role does not own the tables."""
    return url.set(username=embedded.APPLICATION_ROLE)


def migrate(url: URL) -> None:
    """Migrate a database, for an application of another role than the owner's."""
    migrations.upgrade(url, application_role=embedded.APPLICATION_ROLE)


def make_application_role(server: URL) -> None:
    """Make the role of the application on a server that is not embedded."""
    run_sql(server, f"CREATE ROLE {embedded.APPLICATION_ROLE} LOGIN IN ROLE pg_read_all_stats")


def run_sql(url: URL, *statements: str) -> None:
    """Run statements outside any transaction, as somebody at the tables: at the application's address, as the owner."""
    if url.username == embedded.APPLICATION_ROLE:
        url = url.set(username=OWNER_ROLE)
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def copied_database(template: URL) -> Iterator[URL]:
    """Copy a database that nobody is connected to, as a backup keeps it, and drop the copy afterwards."""
    name = f"copy_{uuid.uuid4().hex}"
    server = template.set(database="postgres")
    run_sql(server, f'CREATE DATABASE "{name}" TEMPLATE "{template.database}" {_COPIED}')
    try:
        yield template.set(database=name)
    finally:
        run_sql(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def fresh_database(server: URL, *, template: str = "template0") -> Iterator[URL]:
    """Make a database with a name of its own and drop it afterwards.

    The copy of a migrated one is an installation of its own, which forgot nothing.
    """
    name = f"test_{uuid.uuid4().hex}"
    run_sql(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" {_COPIED}')
    url = server.set(database=name)
    try:
        if template != "template0":
            for table in ("installation", "payer"):
                run_sql(url, f"UPDATE {table} SET identity = masspayout_identity()")
        yield url
    finally:
        run_sql(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def move_clock(url: URL, seconds: float) -> URL:
    """Return an address by which the clock of a database is off: its ``clock_timestamp()`` is another one there."""
    run_sql(
        url,
        "CREATE SCHEMA IF NOT EXISTS moved",
        "GRANT USAGE ON SCHEMA moved TO PUBLIC",
        f"""
        CREATE OR REPLACE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql
        RETURN pg_catalog.clock_timestamp() + make_interval(secs => {seconds})
        """,
    )
    return url.update_query_dict({"search_path": "public, moved, pg_catalog"})


def refuse_connections(url: URL) -> None:
    """End every connection to a database, and let no other one in."""
    run_sql(
        url.set(database="postgres"),
        f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'",
    )


def allow_connections(url: URL) -> None:
    """Take connections to a database again."""
    run_sql(url.set(database="postgres"), f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')


def postmaster(data_dir: Path) -> int:
    """The number of the process that is the embedded server in a data directory."""
    return int((data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()[0])


def kill_server(data_dir: Path) -> None:
    """Kill the embedded server with all of its processes, as when its machine fails."""
    server = psutil.Process(postmaster(data_dir))
    processes = [server, *server.children()]
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ended when it noticed that the first one is gone
            process.kill()
    psutil.wait_procs(processes)
