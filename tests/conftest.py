"""Databases to test on: real servers, and a fresh migrated database for every test that asks for one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import URL

import places
import transactions
from databases import GUARDED_ROLE, application_url, fresh_database, make_application_role, migrate, run_sql
from masspayout.context import Context
from masspayout.db import embedded
from masspayout.db.session import Database
from masspayout.settings import Settings
from payouts import make_runtime

# How long an example takes says more of the machine than of the software.
hypothesis.settings.register_profile(
    "any machine",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


# Processes that tests start import what the tests do.
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, [places.ROOT / "src", *places.IMPORTED]))

transactions.watch()


@pytest.fixture(autouse=True)
def no_ledger_is_called_inside_a_transaction() -> Iterator[None]:
    """A ledger may take minutes, or for ever: no transaction of the database waits for it, in any test."""
    transactions.calls.clear()
    transactions.calls_inside.clear()
    yield
    assert not transactions.calls_inside


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give each run a directory of its own, and its processes ears for interruptions.

    The directories of all runs would be in one, which every new run closes to others than its user: to the running
    servers too. A shell that runs the tests in the background has whatever they start ignore interruptions.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.basetemp is None:
        directory = tempfile.mkdtemp(prefix="tests-")
        config.option.basetemp = directory
        config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On several cores, begin with what takes longest, so that no core waits for another at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("longest") is None)


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The address of the embedded PostgreSQL 18, in a data directory of this test run."""
    data_dir = tmp_path_factory.mktemp("data")
    url = embedded.start(data_dir)
    # No test cuts the power, and what a killed process wrote is with the system: waiting for disks proves nothing.
    run_sql(url, "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
    yield url
    embedded.leave(data_dir)


@pytest.fixture(scope="session")
def debian_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The address of a PostgreSQL 15 as Debian ships it, in a cluster of this test run."""
    if not DEBIAN_15.exists():
        pytest.skip("PostgreSQL 15 is not installed (Debian: apt-get install postgresql-15)")
    # Under a short path that the server's user can enter: the kernel limits the length of a socket's path.
    system_user = "postgres" if os.geteuid() == 0 else None
    directory = tmp_path_factory.mktemp("pg15")
    for parent in (directory, *directory.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
    cluster = directory / "cluster"
    cluster.mkdir(mode=0o700)

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(DEBIAN_15 / program), "-D", str(cluster), *arguments],
            check=True,
            user=system_user,
            group=system_user,
            extra_groups=[] if system_user else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )

    if system_user:
        shutil.chown(cluster, system_user, system_user)
    call("initdb", "--username=masspayout", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    hba = cluster / "pg_hba.conf"
    hba.write_text(f"local all {GUARDED_ROLE} scram-sha-256\nlocal all all trust\n")
    options = f"-c listen_addresses='' -c fsync=off -c shared_preload_libraries=pg_stat_statements -p 5432 -k {cluster}"
    call("pg_ctl", "start", "-w", "-l", str(cluster / "log"), "-o", options)
    url = URL.create(
        "postgresql+psycopg",
        username="masspayout",
        database="postgres",
        query={"host": str(cluster), "port": "5432"},
    )
    make_application_role(url)
    yield url
    call("pg_ctl", "stop", "-w", "-m", "fast")


@pytest.fixture(scope="session", params=["embedded_server", "debian_server"], ids=["PostgreSQL 18", "PostgreSQL 15"])
def server_url(request: pytest.FixtureRequest) -> URL:
    """Each of the servers that are supported: the newest and the oldest."""
    url: URL = request.getfixturevalue(request.param)
    return url


@pytest.fixture(scope="session")
def migrated_template(embedded_server: URL) -> Iterator[str]:
    """The name of a migrated database to copy."""
    with fresh_database(embedded_server) as url:
        assert url.database is not None
        migrate(url)
        yield url.database


@pytest.fixture
def database_url(embedded_server: URL, migrated_template: str) -> Iterator[URL]:
    """The address of a fresh, migrated database on the embedded server."""
    with fresh_database(embedded_server, template=migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(embedded_server: URL) -> Iterator[URL]:
    """The address of a fresh database without any table on the embedded server."""
    with fresh_database(embedded_server) as url:
        yield url


@pytest.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    """A fresh, migrated database with a pool of connections to it, of the application's role."""
    database = Database(application_url(database_url))
    yield database
    await database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that owe nothing to the environment's ``.env`` and do not wait long."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path / "data",
        look_again_seconds=0.01,
        look_again_max_seconds=0.1,
    )


@pytest.fixture
async def runtime(database: Database, settings: Settings) -> AsyncIterator[Context]:
    """The parts of a process, put together: a fresh database, a sandbox in it, jobs."""
    runtime = make_runtime(database, settings)
    yield runtime
    await runtime.ledger.close()
