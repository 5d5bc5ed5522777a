"""Entities: the domain objects, which are the tables.

Columns under "Added to the users' schema" are ours; the rest of the five tables is as their users have it.
Relationships raise unless the query loads them.
"""

from masspayout.db.entities.access import ApiToken, LoginLink, LoginSession, LoginThrottle, User
from masspayout.db.entities.audit import AuditEntry, AuditHead
from masspayout.db.entities.automation import TERM_COLUMNS, ContractEvent, EventListener, Refund, Series
from masspayout.db.entities.base import Base
from masspayout.db.entities.control import Approval, PayoutStart
from masspayout.db.entities.evm import EvmToken, EvmTransaction, evm_balance_change
from masspayout.db.entities.idempotency import IdempotentRequest
from masspayout.db.entities.pauses import Pause
from masspayout.db.entities.payers import EntryAnswer, Installation, Payer, PayerBalance, PayerEntry
from masspayout.db.entities.payouts import Asset, BatchPayout, Distribution, Entitlement, RegisterEntry
from masspayout.db.entities.policies import Policy, Proposal, ProposalState
from masspayout.db.entities.sending import Attempt, LedgerSequence
from masspayout.db.entities.servicing import Bond, BondFactor, CalendarDay
from masspayout.db.entities.terms import term_columns
from masspayout.db.entities.webhooks import Webhook, WebhookDelivery, WebhookEvent
from masspayout.kernel.states import (
    AttemptStatus,
    BatchStatus,
    DeliveryStatus,
    DistributionStatus,
    DistributionType,
    EventStatus,
    ExecutionType,
    Frequency,
    PayoutType,
    SeriesStatus,
    SyncStatus,
)

__all__ = [
    "TERM_COLUMNS",
    "ApiToken",
    "Approval",
    "Asset",
    "Attempt",
    "AttemptStatus",
    "AuditEntry",
    "AuditHead",
    "Base",
    "BatchPayout",
    "BatchStatus",
    "Bond",
    "BondFactor",
    "CalendarDay",
    "ContractEvent",
    "DeliveryStatus",
    "Distribution",
    "DistributionStatus",
    "DistributionType",
    "Entitlement",
    "EntryAnswer",
    "EventListener",
    "EventStatus",
    "EvmToken",
    "EvmTransaction",
    "ExecutionType",
    "Frequency",
    "IdempotentRequest",
    "Installation",
    "LedgerSequence",
    "LoginLink",
    "LoginSession",
    "LoginThrottle",
    "Pause",
    "Payer",
    "PayerBalance",
    "PayerEntry",
    "PayoutStart",
    "PayoutType",
    "Policy",
    "Proposal",
    "ProposalState",
    "Refund",
    "RegisterEntry",
    "Series",
    "SeriesStatus",
    "SyncStatus",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "evm_balance_change",
    "term_columns",
]
