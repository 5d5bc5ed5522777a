"""Commit hooks: work that runs once, just before a unit of work commits, because it locks a row that all others need.

    unit of work   change ──── change ──── change ─┐
    noted             └ entry     └ entry          │
    commit hooks                                   └─ chain the entries ── commit
                                                      └ locks the chain's end, for this long only

The audit trail is such a chain: a unit of work that held its end from the first change on would keep all others
waiting.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

_WORK = "commit hooks"

# A key in the info of a session whose unit of work is a single statement: nothing else can be in its transaction.
SINGLE_STATEMENT = "of a single statement"

CommitHook = Callable[[AsyncSession], Awaitable[None]]


def add_commit_hook(session: AsyncSession, work: CommitHook) -> None:
    """Add a hook that runs once, just before the session's unit of work commits.

    Raises:
        RuntimeError: The unit of work is of a single statement, in whose transaction nothing else can be.
    """
    if session.info.get(SINGLE_STATEMENT):
        raise RuntimeError("A unit of work of a single statement has no commit hooks: use unit_of_work().")
    session.info.setdefault(_WORK, {})[work] = True


async def run_commit_hooks(session: AsyncSession) -> None:
    """Run the commit hooks of a unit of work, in the order in which they were added."""
    for work in session.info.pop(_WORK, {}):
        await work(session)
