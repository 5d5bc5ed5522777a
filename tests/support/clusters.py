"""PostgreSQL 15 servers that a test makes, replicates, kills and promotes by itself."""

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import URL

from databases import run_sql

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

# Servers refuse to run as root.
SYSTEM_USER = "postgres" if os.geteuid() == 0 else None


def require_debian_15() -> None:
    """Skip the test that asks where Debian's PostgreSQL 15 is not installed."""
    if not DEBIAN_15.exists():
        pytest.skip("PostgreSQL 15 is not installed (Debian: apt-get install postgresql-15)")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Cluster:
    """One server, on a port of this machine."""

    directory: Path
    port: int

    @classmethod
    def make(cls, parent: Path) -> "Cluster":
        """Make and start a server that standbys may follow."""
        made = cls(new_directory(parent), free_port())
        made._call("initdb", "-D", str(made.directory), "--username=masspayout", "--auth=trust", "--no-sync")
        made.start()
        return made

    @classmethod
    def standby_of(cls, primary: "Cluster", parent: Path, *, through_port: int) -> "Cluster":
        """Copy a server, and let the copy follow it through a port."""
        made = cls(new_directory(parent), free_port())
        made._call(
            *("pg_basebackup", "-D", str(made.directory), "--no-sync", "-c", "fast", "-X", "stream"),
            *("-h", "127.0.0.1", "-p", str(primary.port), "-U", "masspayout"),
        )
        with (made.directory / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = 'host=127.0.0.1 port={through_port} user=masspayout'\n")
        (made.directory / "standby.signal").touch()
        made.start()
        return made

    def url(self, database: str = "masspayout", *, port: int | None = None) -> URL:
        """Return the address of a database, at another port if something stands before the server."""
        query = {"host": "127.0.0.1", "port": str(port or self.port)}
        return URL.create("postgresql+psycopg", username="masspayout", database=database, query=query)

    def start(self) -> None:
        # No test cuts the power: what a killed process wrote is with the system.
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -p {self.port}"
        log = str(self.directory / "log")
        self._call("pg_ctl", "start", "-w", "-D", str(self.directory), "-l", log, "-o", options)

    def promote(self) -> None:
        """Have a standby follow nobody any more, and take what is written."""
        self._call("pg_ctl", "promote", "-w", "-D", str(self.directory))

    def kill(self) -> None:
        """Kill the server with all of its processes, as when its machine fails. One that is gone already stays so."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            server = psutil.Process(int((self.directory / "postmaster.pid").read_text().splitlines()[0]))
            if str(self.directory) not in " ".join(server.cmdline()):
                return
            processes = [server, *server.children()]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes)

    def is_running(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def wait_for_standbys(self, names: str) -> None:
        """Let every commit wait for the standbys that follow, from now on."""
        run_sql(
            self.url("postgres"),
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}'",
            "SELECT pg_reload_conf()",
        )

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(DEBIAN_15 / program), *arguments],
            check=True,
            user=SYSTEM_USER,
            group=SYSTEM_USER,
            extra_groups=[] if SYSTEM_USER else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def new_directory(parent: Path) -> Path:
    """Make a directory that the server's user owns and can reach."""
    for above in (parent, *parent.parents):
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    directory = parent / f"cluster-{len(list(parent.iterdir()))}"
    directory.mkdir(mode=0o700)
    if SYSTEM_USER:
        shutil.chown(directory, SYSTEM_USER, SYSTEM_USER)
    return directory
