"""Read models: the long lists that people and programs page through, with their filters and sort orders."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from masspayout.db.entities import (
    ApiToken,
    Asset,
    Attempt,
    AttemptStatus,
    AuditEntry,
    BatchPayout,
    BatchStatus,
    ContractEvent,
    DeliveryStatus,
    Distribution,
    DistributionStatus,
    DistributionType,
    Entitlement,
    EventListener,
    EventStatus,
    ExecutionType,
    Policy,
    Proposal,
    ProposalState,
    RegisterEntry,
    Series,
    SeriesStatus,
    SyncStatus,
    Webhook,
    WebhookDelivery,
)
from masspayout.db.repositories.holders import register_length
from masspayout.db.repositories.keyset_paging import ListPage, Order, PageRequest, SortKey, read_list_page

_NEVER: ColumnElement[Any] = literal_column("'infinity'::timestamp")
_NOTHING = literal(-1)


class AssetSort(StrEnum):
    """The sort order of a list of assets; a dash means the largest first."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    NAME = "name"
    NAME_BACKWARDS = "-name"


class DistributionSort(StrEnum):
    """The sort order of a list of distributions; a dash means the largest first."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    DUE_FIRST = "scheduled_time"
    DUE_LAST = "-scheduled_time"
    LARGEST = "-total_amount"
    SMALLEST = "total_amount"


class HolderSort(StrEnum):
    """The sort order of a list of holders; a dash means the largest first."""

    ACCOUNT = "account_id"
    ACCOUNT_BACKWARDS = "-account_id"
    LARGEST_BALANCE = "-balance"
    LARGEST_AMOUNT = "-payment_amount"


class EventSort(StrEnum):
    """The sort order of a list of events; a dash means the latest first."""

    LATEST = "-timestamp_nanos"
    EARLIEST = "timestamp_nanos"


@dataclass(frozen=True, slots=True)
class DistributionFilter:
    """The filter of a list of distributions. None means any; times are from (inclusive) until (exclusive)."""

    asset_id: uuid.UUID | None = None
    series_id: uuid.UUID | None = None
    status: DistributionStatus | None = None
    type: DistributionType | None = None
    execution_type: ExecutionType | None = None
    failure_code: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    scheduled_from: datetime | None = None
    scheduled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntitlementFilter:
    """The filter of a list of entitlements. None means any."""

    paid: bool | None = None
    failure_code: str | None = None
    batch_number: int | None = None
    account_id: str | None = None


class ReadModels:
    """The long lists, inside one unit of work."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def assets(
        self, request: PageRequest, sort: AssetSort, *, sync_status: SyncStatus | None = None
    ) -> ListPage[Asset]:
        """Return a page of the assets."""
        query = select(Asset).where(*_equal({Asset.sync_status: sync_status}))
        columns = {"created_at": (SortKey(Asset.created_at),), "name": (SortKey(Asset.name),)}
        return await read_list_page(self.session, query, _order(sort, columns, SortKey(Asset.id)), request)

    async def register(
        self, asset_id: uuid.UUID, request: PageRequest, sort: HolderSort, *, account_id: str | None = None
    ) -> ListPage[RegisterEntry]:
        """Return a page of an asset's register."""
        query = select(RegisterEntry).where(RegisterEntry.asset_id == asset_id, RegisterEntry.distribution_id.is_(None))
        total = register_length(asset_id, query)
        query = query.where(*_equal({RegisterEntry.account_id: account_id}))
        return await read_list_page(
            self.session, query, _holder_order(RegisterEntry, sort), request, total=None if account_id else total
        )

    async def distributions(
        self, wanted: DistributionFilter, request: PageRequest, sort: DistributionSort
    ) -> ListPage[Distribution]:
        """Return a page of the distributions."""
        equal = {
            Distribution.asset_id: wanted.asset_id,
            Distribution.series_id: wanted.series_id,
            Distribution.status: wanted.status,
            Distribution.type: wanted.type,
            Distribution.execution_type: wanted.execution_type,
            Distribution.failure_code: wanted.failure_code,
        }
        query = (
            select(Distribution)
            .where(*_equal(equal))
            .where(*_between(Distribution.created_at, wanted.created_from, wanted.created_until))
            .where(*_between(Distribution.scheduled_time, wanted.scheduled_from, wanted.scheduled_until))
        )
        columns = {
            "created_at": (SortKey(Distribution.created_at),),
            "scheduled_time": (SortKey(Distribution.scheduled_time, null_as=_NEVER),),
            "total_amount": (SortKey(Distribution.total_amount, null_as=_NOTHING),),
        }
        return await read_list_page(self.session, query, _order(sort, columns, SortKey(Distribution.id)), request)

    async def series(
        self, request: PageRequest, *, asset_id: uuid.UUID | None = None, status: SeriesStatus | None = None
    ) -> ListPage[Series]:
        """Return a page of the series, the newest first."""
        query = select(Series).where(*_equal({Series.asset_id: asset_id, Series.status: status}))
        order = Order((SortKey(Series.created_at), SortKey(Series.id)), is_descending=True)
        return await read_list_page(self.session, query, order, request)

    async def entitlements(
        self, distribution: Distribution, wanted: EntitlementFilter, request: PageRequest, sort: HolderSort
    ) -> ListPage[Entitlement]:
        """Return a page of the entitlements of a distribution."""
        equal = {
            Entitlement.paid: wanted.paid,
            Entitlement.failure_code: wanted.failure_code,
            Entitlement.batch_number: wanted.batch_number,
            Entitlement.account_id: wanted.account_id,
        }
        query = select(Entitlement).where(
            Entitlement.asset_id == distribution.asset_id,
            Entitlement.distribution_id == distribution.id,
            *_equal(equal),
        )
        counter, is_whole = distribution.entitlement_count, wanted == EntitlementFilter()
        total = literal(counter) if is_whole and counter is not None else None
        return await read_list_page(self.session, query, _holder_order(Entitlement, sort), request, total=total)

    async def batches(
        self, distribution_id: uuid.UUID, request: PageRequest, *, status: BatchStatus | None = None
    ) -> ListPage[BatchPayout]:
        """Return a page of the batches of a distribution, by number."""
        query = select(BatchPayout).where(
            BatchPayout.distribution_id == distribution_id, *_equal({BatchPayout.status: status})
        )
        return await read_list_page(self.session, query, Order((SortKey(BatchPayout.batch_number),)), request)

    async def attempts(
        self, distribution_id: uuid.UUID, request: PageRequest, *, status: AttemptStatus | None = None
    ) -> ListPage[Attempt]:
        """Return a page of the attempts of a distribution, in the order in which they were signed."""
        query = (
            select(Attempt)
            .join(BatchPayout, BatchPayout.id == Attempt.batch_payout_id)
            .where(BatchPayout.distribution_id == distribution_id, *_equal({Attempt.status: status}))
        )
        return await read_list_page(self.session, query, Order((SortKey(Attempt.id),)), request)

    async def listeners(self, request: PageRequest) -> ListPage[EventListener]:
        """Return a page of the event listeners, by contract id."""
        order = Order((SortKey(EventListener.contract_id),))
        return await read_list_page(self.session, select(EventListener), order, request)

    async def events(
        self,
        request: PageRequest,
        sort: EventSort,
        *,
        contract_id: str | None = None,
        name: str | None = None,
        status: EventStatus | None = None,
    ) -> ListPage[ContractEvent]:
        """Return a page of the events that contracts reported."""
        equal = {
            ContractEvent.contract_id: contract_id,
            ContractEvent.name: name,
            ContractEvent.status: status,
        }
        keys = (SortKey(ContractEvent.timestamp_nanos), SortKey(ContractEvent.event_index))
        order = _order(sort, {"timestamp_nanos": keys}, SortKey(ContractEvent.id))
        return await read_list_page(self.session, select(ContractEvent).where(*_equal(equal)), order, request)

    async def audit_entries(
        self,
        request: PageRequest,
        *,
        subject_id: str | None = None,
        action: str | None = None,
        actor: str | None = None,
    ) -> ListPage[AuditEntry]:
        """Return a page of the audit trail, the latest first."""
        query = select(AuditEntry).where(*_equal({AuditEntry.subject_id: subject_id, AuditEntry.action: action}))
        if actor is not None:
            query = query.where(or_(AuditEntry.actor_id == actor, AuditEntry.actor_name == actor))
        return await read_list_page(
            self.session, query, Order((SortKey(AuditEntry.number),), is_descending=True), request
        )

    async def webhooks(self, request: PageRequest) -> ListPage[Webhook]:
        """Return a page of the webhooks, the newest first."""
        order = Order((SortKey(Webhook.created_at), SortKey(Webhook.id)), is_descending=True)
        return await read_list_page(self.session, select(Webhook), order, request)

    async def deliveries(
        self, webhook_id: uuid.UUID, request: PageRequest, *, status: DeliveryStatus | None = None
    ) -> ListPage[WebhookDelivery]:
        """Return a page of the deliveries to a webhook, the latest first."""
        query = select(WebhookDelivery).where(
            WebhookDelivery.webhook_id == webhook_id, *_equal({WebhookDelivery.status: status})
        )
        order = Order((SortKey(WebhookDelivery.number),), is_descending=True)
        return await read_list_page(self.session, query, order, request)

    async def tokens(self, request: PageRequest) -> ListPage[ApiToken]:
        """Return a page of the API tokens, the newest first."""
        order = Order((SortKey(ApiToken.created_at), SortKey(ApiToken.id)), is_descending=True)
        return await read_list_page(self.session, select(ApiToken), order, request)

    async def policies(self, request: PageRequest) -> ListPage[Policy]:
        """Return a page of the versions of the policy, the latest first."""
        order = Order((SortKey(Policy.number),), is_descending=True)
        return await read_list_page(self.session, select(Policy), order, request)

    async def proposals(self, request: PageRequest, *, state: ProposalState | None = None) -> ListPage[Proposal]:
        """Return a page of the proposals, the newest first."""
        query = select(Proposal) if state is None else select(Proposal).where(Proposal.state == state)
        order = Order((SortKey(Proposal.created_at), SortKey(Proposal.id)), is_descending=True)
        return await read_list_page(self.session, query, order, request)


def _holder_order(of: type[Entitlement | RegisterEntry], sort: HolderSort) -> Order:
    columns = {
        "account_id": (),
        "balance": (SortKey(of.balance),),
        "payment_amount": (SortKey(Entitlement.payment_amount, null_as=_NOTHING),),
    }
    # Naming the distribution, which is the same in all rows, shows the planner the order of the unique index.
    hints = (of.distribution_id.expression,) if sort in (HolderSort.ACCOUNT, HolderSort.ACCOUNT_BACKWARDS) else ()
    return _order(sort, columns, SortKey(of.account_id), hints=hints)


def _order(
    sort: StrEnum,
    columns: Mapping[str, tuple[SortKey, ...]],
    last: SortKey,
    *,
    hints: tuple[ColumnElement[Any], ...] = (),
) -> Order:
    return Order((*columns[sort.removeprefix("-")], last), is_descending=sort.startswith("-"), hints=hints)


def _equal(wanted: Mapping[Any, Any]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in wanted.items() if value is not None]


def _between(column: Any, first: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    conditions = [] if first is None else [column >= first]
    return conditions if end is None else [*conditions, column < end]
