"""Transactions of commands on the database alone, with no ledger and no queue of jobs."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from masspayout.cli.output import run
from masspayout.db.opening import open_database
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel import logs
from masspayout.settings import Settings, load_settings

Result = TypeVar("Result")


def configured() -> Settings:
    """Return the environment's settings, and have logs written as they say."""
    settings = load_settings()
    logs.install(settings.log_format)
    logs.keep_out(*settings.secrets)
    return settings


def in_transaction(act: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
    """Run what a command does with the database alone, in one transaction."""

    async def inside() -> Result:
        async with open_database(configured()) as database, database.unit_of_work() as work:
            return await act(work)

    return run(inside())
