"""Registers: assets and who holds them, and the ledger that each of them belongs to."""

from masspayout.registers import assets, ledger_binding
from masspayout.registers.ledger_binding import Binding

__all__ = [
    "Binding",
    "assets",
    "ledger_binding",
]
