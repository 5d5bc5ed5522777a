"""Commit hooks: work done once, just before a unit of work commits, because it locks what everybody needs.

    unit of work   change ──── change ──── change ─┐
    noted             └ entry     └ entry          │
    commit hooks                                   └─ chain the entries ── commit
                                                      └ locks the chain's end, for this long only

The audit trail is such a chain: whoever held its end from the first change on would keep all others waiting.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

_WORK = "commit hooks"

# In the session's info: of a unit of work of a single statement, in whose transaction nothing else can be.
SINGLE_STATEMENT = "of a single statement"

CommitHook = Callable[[AsyncSession], Awaitable[None]]


def add_commit_hook(session: AsyncSession, work: CommitHook) -> None:
    """Add a hook that runs once, just before the session's unit of work commits.

    Raises:
        RuntimeError: It is a unit of work of a single statement: nothing can be in one transaction with that.
    """
    if session.info.get(SINGLE_STATEMENT):
        raise RuntimeError("A unit of work of a single statement has no commit hooks: use unit_of_work().")
    session.info.setdefault(_WORK, {})[work] = True


async def run_commit_hooks(session: AsyncSession) -> None:
    """Run the commit hooks of a unit of work, in the order in which they were added."""
    for work in session.info.pop(_WORK, {}):
        await work(session)
