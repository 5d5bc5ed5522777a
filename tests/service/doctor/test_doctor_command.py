"""The command `masspayout doctor`: a line or an object for each check, and an exit status."""

import json

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from databases import application_url
from doctor_reports import settings_of
from masspayout.cli import app
from masspayout.db import migrations
from masspayout.service.doctor import CHECKS


def test_the_command_tells_each_check_in_a_line(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    use(database_url, monkeypatch)
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[:-1]] == ["ok"] * len(CHECKS)
    assert lines[-1] == "All checks passed."


def test_the_command_fails_when_there_is_a_problem(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations.downgrade(database_url)
    use(database_url, monkeypatch)
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == 1
    assert "problem      migrations: The database" in result.output
    assert "hint: Migrate it: masspayout db upgrade" in result.output
    assert "not checked  indexes: First fix: migrations." in result.output

    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["problem_count"] == 1
    assert [check["name"] for check in report["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in report["checks"]} == {"ok", "problem", "not checked"}


def use(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(application_url(url))
    monkeypatch.setenv("DATABASE_USER", settings.database_user)
    monkeypatch.setenv("DATABASE_HOST", str(settings.database_host))
    monkeypatch.setenv("DATABASE_PORT", str(settings.database_port))
    monkeypatch.setenv("DATABASE_NAME", settings.database_name)
