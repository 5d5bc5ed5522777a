"""The audit trail: a record of every action, in a chain of hashes that shows tampering."""

from masspayout.audit.distribution_records import record_cancelled, record_created, record_start
from masspayout.audit.heads import Head, read_heads
from masspayout.audit.publishing import publish_head, require_agreement
from masspayout.audit.sentences import describe
from masspayout.audit.trail import Verification, read_head, record, record_change, record_move, verify, verify_latest

__all__ = [
    "Head",
    "Verification",
    "describe",
    "publish_head",
    "read_head",
    "read_heads",
    "record",
    "record_cancelled",
    "record_change",
    "record_created",
    "record_move",
    "record_start",
    "require_agreement",
    "verify",
    "verify_latest",
]
