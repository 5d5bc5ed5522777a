"""Series as JSON."""

from uuid import UUID

from masspayout.api.models.base import Amount, ResponseModel, Time
from masspayout.db.entities import DistributionType, ExecutionType, Frequency, PayoutType, SeriesStatus


class SeriesResponse(ResponseModel):
    """A series, which creates distributions on a calendar or when funds arrive."""

    id: UUID
    asset_id: UUID
    type: DistributionType
    execution_type: ExecutionType
    payout_type: PayoutType
    amount: Amount | None
    concept: str | None
    status: SeriesStatus
    frequency: Frequency | None
    start_time: Time | None
    end_time: Time | None
    time_zone: str
    catch_up_seconds: int
    trigger_condition: str | None
    excluded_accounts: list[str]
    included_accounts: list[str]
    created_at: Time | None
    updated_at: Time | None
