"""The embedded server is shared by processes, outlives those that are killed, and is stopped when nobody is left."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from databases import kill_server, postmaster
from masspayout.db import embedded
from masspayout.db.connecting import connect_arguments
from masspayout.kernel.errors import DatabaseUnavailable

# A user of the server: starts or joins it, says so, and leaves when it is told to.
USER = """
import sys
from pathlib import Path
from masspayout.db import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""
PATIENCE_SECONDS = 60


class User:
    """Another process that uses the server."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_joined(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("\n")
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def user(data_dir: Path) -> Iterator[Callable[[], User]]:
    users: list[User] = []

    def start() -> User:
        users.append(User(data_dir))
        return users[-1]

    yield start
    for started in users:
        if started.process.poll() is None:
            started.kill()
    wait_until(lambda: not runs(data_dir))


def runs(data_dir: Path) -> bool:
    return (data_dir / "postgresql" / "postmaster.pid").exists()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; how long it takes is not the point."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def ask(url: URL, question: str) -> str:
    with psycopg.connect(**connect_arguments(url), autocommit=True) as connection:
        (answer,) = connection.execute(question).fetchall()[0]
        return str(answer)


def test_what_is_started_is_durable_small_and_private(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    assert ask(server, "SHOW server_version_num").startswith(str(embedded.MAJOR_VERSION))
    assert ask(server, "SELECT current_database()") == "masspayout"
    assert ask(server, "SHOW fsync") == "on"
    assert ask(server, "SHOW synchronous_commit") == "on"
    assert ask(server, "SHOW full_page_writes") == "on"
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW shared_buffers") == "128MB"
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SELECT lower('ÄÉ') || ('a' > 'Z')") == "äétrue"
    embedded.leave(data_dir)


def test_processes_share_one_server_and_the_last_one_stops_it(data_dir: Path, user: Callable[[], User]) -> None:
    first, second, third = user(), user(), user()  # at once: only one of them makes and starts it
    addresses = {one.wait_until_joined() for one in (first, second, third)}
    assert len(addresses) == 1
    server = postmaster(data_dir)

    first.leave()
    second.leave()
    assert postmaster(data_dir) == server
    third.leave()
    assert not runs(data_dir)


def test_a_killed_user_neither_stops_the_server_nor_keeps_it(data_dir: Path, user: Callable[[], User]) -> None:
    starter, other = user(), user()
    starter.wait_until_joined()
    other.wait_until_joined()
    server = postmaster(data_dir)

    starter.kill()
    url = embedded.start(data_dir)
    assert postmaster(data_dir) == server
    assert ask(url, "SELECT 1") == "1"
    embedded.leave(data_dir)
    assert postmaster(data_dir) == server

    other.kill()
    wait_until(lambda: not runs(data_dir))


def test_a_killed_server_recovers_what_was_committed(data_dir: Path) -> None:
    url = embedded.start(data_dir)
    with psycopg.connect(**connect_arguments(url)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    server = postmaster(data_dir)
    kill_server(data_dir)
    again = embedded.start(data_dir)
    assert again == url
    assert postmaster(data_dir) != server
    assert ask(again, "SELECT count(*) FROM kept") == "1000"
    embedded.leave(data_dir)
    assert not runs(data_dir)


def test_a_process_that_took_over_the_number_of_a_crashed_server_does_no_harm(data_dir: Path) -> None:
    embedded.start(data_dir)
    pid_file = data_dir / "postgresql" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.leave(data_dir)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        url = embedded.start(data_dir)
        assert ask(url, "SELECT 1") == "1"
        embedded.leave(data_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_what_an_interrupted_first_start_left_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgresql.new").mkdir(parents=True)
    (data_dir / "postgresql.new" / "half").touch()
    url = embedded.start(data_dir)
    assert ask(url, "SELECT 1") == "1"
    assert not (data_dir / "postgresql.new").exists()
    embedded.leave(data_dir)


def test_a_path_too_long_for_a_socket_is_no_problem(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 25)
    url = embedded.start(data_dir)
    socket_directory = Path(str(url.query["host"]))
    assert ask(url, "SELECT 1") == "1"
    assert socket_directory.stat().st_mode & 0o077 == 0
    embedded.leave(data_dir)
    assert not socket_directory.exists()


def test_a_data_directory_of_another_version_is_refused(data_dir: Path) -> None:
    cluster = data_dir / "postgresql"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseUnavailable, match="made by PostgreSQL 16") as refusal:
        embedded.start(data_dir)
    assert "dump" in refusal.value.hint


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(DatabaseUnavailable, match="cannot be started: Not a directory") as refusal:
        embedded.start(in_the_way / "data")
    assert "DATA_DIR" in refusal.value.hint


def test_the_servers_own_complaint_is_passed_on(data_dir: Path) -> None:
    embedded.start(data_dir)
    embedded.leave(data_dir)
    with (data_dir / "postgresql" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = plenty\n")
    with pytest.raises(DatabaseUnavailable, match=r"cannot be started: .*configuration file .* contains errors"):
        embedded.start(data_dir)
