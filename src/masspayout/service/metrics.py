"""Metrics in the text format of Prometheus, from the tables alone.

Every process of a deployment reports the same values, so one scrape target is enough. ``docs/monitoring.md`` explains
each metric.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from masspayout.db.entities import BatchStatus, DistributionStatus
from masspayout.db.repositories import Readings
from masspayout.db.session import Database

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Scrapes may come from several servers; the tables are read at most this often.
_KEPT_SECONDS = 5.0

# Gauges of one number: name, reading and help text.
_SINGLE = (
    ("masspayout_failed_batches", "failed_batches", "Batches that are closed with unpaid holders."),
    ("masspayout_open_batches", "open_batches", "Batches of running payouts that are not closed yet."),
    ("masspayout_undecided_attempts", "undecided_attempts", "Signed transactions whose outcome is not known yet."),
    ("masspayout_oldest_undecided_seconds", "oldest_undecided_seconds", "Since when the oldest of them is undecided."),
    ("masspayout_workers", "workers", "Workers that gave a heartbeat within 15 seconds."),
    ("masspayout_distributions_to_approve", "to_be_approved", "Frozen payouts that wait for approvals."),
    ("masspayout_audit_entries", "audit_entries", "Entries of the audit trail."),
    ("masspayout_webhook_events_new", "new_events", "Events that no target was given yet."),
    ("masspayout_webhook_deliveries_pending", "pending_deliveries", "Deliveries that wait to be sent, or sent again."),
    ("masspayout_webhook_deliveries_failed", "failed_deliveries", "Deliveries that were given up."),
    ("masspayout_webhook_oldest_seconds", "oldest_delivery_seconds", "How old the oldest waiting delivery is."),
)


class Metrics:
    """The metrics. Requests within a few seconds share one reading.

    Args:
        clock: The time in seconds; tests may give their own.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._reading = asyncio.Lock()
        self._text = b""
        self._read_at = float("-inf")

    async def text(self) -> bytes:
        """Return all metrics, in the text format of Prometheus.

        Raises:
            DatabaseUnavailable: The database cannot be asked.
        """
        async with self._reading:
            if self._clock() - self._read_at > _KEPT_SECONDS:
                started = time.perf_counter()
                async with self._database.unit_of_work() as work:
                    readings = await work.monitoring.read()
                self._text = _exposition(readings, time.perf_counter() - started)
                self._read_at = self._clock()
            return self._text


class _Readings(Collector):
    def __init__(self, readings: Readings, seconds: float) -> None:
        self._readings = readings
        self._seconds = seconds

    def collect(self) -> Iterator[Metric]:
        readings = self._readings
        for name, key, meaning in _SINGLE:
            yield GaugeMetricFamily(name, meaning, value=readings.counts.get(key, 0.0))
        statuses = {status.value: readings.distributions.get(status.value, 0.0) for status in DistributionStatus}
        yield _by_label("masspayout_distributions", "Payouts by status.", "status", statuses)
        yield _by_label("masspayout_jobs", "Background jobs by status.", "status", readings.jobs)
        batches = {status.value: readings.batches_of_a_day.get(status.value, 0.0) for status in BatchStatus}
        yield _by_label(
            "masspayout_batches_24h", "Batches, by status, of payouts begun within 24 hours.", "status", batches
        )
        completed, failed = batches[BatchStatus.COMPLETED], batches[BatchStatus.FAILED]
        if completed + failed:
            yield GaugeMetricFamily(
                "masspayout_batch_success_ratio",
                "Of these batches that are closed, the share in which all holders were paid.",
                value=completed / (completed + failed),
            )
        yield from _durations(readings.durations)
        yield _by_label(
            "masspayout_sync_lag_seconds",
            "How old the registers are that are read on a timer.",
            "token_id",
            readings.sync_lags,
        )
        yield _by_label(
            "masspayout_listener_lag_seconds",
            "How long ago a contract was asked for its events.",
            "contract_id",
            readings.listener_lags,
        )
        yield GaugeMetricFamily(
            "masspayout_metrics_seconds", "How long it took to ask the tables for all this.", value=self._seconds
        )


def _durations(durations: Mapping[str, float]) -> Iterator[Metric]:
    """Yield the durations of payouts that began within 24 hours and ended."""
    meaning = "How long payouts took that began within 24 hours and have ended, by quantile."
    quantiles = {"0.5": "median", "0.95": "most", "1": "longest"}
    shown = {quantile: durations[name] for quantile, name in quantiles.items() if name in durations}
    yield _by_label("masspayout_payout_duration_seconds", meaning, "quantile", shown)
    yield GaugeMetricFamily(
        "masspayout_payouts_ended_24h",
        "Payouts that began within 24 hours and have ended.",
        value=durations.get("count", 0.0),
    )


def _by_label(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _exposition(readings: Readings, seconds: float) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Readings(readings, seconds))
    return generate_latest(registry)
