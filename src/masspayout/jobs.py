"""Background jobs, on Procrastinate's tables of the same PostgreSQL.

A job is written in the transaction of the business that needs it, so that neither is there without the other. Jobs only
trigger work: the tables hold the truth, and a job that is lost or doubled does no harm.
"""

import uuid
from datetime import datetime

import procrastinate
from sqlalchemy import URL

from masspayout.db.connecting import Connector
from masspayout.db.connections import driver_connection
from masspayout.db.unit_of_work import UnitOfWork

PAY_DISTRIBUTION = "pay_distribution"
RECOVER = "recover"

# Several workers share a large distribution: each takes one of these jobs, and claims batches until none is left. More
# workers help only when several distributions run (docs/decisions/few-jobs.md).
_MOST_JOBS_PER_DISTRIBUTION = 4


class Jobs:
    """The queue of jobs, with the Procrastinate application that workers run."""

    def __init__(self, url: URL, *, connections: int = 4) -> None:
        connector = Connector(url)
        self._pool = procrastinate.PsycopgConnector(
            kwargs=connector.arguments,
            configure=connector.agree,
            min_size=1,
            max_size=connections - 1,  # one of them listens
        )
        self.app = procrastinate.App(connector=self._pool)

    async def renew_connections(self) -> None:
        """Replace the connections, for the server, or another one in its place, may answer differently now."""
        await self._pool.pool.drain()

    async def enqueue_payment(
        self, work: UnitOfWork, distribution_id: uuid.UUID, *, batch_count: int, at: datetime | None = None
    ) -> None:
        """Enqueue the payment of a distribution in a unit of work, to start at once or at a time of the database."""
        connection = await driver_connection(work)
        job = self.app.configure_task(PAY_DISTRIBUTION, allow_unknown=True, connection=connection, schedule_at=at)
        for _ in range(min(batch_count, _MOST_JOBS_PER_DISTRIBUTION)):
            await job.defer_async(distribution_id=str(distribution_id))
