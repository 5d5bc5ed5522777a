"""The dashboard: what payouts there are, who decides, and how the money arrives. It is served beside the API."""

from masspayout.dashboard.mounting import mount

__all__ = ["mount"]
