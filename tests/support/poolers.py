"""PgBouncer, as Debian ships it, before a server."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from clusters import free_port

PGBOUNCER = "/usr/sbin/pgbouncer"

# It refuses to run as root.
_SYSTEM_USER = "postgres" if os.geteuid() == 0 else None


@contextmanager
def pooled(server: URL, directory: Path, **settings: str) -> Iterator[URL]:
    """Run a pooler before a server on a Unix socket, and return the address of the same database behind it."""
    if not Path(PGBOUNCER).exists():
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    port = free_port()
    users = directory / "users"
    users.write_text(f'"{server.username}" ""\n')
    ini = directory / "pgbouncer.ini"
    said = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(users),
        "logfile": str(directory / "log"),
        **settings,
    }
    place = f"host={server.query['host']} port={server.query['port']}"
    ini.write_text(f"[databases]\n* = {place}\n[pgbouncer]\n" + "".join(f"{k} = {v}\n" for k, v in said.items()))
    for path in (directory, *directory.parents):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
    if _SYSTEM_USER:
        shutil.chown(directory, _SYSTEM_USER)
    user = {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []} if _SYSTEM_USER else {}
    running = subprocess.Popen([PGBOUNCER, "-q", str(ini)], cwd="/", **user)  # type: ignore[call-overload]
    try:
        _wait_for(port)
        yield server.set(query={"host": "127.0.0.1", "port": str(port)})
    finally:
        running.terminate()
        running.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody answers on {port}")
