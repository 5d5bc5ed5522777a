"""The timeline of a payout: what happened when, where it stands, what comes next."""

from datetime import datetime

from masspayout.dashboard.formats import plural, when
from masspayout.dashboard.markup import Content, Html, h
from masspayout.db.entities import Distribution, DistributionStatus

_Step = tuple[str, Content, str]


def timeline(distribution: Distribution, unpaid_count: int) -> Html:
    """Return the steps of a payout's life with their times."""
    steps = [_created(distribution), _frozen(distribution), _started(distribution), _ended(distribution, unpaid_count)]
    return h(
        "ol",
        (h("li", h("strong", name), time, class_=state or None) for name, time, state in steps),
        class_="timeline",
        aria_label="Timeline",
    )


def _created(distribution: Distribution) -> _Step:
    return "Planned", _time(distribution.created_at), "done"


def _frozen(distribution: Distribution) -> _Step:
    if distribution.is_frozen:
        return "Amounts locked", _time(distribution.frozen_at), "done"
    if distribution.status is DistributionStatus.PENDING:
        return "Amounts locked when due", _time(distribution.record_time or distribution.scheduled_time), "now"
    return "Amounts not locked", None, ""


def _started(distribution: Distribution) -> _Step:
    if distribution.executed_at is not None:
        state = "now" if distribution.status is DistributionStatus.PROCESSING else "done"
        return "Paying" if state == "now" else "Payment began", _time(distribution.executed_at), state
    if distribution.status is DistributionStatus.PENDING:
        planned = distribution.scheduled_time
        waits = "now" if distribution.is_frozen else ""
        return ("Starts by itself", _time(planned), waits) if planned else ("Ready", None, waits)
    return "Did not start", None, ""


def _ended(distribution: Distribution, unpaid_count: int) -> _Step:
    time = _time(distribution.updated_at)
    match distribution.status:
        case DistributionStatus.COMPLETED:
            return "All holders paid", time, "good"
        case DistributionStatus.FAILED:
            return f"{plural(unpaid_count, 'holder')} unpaid" if distribution.executed_at else "Failed", time, "bad"
        case DistributionStatus.CANCELLED:
            return "Cancelled: no holder paid", time, "done"
    return "Completed", None, ""


def _time(time: datetime | None) -> Html | None:
    return None if time is None else when(time)
