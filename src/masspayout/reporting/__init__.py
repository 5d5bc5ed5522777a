"""Reporting: what leaves the house on paper and in files."""

from masspayout.reporting import exports

__all__ = [
    "exports",
]
