"""Queries for monitoring, cheap for any number of holders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.repositories.approvals import given_approvals
from masspayout.db.repositories.background_work import WORKER_ALIVE_SECONDS

# Each of these uses an index with few matching rows, or reads a table that does not grow with the holders. Batches are
# counted only if they were started within a day or are failing.
_COUNTS = text("""
    SELECT (SELECT count(*) FROM batch_payout WHERE status = 'FAILED') AS failed_batches,
           (SELECT count(*) FROM batch_payout WHERE status IN ('PENDING', 'PROCESSING')
               AND EXISTS (SELECT FROM distribution AS d WHERE d.id = distribution_id AND d.status = 'PROCESSING'))
               AS open_batches,
           (SELECT count(*) FROM attempt WHERE status IN ('SIGNED', 'SUBMITTED')) AS undecided_attempts,
           (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM attempt
             WHERE status IN ('SIGNED', 'SUBMITTED')) AS oldest_undecided_seconds,
           (SELECT count(*) FROM procrastinate_workers
             WHERE last_heartbeat >= now() - make_interval(secs => :alive_seconds)) AS workers,
           (SELECT number FROM audit_head) AS audit_entries,
           (SELECT count(*) FROM webhook_event WHERE dispatched_at IS NULL) AS new_events,
           (SELECT count(*) FROM webhook_delivery WHERE status = 'PENDING') AS pending_deliveries,
           (SELECT count(*) FROM webhook_delivery WHERE status = 'FAILED') AS failed_deliveries,
           (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM webhook_delivery
             WHERE status = 'PENDING') AS oldest_delivery_seconds
""")

_TO_BE_APPROVED = (
    select(func.count())
    .select_from(Distribution)
    .where(
        Distribution.status == DistributionStatus.PENDING,
        Distribution.frozen_at.is_not(None),
        given_approvals() < Distribution.approvals_required,
        Distribution.sent_back_at.is_(None),
    )
)

_DISTRIBUTIONS = text("SELECT status, count(*) AS count FROM distribution GROUP BY status")

_JOBS = text("SELECT CAST(status AS text) AS status, count(*) AS count FROM procrastinate_jobs GROUP BY status")

_BATCHES_OF_A_DAY = text("""
    SELECT b.status, count(*) AS count
      FROM distribution AS d
      JOIN batch_payout AS b ON b.distribution_id = d.id
     WHERE d.executed_at > now() - interval '24 hours'
     GROUP BY b.status
""")

_DURATIONS = text("""
    SELECT count(*) AS count, coalesce(sum(seconds), 0) AS sum,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS most,
           max(seconds) AS longest
      FROM (SELECT extract(epoch FROM updated_at - executed_at) AS seconds
              FROM distribution
             WHERE status IN ('COMPLETED', 'FAILED') AND executed_at > now() - interval '24 hours') AS finished
""")

_SYNC_LAGS = text("""
    SELECT token_id, extract(epoch FROM now() - last_synced_at) AS seconds
      FROM asset
     WHERE sync_every_seconds IS NOT NULL AND last_synced_at IS NOT NULL
     ORDER BY last_synced_at
     LIMIT :most
""")

_LISTENER_LAGS = text("""
    SELECT contract_id, extract(epoch FROM now() - coalesce(last_polled_at, created_at)) AS seconds
      FROM blockchain_event_listener_config
     WHERE enabled
     ORDER BY last_polled_at NULLS FIRST
     LIMIT :most
""")

# The lag is shown for at most this many assets or listeners, the longest first: monitoring is paid by the label.
_MOST_LAGS = 200


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of monitoring. ``counts`` are by name; the others by status, token or contract."""

    counts: Mapping[str, float] = field(default_factory=dict)
    distributions: Mapping[str, float] = field(default_factory=dict)
    jobs: Mapping[str, float] = field(default_factory=dict)
    batches_of_a_day: Mapping[str, float] = field(default_factory=dict)
    durations: Mapping[str, float] = field(default_factory=dict)
    sync_lags: Mapping[str, float] = field(default_factory=dict)
    listener_lags: Mapping[str, float] = field(default_factory=dict)


class Monitoring:
    """The queries of monitoring, inside one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def read(self) -> Readings:
        """Return the present readings."""
        (counts,) = await self._rows(_COUNTS, alive_seconds=WORKER_ALIVE_SECONDS)
        (durations,) = await self._rows(_DURATIONS)
        return Readings(
            counts=_numbers({**counts._asdict(), "to_be_approved": await self.session.scalar(_TO_BE_APPROVED)}),
            distributions=_numbers(dict(map(tuple, await self._rows(_DISTRIBUTIONS)))),
            jobs=_numbers(dict(map(tuple, await self._rows(_JOBS)))),
            batches_of_a_day=_numbers(dict(map(tuple, await self._rows(_BATCHES_OF_A_DAY)))),
            durations=_numbers(durations._asdict()),
            sync_lags=_numbers(dict(map(tuple, await self._rows(_SYNC_LAGS, most=_MOST_LAGS)))),
            listener_lags=_numbers(dict(map(tuple, await self._rows(_LISTENER_LAGS, most=_MOST_LAGS)))),
        )

    async def _rows(self, statement: Any, **parameters: Any) -> Sequence[Any]:
        return (await self.session.execute(statement, parameters)).all()


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None}
