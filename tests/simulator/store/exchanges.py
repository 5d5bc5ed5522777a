"""The store port as one process sees it: every question is an exchange, which takes time and may fail."""

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, cast

from masspayout.db.store import Work
from masspayout.kernel.clock import Clock
from masspayout.kernel.errors import DatabaseUnavailable
from simulator.plans import POISON_ROW
from simulator.processes import Killed, Poisoned, Process

# What brings a payout nearer to its end.
_ADVANCES = {"first_claims.begin", "attempts.reserve", "attempts.store_signed", "batch_payouts.complete"}


class AuditNotes:
    """The audit trail: what is noted is counted and told, and written where there is anything to write it in."""

    def __init__(self, process: Process, write: Callable[..., None] = lambda **_: None) -> None:
        self._process = process
        self._write = write

    def note(self, **columns: Any) -> None:
        """Count an entry, tell it, and write it."""
        self._process.audited[columns["action"]] += 1
        self._process.tell(f"notes {columns['action']}")
        self._write(**columns)


class Exchanges:
    """A repository over a connection: each question is an exchange of the process."""

    __slots__ = ("_name", "_process", "_repository", "_transaction")

    def __init__(self, process: Process, transaction: Any, name: str, repository: object) -> None:
        self._process = process
        self._transaction = transaction
        self._name = name
        self._repository = repository

    def __getattr__(self, question: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._exchange, f"{self._name}.{question}", getattr(self._repository, question))

    async def _exchange(self, what: str, ask: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        process = self._process
        await process.step(what, self._transaction)
        self._transaction.require_open()
        if what == "distributions.claim_due":
            self._read_row(arguments[0].id)
        answer = await ask(*arguments, **named)
        process.advances += what in _ADVANCES
        if process.trace.is_traced:
            process.tell(f"{what} → {shown(answer)}")
        return answer

    def _read_row(self, distribution_id: Any) -> None:
        """Come upon a row that is due, which may be poisoned."""
        faults = self._process.faults
        if distribution_id in faults.poisoned and not faults.is_calm and faults.happen(POISON_ROW):
            self._process.tell("comes upon a poisoned row")
            raise Poisoned(f"the row of {distribution_id} cannot be read")


class UnitOfWorkOfProcess:
    """A unit of work of a process, on the server that it is connected to."""

    def __init__(self, process: Process, ids: "count[int]", *, is_single: bool) -> None:
        self._process = process
        self._ids = ids
        self._is_single = is_single
        self._work: Any = None

    async def __aenter__(self) -> Work:
        process = self._process
        if process.is_dead:
            raise Killed
        server: Any = process.server
        if server.serial_lock is not None:
            await server.serial_lock.acquire(process)
        self._work = server.begin(process, self._ids)
        return cast("Work", self._work)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transaction, process = self._work.transaction, self._process
        if error is not None:
            transaction.abort()
            return
        try:
            await self._work.finish()
            if transaction.is_to_commit and not self._is_single:
                await process.step("commit", transaction)
            transaction.commit()
        except BaseException:
            transaction.abort()
            raise
        if transaction.is_to_commit:
            process.survive("a commit that was made")
            if process.faults.strike("answer of a commit lost", process.chance.random()):
                process.tell("gets no answer to a commit that was made")
                raise DatabaseUnavailable("The connection broke.", "Try again.")


class ProcessStore:
    """What one process has of the store."""

    def __init__(self, process: Process, ids: "count[int]") -> None:
        self.process = process
        self.ids = ids
        self.clock = Clock(self._read_clock, host=process.host_nanos, steady=process.steady_nanos)

    def unit_of_work(self) -> UnitOfWorkOfProcess:
        """Open a unit of work."""
        return UnitOfWorkOfProcess(self.process, self.ids, is_single=False)

    def single_statement(self) -> UnitOfWorkOfProcess:
        """Open a unit of work of one question or change."""
        return UnitOfWorkOfProcess(self.process, self.ids, is_single=True)

    async def _read_clock(self) -> int:
        await self.process.step("clock")
        if not self.process.server.is_up:
            raise DatabaseUnavailable("The server is down.", "Wait.")
        return self.process.server.nanos()


def shown(answer: object) -> str:
    """Write an answer for the trace: short, and without what differs from run to run, and from store to store."""
    if isinstance(answer, uuid.UUID):
        return "…"
    if isinstance(answer, dict):
        return ", ".join(sorted(map(str, answer)))
    if isinstance(answer, list | tuple):
        return f"{len(answer)} rows"
    status = getattr(answer, "status", None)
    if status is not None:
        return str(status)
    return str(answer) if answer is None or isinstance(answer, bool | int | str | float) else "…"
