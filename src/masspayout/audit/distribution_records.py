"""What the audit trail says of distributions that were made or called off, whoever did so."""

import uuid
from typing import Any

from masspayout import audit
from masspayout.db.entities import Distribution, DistributionStatus
from masspayout.db.store import Recorder

# What it says of a new one, by the names of its columns.
_TERMS = (
    "asset_id",
    "series_id",
    "type",
    "execution_type",
    "payout_type",
    "amount",
    "concept",
    "scheduled_time",
    "record_time",
    "excluded_accounts",
    "included_accounts",
)


def record_created(work: Recorder, distribution: Distribution) -> None:
    """Write down who made a distribution, and its terms."""
    terms = {name: getattr(distribution, name) for name in _TERMS}
    audit.record(work, "distribution.created", distribution.id, after=terms)


def record_cancelled(work: Recorder, distribution_id: uuid.UUID) -> None:
    """Write down who called a distribution off."""
    pending, cancelled = DistributionStatus.PENDING, DistributionStatus.CANCELLED
    audit.record_move(work, "distribution.cancelled", distribution_id, pending, cancelled)


def record_start(
    work: Recorder, action: str, distribution: Distribution, before: DistributionStatus, **more: Any
) -> None:
    """Write down who has a distribution paid, and what it was that they have paid."""
    what = {"register_hash": distribution.register_hash, "total_amount": distribution.total_amount, **more}
    audit.record_move(work, action, distribution.id, before, DistributionStatus.PROCESSING, **what)
