"""Controls: what must hold before money moves: approvals, limits, funds."""

from masspayout.controls import (
    approvals,
    funds,
    policies,
    policy_changes,
    policy_findings,
    proposals,
    send_backs,
    start_conditions,
)
from masspayout.controls.funds import FundsReading, frozen_token, held_amount
from masspayout.controls.policies import PolicyInForce, is_guarded
from masspayout.controls.policy_changes import PolicyChange
from masspayout.controls.policy_content import PolicyContent, read_content
from masspayout.controls.proposals import ProposalKind, without_secrets

__all__ = [
    "FundsReading",
    "PolicyChange",
    "PolicyContent",
    "PolicyInForce",
    "ProposalKind",
    "approvals",
    "frozen_token",
    "funds",
    "held_amount",
    "is_guarded",
    "policies",
    "policy_changes",
    "policy_findings",
    "proposals",
    "read_content",
    "send_backs",
    "start_conditions",
    "without_secrets",
]
