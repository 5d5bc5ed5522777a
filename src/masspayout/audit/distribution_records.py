"""Audit entries of distributions that are created, started or cancelled."""

import uuid
from typing import Any

from masspayout import audit
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.store import Recorder
from masspayout.kernel.payout_terms import DISTRIBUTION_TERMS

# The columns of a new distribution that its entry keeps.
_RECORDED = ("asset_id", "series_id", *DISTRIBUTION_TERMS)


def record_created(work: Recorder, distribution: Distribution) -> None:
    """Record the creation of a distribution by the current actor, with its terms."""
    terms = {name: getattr(distribution, name) for name in _RECORDED}
    audit.record(work, "distribution.created", distribution.id, after=terms)


def record_cancelled(work: Recorder, distribution_id: uuid.UUID) -> None:
    """Record the cancellation of a distribution by the current actor."""
    pending, cancelled = DistributionStatus.PENDING, DistributionStatus.CANCELLED
    audit.record_move(work, "distribution.cancelled", distribution_id, pending, cancelled)


def record_start(
    work: Recorder, action: str, distribution: Distribution, before: DistributionStatus, **more: Any
) -> None:
    """Record that the current actor has a distribution paid, with its obligation and amount."""
    what = {"register_hash": distribution.register_hash, "total_amount": distribution.total_amount, **more}
    audit.record_move(work, action, distribution.id, before, DistributionStatus.PROCESSING, **what)
