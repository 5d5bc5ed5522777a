"""What goes to standard error besides errors."""

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

from command_line import environment


def say(url: URL, directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "masspayout", *arguments],
        env={**os.environ, **environment(url), **settings},
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )


def test_logs_are_json_when_asked_for(database_url: URL, tmp_path: Path) -> None:
    said = say(database_url, tmp_path, "asset", "list", APP_ENV="development", LOG_FORMAT="json")
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    assert any("FROM asset" in line["message"] for line in lines)
    assert {line["level"] for line in lines} == {"INFO"}


def test_sql_is_logged_in_development_only(database_url: URL, tmp_path: Path) -> None:
    said = say(database_url, tmp_path, "asset", "list", APP_ENV="development")
    assert "FROM asset" in said.stderr
    assert "FROM asset" not in said.stdout
    assert say(database_url, tmp_path, "asset", "list", APP_ENV="production").stderr == ""
