"""Payments: batches and attempts, statements of payers, recovery and reconciliation. No terms and no calendars."""

from masspayout.payments import reconciliation, recovery, stops
from masspayout.payments.batch_payouts import DistributionPayer
from masspayout.payments.clock_guard import require_not_behind
from masspayout.payments.payer_gate import PayerGate, sync_payer
from masspayout.payments.preflight import CHUNK_SIZE, ProgressCallback, RecipientCheck, chunks, ignore_progress
from masspayout.payments.reconciliation import BreakKind, Reconciliation
from masspayout.payments.recovery import Answered, PayerReport, Secured
from masspayout.payments.stops import never_started

__all__ = [
    "CHUNK_SIZE",
    "Answered",
    "BreakKind",
    "DistributionPayer",
    "PayerGate",
    "PayerReport",
    "ProgressCallback",
    "RecipientCheck",
    "Reconciliation",
    "Secured",
    "chunks",
    "ignore_progress",
    "never_started",
    "reconciliation",
    "recovery",
    "require_not_behind",
    "stops",
    "sync_payer",
]
