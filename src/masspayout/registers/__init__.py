"""Registers: assets and their holders, and the ledger that each asset is bound to."""

from masspayout.registers import assets, ledger_binding
from masspayout.registers.ledger_binding import Binding

__all__ = [
    "Binding",
    "assets",
    "ledger_binding",
]
