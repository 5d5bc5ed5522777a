"""Queries on background work: workers, jobs, and the distributions that are being paid."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

# A worker without a heartbeat for this long is taken for dead, and its jobs are given to others.
WORKER_ALIVE_SECONDS = 15

_WORKERS = text("""
    SELECT w.id AS worker_id, w.last_heartbeat,
           (SELECT count(*) FROM procrastinate_jobs AS j WHERE j.worker_id = w.id AND j.status = 'doing') AS jobs
      FROM procrastinate_workers AS w
     ORDER BY w.id
""")

_JOBS = text("""
    SELECT count(*) FILTER (WHERE status = 'todo') AS waiting,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           count(*) FILTER (WHERE status = 'failed') AS failed
      FROM procrastinate_jobs
""")

# The progress comes from the batches' counters; no holder is read.
_RUNNING = text("""
    SELECT d.id AS distribution_id, a.symbol,
           count(b.id) AS batches,
           count(b.id) FILTER (WHERE b.status IN ('COMPLETED', 'FAILED')) AS batches_done,
           CAST(coalesce(sum(b.total_holders), 0) AS BIGINT) AS holders,
           CAST(coalesce(sum(b.successful_payments), 0) AS BIGINT) AS paid,
           CAST(coalesce(sum(b.failed_payments), 0) AS BIGINT) AS failed
      FROM distribution AS d
      JOIN asset AS a ON a.id = d.asset_id
      LEFT JOIN batch_payout AS b ON b.distribution_id = d.id
     WHERE d.status = 'PROCESSING'
     GROUP BY d.id, a.symbol
     ORDER BY d.id
""")


# By Procrastinate's own function, one worker's round at a time: others skip what it has locked.
_REQUEUE = text("""
    SELECT stalled.id, procrastinate_retry_job_v2(stalled.id, now(), NULL, NULL, NULL)
      FROM (SELECT j.id
              FROM procrastinate_jobs AS j LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
             WHERE j.status = 'doing'
               AND coalesce(w.last_heartbeat < now() - make_interval(secs => :alive_seconds), true)
             ORDER BY j.id FOR UPDATE OF j SKIP LOCKED) AS stalled
""")


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """A worker, the time of its last heartbeat, and the number of its jobs."""

    worker_id: int
    last_heartbeat: datetime
    jobs: int


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The number of jobs in each state."""

    waiting: int
    doing: int
    failed: int


@dataclass(frozen=True, slots=True)
class RunningDistribution:
    """The progress of a distribution that is being paid, in batches and in holders."""

    distribution_id: uuid.UUID
    symbol: str
    batches: int
    batches_done: int
    holders: int
    paid: int
    failed: int


@dataclass(frozen=True, slots=True)
class WorkStatus:
    """The status of the background work."""

    workers: Sequence[WorkerSign]
    jobs: JobCounts
    distributions: Sequence[RunningDistribution]


class BackgroundWork:
    """The background work in the tables."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def status(self) -> WorkStatus:
        """Return the present status."""
        workers = [
            WorkerSign(row.worker_id, row.last_heartbeat.astimezone(UTC), row.jobs)
            for row in await self._rows(_WORKERS)
        ]
        (jobs,) = await self._rows(_JOBS)
        running = [RunningDistribution(**row._asdict()) for row in await self._rows(_RUNNING)]
        return WorkStatus(workers, JobCounts(**jobs._asdict()), running)

    async def requeue_stalled(self) -> Sequence[int]:
        """Queue again the jobs that dead workers have in hand, and return their ids."""
        return [row.id for row in await self._rows(_REQUEUE, alive_seconds=WORKER_ALIVE_SECONDS)]

    async def _rows(self, statement: Any, **parameters: Any) -> Sequence[Row[Any]]:
        return (await self.session.execute(statement, parameters)).all()
