"""Processes that die at a chosen side effect: what ``test_crash_safety`` runs in place of a worker.

A side effect is a commit, or a call of the ledger; each can be the last thing that happens, or the last that does not.
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from pydantic import SecretStr
from sqlalchemy import URL, event, make_url
from sqlalchemy.orm import Session

from lost_commits import Memory
from masspayout.context import Context
from masspayout.db.entities import DistributionStatus
from masspayout.db.repositories import Distributions
from masspayout.db.session import Database
from masspayout.distributions import starts
from masspayout.jobs import Jobs
from masspayout.kernel.types import SignedTransaction
from masspayout.ledger.port import Ledger, Outcome, Transfer
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.settings import Settings

KILLED = 137


class KillSwitch:
    """Counts side effects and ends the process at the chosen one, as SIGKILL would: nothing is cleaned up."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at = kill_at
        self._seen = 0

    def __call__(self, *_: Any) -> None:
        self._seen += 1
        if self._seen == self._kill_at:
            os._exit(KILLED)


class KillableLedger:
    """The ledger, seen from a process that may die just before or just after each call."""

    def __init__(self, ledger: Ledger, kill_switch: KillSwitch) -> None:
        self._ledger = ledger
        self._kill_switch = kill_switch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def prepare(self, transfer: Transfer) -> SignedTransaction:
        self._kill_switch()
        signed = await self._ledger.prepare(transfer)
        self._kill_switch()
        return signed

    async def submit(self, signed_bytes: bytes) -> None:
        self._kill_switch()
        try:
            await self._ledger.submit(signed_bytes)
        finally:
            self._kill_switch()

    async def outcome(self, transaction_id: str, signed_bytes: bytes | None = None) -> Outcome:
        self._kill_switch()
        outcome = await self._ledger.outcome(transaction_id, signed_bytes)
        self._kill_switch()
        return outcome

    async def transferred_units(self, transaction_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        return await self._ledger.transferred_units(transaction_ids)


@dataclass(frozen=True)
class Loss:
    """What a database forgets: its last commits, or all of them where that is 0. ``url`` is what is left of it."""

    url: URL
    commits: int


class KillableProcesses:
    """A process that forks one after the other: each child pays a distribution, and may be told when to die.

    Everything is imported before the forks, so that a death and a recovery cost little more than what they do.

    Args:
        opener: ``module:function`` that makes the ledger from the database's address and the settings.
    """

    def __init__(self, opener: str) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, __file__, opener], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def pay(
        self,
        url: URL,
        settings: Settings,
        distribution_id: uuid.UUID,
        kill_at: int | None = None,
        loss: "Loss | None" = None,
    ) -> int:
        """Execute and pay in a new process, which dies at its ``kill_at``-th side effect. Return its exit status.

        If it dies, another database is brought into the state that its own was in before the loss.
        """
        task = {
            "url": url.render_as_string(hide_password=False),
            "settings": {name: _plain(value) for name, value in settings},
            "distribution_id": str(distribution_id),
            "kill_at": kill_at,
            "loss": loss and [loss.url.render_as_string(hide_password=False), loss.commits],
        }
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(task, default=str) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        with self._parent:
            assert self._parent.stdin is not None
            self._parent.stdin.close()


def open_ledger(opener: str, url: URL, settings: Settings) -> Ledger:
    """Make a ledger by the name of the function that makes it: processes tell it to one another."""
    module, _, function = opener.partition(":")
    ledger: Ledger = getattr(importlib.import_module(module), function)(url, settings)
    return ledger


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _fork_for_each_task(opener: str) -> None:
    importlib.import_module(opener.partition(":")[0])
    for line in sys.stdin:
        task = json.loads(line)
        memory = None if task["loss"] is None else Memory(make_url(task["url"]))
        pid = os.fork()
        if pid == 0:
            _live(opener, task, memory)
        _, status = os.waitpid(pid, 0)
        if memory is not None:
            if os.waitstatus_to_exitcode(status) == KILLED:
                target, lost = task["loss"]
                memory.put_back(make_url(target), lost)
            memory.close()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _live(opener: str, task: dict[str, Any], memory: Memory | None) -> NoReturn:
    """Be the child: whatever happens, end here and not in the parent's loop."""
    status = 1
    try:
        settings = Settings(_env_file=None, **task["settings"])  # type: ignore[call-arg]
        kill_switch = None if task["kill_at"] is None else KillSwitch(task["kill_at"])
        url = make_url(task["url"])
        ledger = open_ledger(opener, url, settings)
        runtime = Context(settings, Database(url), ledger, Jobs(url))
        if memory is not None:
            event.listen(Session, "after_commit", lambda _: memory.note())
        asyncio.run(_pay(runtime, uuid.UUID(task["distribution_id"]), kill_switch))
        status = 0
    except BaseException:  # noqa: BLE001 - it is shown, and the exit status tells of it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


async def _pay(runtime: Context, distribution_id: uuid.UUID, kill_switch: KillSwitch | None) -> None:
    ledger: Any = runtime.ledger
    if kill_switch is not None:
        ledger = KillableLedger(ledger, kill_switch)
        event.listen(Session, "before_commit", kill_switch)
        event.listen(Session, "after_commit", kill_switch)
    await _execute_once(runtime, ledger, distribution_id)
    await DistributionPayer(runtime.database, ledger, runtime.settings).pay(distribution_id)
    await runtime.ledger.close()
    await runtime.database.close()


async def _execute_once(runtime: Context, ledger: Any, distribution_id: uuid.UUID) -> None:
    async with runtime.database.unit_of_work() as session:
        distribution = await Distributions(session).get(distribution_id)
    if distribution.status is DistributionStatus.PENDING:
        await starts.execute(replace(runtime, ledger=ledger), distribution_id)


if __name__ == "__main__":
    _fork_for_each_task(sys.argv[1])
