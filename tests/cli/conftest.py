"""The command line as a user has it: the whole command, real settings, a real database."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from command_line import CommandLine, Said, environment
from masspayout.cli import main
from masspayout.db.session import Database
from masspayout.settings import Settings
from payouts import World, accounts, make_runtime


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


async def make_world(url: URL) -> None:
    """Import an asset with three holders."""
    database = Database(url)
    runtime = make_runtime(database, Settings(_env_file=None))  # type: ignore[call-arg]
    await World.make(runtime, [(account, 100) for account in accounts(3)])
    await runtime.ledger.close()
    await database.close()


@pytest.fixture
def imported(database_url: URL, command_line: CommandLine) -> CommandLine:
    """Run ``masspayout …`` on a database with an imported asset."""
    asyncio.run(make_world(database_url))
    return command_line
