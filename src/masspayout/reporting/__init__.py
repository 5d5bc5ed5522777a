"""Reporting: files about payouts and registers for other people and programs."""

from masspayout.reporting import exports

__all__ = [
    "exports",
]
