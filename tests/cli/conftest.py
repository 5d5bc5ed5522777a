"""The command line as a user has it: the whole command, real settings, a real database."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine, Said, environment
from masspayout.cli import main


@pytest.fixture
def command_line_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[URL], CommandLine]:
    """Run ``masspayout …`` on a database, in a directory of its own."""

    def on(url: URL) -> CommandLine:
        monkeypatch.chdir(tmp_path)
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        return run

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["masspayout", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Said(int(end.value.code or 0), captured.out, captured.err)

    return on


@pytest.fixture
def command_line(database_url: URL, command_line_on: Callable[[URL], CommandLine]) -> CommandLine:
    """Run ``masspayout …`` on a fresh database."""
    return command_line_on(database_url)
