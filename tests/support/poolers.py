"""PgBouncer, as Debian ships it, before a server."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from clusters import SYSTEM_USER, free_port, new_directory
from databases import application_url

PGBOUNCER = "/usr/sbin/pgbouncer"  # which refuses to run as root, as servers do


@contextmanager
def pooled(server: URL, parent: Path, **settings: str) -> Iterator[URL]:
    """Run a pooler before a server on a Unix socket, and return the address of the same database behind it."""
    if not Path(PGBOUNCER).exists():
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    port, directory = free_port(), new_directory(parent)
    users = directory / "users"
    users.write_text(f'"{server.username}" ""\n"{application_url(server).username}" ""\n')
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
    user = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []} if SYSTEM_USER else {}
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
