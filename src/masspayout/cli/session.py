"""How a command gets at the business: one context for as long as it runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from masspayout.app import Payouts
from masspayout.cli.output import run
from masspayout.context import Context
from masspayout.db.unit_of_work import UnitOfWork
from masspayout.kernel import logs
from masspayout.runtime import open_runtime
from masspayout.settings import load_settings

Result = TypeVar("Result")


@asynccontextmanager
async def opened() -> AsyncIterator[Context]:
    """Open the context that the environment's settings describe."""
    settings = load_settings()
    logs.install(settings.log_format)
    logs.keep_out(*settings.secrets)
    async with open_runtime(settings) as context:
        yield context


def with_payouts(work: Callable[[Payouts], Awaitable[Result]]) -> Result:
    """Run one command's work with payouts to its end."""
    return with_context(lambda context: work(Payouts(context)))


def in_transaction(act: Callable[[UnitOfWork], Awaitable[Result]]) -> Result:
    """Run what a command does with the database alone, in one transaction."""

    async def inside(context: Context) -> Result:
        async with context.database.unit_of_work() as work:
            return await act(work)

    return with_context(inside)


def with_context(work: Callable[[Context], Awaitable[Result]]) -> Result:
    """Run one command's work to its end, with a context."""

    async def inside() -> Result:
        async with opened() as context:
            return await work(context)

    return run(inside())
