"""Controls: what must hold before money moves: approvals, limits, funds."""

from masspayout.controls import approvals, funds, policies, send_backs, start_conditions
from masspayout.controls.funds import FundsReading, frozen_token, held_amount

__all__ = [
    "FundsReading",
    "approvals",
    "frozen_token",
    "funds",
    "held_amount",
    "policies",
    "send_backs",
    "start_conditions",
]
