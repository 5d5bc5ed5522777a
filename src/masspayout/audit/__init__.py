"""The audit trail: a record of every action, in a chain of hashes that shows tampering."""

from masspayout.audit.distribution_records import record_cancelled, record_created, record_start
from masspayout.audit.trail import Verification, record, record_change, record_move, verify, verify_latest

__all__ = [
    "Verification",
    "record",
    "record_cancelled",
    "record_change",
    "record_created",
    "record_move",
    "record_start",
    "verify",
    "verify_latest",
]
