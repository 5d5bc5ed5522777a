"""Sessions of commands: one context for as long as the command runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from masspayout.app import Payouts
from masspayout.cli.output import run
from masspayout.cli.transaction import configured
from masspayout.context import Context
from masspayout.runtime import open_runtime

Result = TypeVar("Result")


@asynccontextmanager
async def opened() -> AsyncIterator[Context]:
    """Open the context that the environment's settings describe."""
    async with open_runtime(configured()) as context:
        yield context


def with_payouts(work: Callable[[Payouts], Awaitable[Result]]) -> Result:
    """Run one command's work with payouts to its end."""
    return with_context(lambda context: work(Payouts(context)))


def with_context(work: Callable[[Context], Awaitable[Result]]) -> Result:
    """Run one command's work to its end, with a context."""

    async def inside() -> Result:
        async with opened() as context:
            return await work(context)

    return run(inside())
