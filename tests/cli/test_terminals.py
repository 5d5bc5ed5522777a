"""What a command makes of text that is not UTF-8, and of places that cannot be written to."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import environment, nobody_reads, rows_of
from databases import run_sql

NOT_UTF8 = b"caf\xe9"

Settings = Mapping[str, str | bytes]


def start(
    url: URL, directory: Path, *arguments: str | bytes, stdout: int = subprocess.PIPE, settings: Settings | None = None
) -> subprocess.Popen[bytes]:
    """Begin ``masspayout …`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "masspayout", *arguments],
        env={**os.environ, **environment(url), **(settings or {})},
        cwd=directory,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def refused(url: URL, directory: Path, *arguments: str | bytes, settings: Settings | None = None) -> str:
    """Run a command that must say what is wrong and what to do, and write nothing; return what it said."""
    before = rows_of(url)
    process = start(url, directory, *arguments, settings=settings)
    out, said = process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert said.startswith(b"error: ")
    assert b"\nhint: " in said
    assert rows_of(url) == before
    return said.decode()


def test_an_argument_that_is_not_utf8(database_url: URL, tmp_path: Path) -> None:
    said = refused(database_url, tmp_path, "pay", "list.csv", "--payment-token", "0.0.9000", b"--concept=" + NOT_UTF8)
    assert "caf\\udce9' is not UTF-8 text" in said


@pytest.mark.parametrize("name", ["DATABASE_PASSWORD", "DATABASE_HOST", "DATA_DIR"])
def test_a_setting_that_is_not_utf8(database_url: URL, tmp_path: Path, name: str) -> None:
    said = refused(database_url, tmp_path, "asset", "list", settings={name: NOT_UTF8})
    assert f"These settings are not UTF-8 text: {name}." in said


def test_a_file_of_settings_that_is_not_utf8(database_url: URL, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DATABASE_NAME=" + NOT_UTF8)
    assert "The file .env is not UTF-8 text." in refused(database_url, tmp_path, "asset", "list")


def test_a_terminal_that_lacks_characters(database_url: URL, tmp_path: Path) -> None:
    run_sql(
        database_url,
        "INSERT INTO asset (id, token_id, name, symbol, decimals, total_supply) "
        "VALUES (gen_random_uuid(), '0.0.1', 'Café', 'C', 0, 0)",
    )
    out, said = start(database_url, tmp_path, "asset", "list", settings={"PYTHONIOENCODING": "ascii"}).communicate()
    assert b"Caf\\xe9" in out
    assert said == b""


def test_no_output_at_all(database_url: URL, tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m masspayout asset list >&- 2>&-"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], env={**os.environ, **environment(database_url)}, cwd=tmp_path, check=False
    )
    assert ended.returncode == 0


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_output_that_nobody_reads(database_url: URL, tmp_path: Path, form: tuple[str, ...]) -> None:
    with nobody_reads() as output:
        process = start(database_url, tmp_path, "asset", "list", *form, stdout=output)
        _, said = process.communicate()
    assert process.returncode == 0
    assert said == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_output_without_room(database_url: URL, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start(database_url, tmp_path, "asset", "list", stdout=full.fileno())
        _, said = process.communicate()
    assert process.returncode == 1
    assert b"cannot be written: No space left on device." in said
    assert b"Traceback" not in said
