"""Last work: what is done once, just before a unit of work commits, because it locks what everybody needs.

    unit of work   change ──── change ──── change ─┐
    noted             └ entry     └ entry          │
    last work                                      └─ chain the entries ── commit
                                                      └ locks the chain's end, for this long only

The audit trail is such a chain: whoever held its end from the first change on would keep all others waiting.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

_WORK = "work to be done last"

# In the session's info: of a unit of work of a single statement, in whose transaction nothing else can be.
SINGLE_STATEMENT = "of a single statement"

LastWork = Callable[[AsyncSession], Awaitable[None]]


def do_last(session: AsyncSession, work: LastWork) -> None:
    """Have some work done once, just before the session's unit of work commits.

    Raises:
        RuntimeError: It is a unit of work of a single statement: nothing can be in one transaction with that.
    """
    if session.info.get(SINGLE_STATEMENT):
        raise RuntimeError("Nothing can be done last in a unit of work of a single statement: use unit_of_work().")
    session.info.setdefault(_WORK, {})[work] = True


async def run_last_work(session: AsyncSession) -> None:
    """Do what was put off to the end of a unit of work, in the order in which it was."""
    for work in session.info.pop(_WORK, {}):
        await work(session)
