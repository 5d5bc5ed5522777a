"""Reporting: files about payouts and registers for other people and programs."""

from masspayout.reporting import bond_schedules, exports

__all__ = [
    "bond_schedules",
    "exports",
]
