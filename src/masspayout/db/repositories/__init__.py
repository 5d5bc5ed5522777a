"""The queries, one repository per table. No other code writes SQL to these tables.

A repository works inside its caller's unit of work and never commits. Changes of state are compare-and-set: one UPDATE
that names the states it may start from, and returns what it changed.
"""

from masspayout.db.repositories.access import ApiTokens, LoginLinks, LoginSessions, LoginThrottles, Users
from masspayout.db.repositories.adoptions import Adoptions, AttachedRow
from masspayout.db.repositories.announced_payouts import AnnouncedPayouts
from masspayout.db.repositories.approvals import Approvals, PayoutStarts
from masspayout.db.repositories.assets import Assets
from masspayout.db.repositories.attempts import Attempts
from masspayout.db.repositories.audit_entries import AuditEntries
from masspayout.db.repositories.automatic_payouts import AutomaticPayouts
from masspayout.db.repositories.background_work import WORKER_ALIVE_SECONDS, BackgroundWork, WorkStatus
from masspayout.db.repositories.base import Page, Repository
from masspayout.db.repositories.batch_payouts import BatchPayouts
from masspayout.db.repositories.bonds import Bonds
from masspayout.db.repositories.calendar_days import CalendarDays
from masspayout.db.repositories.claims import Claims, Withheld
from masspayout.db.repositories.contract_events import ContractEvents
from masspayout.db.repositories.distributions import Distributions
from masspayout.db.repositories.dry_runs import DryRun, DryRunTotals
from masspayout.db.repositories.due import DueStart
from masspayout.db.repositories.due_starts import (
    ROWS_REFUSED,
    DueStarts,
    database_reason,
    refusing_rows,
    rows_refused,
)
from masspayout.db.repositories.entitlements import Entitlements
from masspayout.db.repositories.event_listeners import EventListeners, EventSummary
from masspayout.db.repositories.evm import BalanceChange, EvmTokens, EvmTransactions
from masspayout.db.repositories.first_claims import BegunBatch, FirstClaims
from masspayout.db.repositories.freezes import Freeze, analyse_large, register_hash_of
from masspayout.db.repositories.holders import Holders, RegisterChange
from masspayout.db.repositories.idempotent_requests import IdempotentRequests
from masspayout.db.repositories.keyset_paging import ListPage, Order, PageRequest, SortKey, read_list_page
from masspayout.db.repositories.ledger_bindings import LedgerBindings, Unfinished
from masspayout.db.repositories.monitoring import Monitoring, Readings
from masspayout.db.repositories.obligations import refusing_second_obligation
from masspayout.db.repositories.overview import FailedPayout, Overview, PaidInMonth
from masspayout.db.repositories.pauses import Pauses
from masspayout.db.repositories.payer_balances import PayerBalances
from masspayout.db.repositories.payers import DatabaseFacts, Payers
from masspayout.db.repositories.policies import Policies, Proposals
from masspayout.db.repositories.read_models import (
    AssetSort,
    DistributionFilter,
    DistributionSort,
    EntitlementFilter,
    EventSort,
    HolderSort,
    ReadModels,
)
from masspayout.db.repositories.reconciliations import ComparedTotals, Reconciliations
from masspayout.db.repositories.register_hashes import RegisterHashes
from masspayout.db.repositories.restores import RevivedState
from masspayout.db.repositories.series import SeriesRepository
from masspayout.db.repositories.supplied_entitlements import SuppliedEntitlement, SuppliedEntitlements
from masspayout.db.repositories.webhooks import Backlog, Webhooks

__all__ = [
    "ROWS_REFUSED",
    "WORKER_ALIVE_SECONDS",
    "Adoptions",
    "AnnouncedPayouts",
    "ApiTokens",
    "Approvals",
    "AssetSort",
    "Assets",
    "AttachedRow",
    "Attempts",
    "AuditEntries",
    "AutomaticPayouts",
    "BackgroundWork",
    "Backlog",
    "BalanceChange",
    "BatchPayouts",
    "BegunBatch",
    "Bonds",
    "CalendarDays",
    "Claims",
    "ComparedTotals",
    "ContractEvents",
    "DatabaseFacts",
    "DistributionFilter",
    "DistributionSort",
    "Distributions",
    "DryRun",
    "DryRunTotals",
    "DueStart",
    "DueStarts",
    "EntitlementFilter",
    "Entitlements",
    "EventListeners",
    "EventSort",
    "EventSummary",
    "EvmTokens",
    "EvmTransactions",
    "FailedPayout",
    "FirstClaims",
    "Freeze",
    "HolderSort",
    "Holders",
    "IdempotentRequests",
    "LedgerBindings",
    "ListPage",
    "LoginLinks",
    "LoginSessions",
    "LoginThrottles",
    "Monitoring",
    "Order",
    "Overview",
    "Page",
    "PageRequest",
    "PaidInMonth",
    "Pauses",
    "PayerBalances",
    "Payers",
    "PayoutStarts",
    "Policies",
    "Proposals",
    "ReadModels",
    "Readings",
    "Reconciliations",
    "RegisterChange",
    "RegisterHashes",
    "Repository",
    "RevivedState",
    "SeriesRepository",
    "SortKey",
    "SuppliedEntitlement",
    "SuppliedEntitlements",
    "Unfinished",
    "Users",
    "Webhooks",
    "Withheld",
    "WorkStatus",
    "analyse_large",
    "database_reason",
    "read_list_page",
    "refusing_rows",
    "refusing_second_obligation",
    "register_hash_of",
    "rows_refused",
]
